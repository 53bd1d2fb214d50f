// SPDX-License-Identifier: MIT
/** Opening an interface for sending only. @module */
import * as ffi from "../ffi/pcap.ts";
import { IS_LINUX } from "../ffi/platform.ts";
import { deviceOf, interfaceNames } from "./interfaces.ts";

/** Bytes of a frame that the capture side of the handle would keep; nothing is captured. */
const SNAP_LENGTH = 64;
/** Bytes of capture buffer: what libpcap rounds up to its least. */
const CAPTURE_BUFFER_BYTES = 4096;

/** Throws an `Error` whose message says what is wrong and the fix. The caller closes the handle. */
export function openForSending(name: string): { pcap: ffi.PcapSymbols; handle: Deno.PointerObject } {
  const pcap = ffi.pcapLibrary();
  const errors = new Uint8Array(ffi.PCAP_ERRBUF_SIZE);
  const handle = pcap.pcap_create(ffi.cString(deviceOf(name) ?? name), errors);
  if (handle === null) throw new Error(`Cannot open interface ${name}: ${ffi.errorText(errors)}`);
  try {
    pcap.pcap_set_snaplen(handle, SNAP_LENGTH);
    pcap.pcap_set_promisc(handle, 0);
    pcap.pcap_set_buffer_size(handle, CAPTURE_BUFFER_BYTES);
    const status = pcap.pcap_activate(handle);
    if (status < 0) throw new Error(activationError(name, status, ffi.lastError(pcap, handle)));
    // Without a filter the kernel would copy what the interface receives into a buffer that nobody reads.
    if (pcap.pcap_setfilter(handle, rejectAll()) !== 0) {
      throw new Error(`Cannot open interface ${name}: ${ffi.lastError(pcap, handle)}`);
    }
  } catch (error) {
    pcap.pcap_close(handle);
    throw error;
  }
  return { pcap, handle };
}

function activationError(name: string, status: number, detail: string): string {
  switch (status) {
    case ffi.PCAP_ERROR_PERM_DENIED:
    case ffi.PCAP_ERROR_PROMISC_PERM_DENIED:
      return `Cannot send on interface ${name} without the capability CAP_NET_RAW: run as root, or give it to the program`;
    case ffi.PCAP_ERROR_NO_SUCH_DEVICE:
      return unknownInterface(name);
    case ffi.PCAP_ERROR_IFACE_NOT_UP:
      return `Cannot send on interface ${name}, it is down: ip link set ${name} up`;
    default:
      return `Cannot open interface ${name}: ${detail || `libpcap error ${status}`}`;
  }
}

export function unknownInterface(name: string): string {
  const toMakeOne = "; to make one: ip link add NAME type dummy, or, where the kernel has no dummy, " +
    "ip link add NAME type veth peer name OTHER, with both ends up and the IDS on OTHER";
  return `no interface is named ${JSON.stringify(name)}: give one of ${interfaceNames().join(", ")}, ` +
    `or a file ending in .pcapng or .pcap or with a slash${IS_LINUX ? toMakeOne : ""}`;
}

/** Keeps the instructions in memory until libpcap has copied them. */
let instructions: Uint8Array<ArrayBuffer> | undefined;

/** `struct bpf_program { unsigned count; struct bpf_insn *first; }` of one instruction, `ret #0`. */
function rejectAll(): Uint8Array<ArrayBuffer> {
  instructions = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0);
  const program = new DataView(new ArrayBuffer(16));
  program.setUint32(0, 1, true);
  program.setBigUint64(8, Deno.UnsafePointer.value(Deno.UnsafePointer.of(instructions)), true);
  return new Uint8Array(program.buffer);
}
