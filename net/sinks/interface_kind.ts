// SPDX-License-Identifier: MIT
/** `-o INTERFACE`. @module */
import { IS_LINUX } from "../ffi/platform.ts";
import { InterfaceSink } from "./interface.ts";
import { deviceOf, interfaceMtu } from "./interfaces.ts";
import type { SinkKind } from "./kind.ts";
import { openForSending, unknownInterface } from "./pcap_handle.ts";

/** `IFNAMSIZ` less its NUL. */
const INTERFACE_NAME_MAX = 15;

export const interfaceKind: SinkKind = {
  form: "an interface",
  description: "frames onto a network interface, for whoever listens there; needs `CAP_NET_RAW`",
  parse(text) {
    const isName = IS_LINUX ? text.length <= INTERFACE_NAME_MAX && /^[^\s/:]+$/.test(text) : text.length > 0;
    if (!isName) return undefined;
    return {
      name: text,
      flushes: false,
      interfaceName: text,
      mtuMax: () => interfaceMtu(text),
      check: () => checkInterface(text),
      open: (options) => new InterfaceSink(text, options),
    };
  },
};

function checkInterface(name: string): void {
  if (deviceOf(name) === undefined) throw new RangeError(unknownInterface(name));
  const { pcap, handle } = openForSending(name);
  pcap.pcap_close(handle);
}
