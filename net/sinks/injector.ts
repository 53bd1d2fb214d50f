// SPDX-License-Identifier: MIT
/** An interface that is open for sending. @module */
import { DLT_EN10MB, lastError, type PcapSymbols } from "../ffi/pcap.ts";
import { FrameBurst } from "./frame_burst.ts";
import { openForSending } from "./pcap_handle.ts";

/** Of no use any more once the interface is gone, also when another has its name. */
export class Injector {
  readonly burst: FrameBurst;
  readonly #pcap: PcapSymbols;
  readonly #handle: Deno.PointerObject;

  /** `index`: the kernel's number of the interface. Throws an `Error` whose message says what is wrong and the fix. */
  constructor(name: string, readonly index: number) {
    const { pcap, handle } = openForSending(name);
    this.#pcap = pcap;
    this.#handle = handle;
    const linkType = pcap.pcap_datalink(handle);
    if (linkType !== DLT_EN10MB) {
      pcap.pcap_close(handle);
      throw new Error(
        `Cannot send on interface ${name}: it is not an Ethernet interface (link type ${linkType})`,
      );
    }
    this.burst = new FrameBurst(pcap, handle);
  }

  /** What was wrong with the frame that libpcap could not send. */
  get lastError(): string {
    return lastError(this.#pcap, this.#handle);
  }

  close(): void {
    this.#pcap.pcap_close(this.#handle);
  }
}
