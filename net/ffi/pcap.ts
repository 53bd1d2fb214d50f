// SPDX-License-Identifier: MIT
/**
 * libpcap through FFI (wpcap.dll of Npcap on Windows). Opened on demand by {@linkcode pcapLibrary}, never at import.
 *
 * @module
 */
import { IS_WINDOWS } from "./platform.ts";

const SYMBOLS = {
  /** `pcap_t *pcap_create(const char *source, char *errbuf)` */
  pcap_create: { parameters: ["buffer", "buffer"], result: "pointer" },
  /** `int pcap_set_snaplen(pcap_t *, int)` */
  pcap_set_snaplen: { parameters: ["pointer", "i32"], result: "i32" },
  /** `int pcap_set_promisc(pcap_t *, int)` */
  pcap_set_promisc: { parameters: ["pointer", "i32"], result: "i32" },
  /** `int pcap_set_buffer_size(pcap_t *, int)` */
  pcap_set_buffer_size: { parameters: ["pointer", "i32"], result: "i32" },
  /** `int pcap_activate(pcap_t *)` */
  pcap_activate: { parameters: ["pointer"], result: "i32" },
  /** `int pcap_datalink(pcap_t *)` */
  pcap_datalink: { parameters: ["pointer"], result: "i32" },
  /** `int pcap_setfilter(pcap_t *, struct bpf_program *)` */
  pcap_setfilter: { parameters: ["pointer", "buffer"], result: "i32" },
  /** `int pcap_sendpacket(pcap_t *, const u_char *, int)`, which every wpcap.dll has; the address as a number */
  pcap_sendpacket: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  /** `int pcap_fileno(pcap_t *)`: on Linux, the packet socket */
  pcap_fileno: { parameters: ["pointer"], result: "i32" },
  /** `char *pcap_geterr(pcap_t *)` */
  pcap_geterr: { parameters: ["pointer"], result: "pointer" },
  /** `void pcap_close(pcap_t *)` */
  pcap_close: { parameters: ["pointer"], result: "void" },
  /** `int pcap_findalldevs(pcap_if_t **, char *errbuf)` */
  pcap_findalldevs: { parameters: ["buffer", "buffer"], result: "i32" },
  /** `void pcap_freealldevs(pcap_if_t *)` */
  pcap_freealldevs: { parameters: ["pointer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

export type PcapSymbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Debian and Ubuntu; everyone else; Windows. */
const NAMES = IS_WINDOWS
  ? [`${windowsSystemRoot()}\\System32\\Npcap\\wpcap.dll`, "wpcap.dll"]
  : Deno.build.os === "darwin"
  ? ["libpcap.A.dylib"]
  : ["libpcap.so.0.8", "libpcap.so.1"];

export const PCAP_ERROR_NO_SUCH_DEVICE = -5;
export const PCAP_ERROR_PERM_DENIED = -8;
export const PCAP_ERROR_IFACE_NOT_UP = -9;
export const PCAP_ERROR_PROMISC_PERM_DENIED = -11;
export const DLT_EN10MB = 1;
/** Bytes of libpcap's error buffers. */
export const PCAP_ERRBUF_SIZE = 256;

let opened: Deno.DynamicLibrary<typeof SYMBOLS> | undefined;

/** The library, opened once a process. Throws an `Error` that names the package when there is none. */
export function pcapLibrary(): PcapSymbols {
  if (opened) return opened.symbols;
  for (const name of NAMES) {
    try {
      opened = Deno.dlopen(name, SYMBOLS);
      return opened.symbols;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
  const fix = IS_WINDOWS
    ? "install Npcap (npcap.com)"
    : "install the package libpcap0.8 (Debian, Ubuntu) or libpcap (Fedora, Alpine, Arch)";
  throw new Error(`libpcap is missing (tried ${NAMES.join(", ")}): ${fix}`);
}

/** A NUL-terminated copy for a `const char *`. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Text of an error buffer. */
export function errorText(buffer: Uint8Array): string {
  const end = buffer.indexOf(0);
  return new TextDecoder().decode(buffer.subarray(0, end < 0 ? buffer.length : end));
}

/** What went wrong last on a handle. */
export function lastError(pcap: PcapSymbols, handle: Deno.PointerValue): string {
  return textAt(pcap.pcap_geterr(handle));
}

/** An interface as libpcap knows it. */
export interface PcapInterface {
  /** By which it is opened; of Npcap `\\Device\\NPF_{GUID}`. */
  readonly name: string;
  /** By which people know it, as far as there is such a name. */
  readonly description: string;
}

/** All that libpcap knows. */
export function allInterfaces(pcap: PcapSymbols): PcapInterface[] {
  const list = new BigUint64Array(1);
  if (pcap.pcap_findalldevs(new Uint8Array(list.buffer), new Uint8Array(PCAP_ERRBUF_SIZE)) !== 0) return [];
  const found: PcapInterface[] = [];
  const first = Deno.UnsafePointer.create(list[0]);
  // struct pcap_if { struct pcap_if *next; char *name; char *description; ... }
  for (let at = first; at !== null;) {
    const view = new Deno.UnsafePointerView(at);
    found.push({ name: textAt(view.getPointer(8)), description: textAt(view.getPointer(16)) });
    at = view.getPointer(0);
  }
  pcap.pcap_freealldevs(first);
  return found;
}

function textAt(text: Deno.PointerValue): string {
  return text === null ? "" : Deno.UnsafePointerView.getCString(text);
}

function windowsSystemRoot(): string {
  return Deno.env.get("SystemRoot") ?? "C:\\Windows";
}
