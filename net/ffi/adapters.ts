// SPDX-License-Identifier: MIT
/**
 * Network adapters as Windows knows them, through iphlpapi.dll. Opened on demand, never at import, and not needed elsewhere.
 *
 * @module
 */

const SYMBOLS = {
  /** `ULONG GetAdaptersAddresses(ULONG family, ULONG flags, PVOID reserved, PIP_ADAPTER_ADDRESSES list, PULONG size)` */
  GetAdaptersAddresses: { parameters: ["u32", "u32", "pointer", "buffer", "buffer"], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

const AF_UNSPEC = 0;
/** No addresses of any kind (`GAA_FLAG_SKIP_…`), but adapters without any too (`GAA_FLAG_INCLUDE_ALL_INTERFACES`). */
const NAMES_OF_ALL = 0x1 | 0x2 | 0x4 | 0x8 | 0x100;
const ERROR_SUCCESS = 0;
const ERROR_BUFFER_OVERFLOW = 111;
/** What Microsoft advises to begin with. */
const FIRST_SIZE_BYTES = 15_000;
/** The size that a call tells may be too small for the next one, where adapters come meanwhile. */
const TRIES = 4;
/** Places in `IP_ADAPTER_ADDRESSES` of 64 bits. */
const NEXT = 8, ADAPTER_NAME = 16, FRIENDLY_NAME = 72;

/** The names by which Windows shows its adapters ("Ethernet"), by their GUIDs with braces. Empty where it tells none. */
export function adapterNames(): Map<string, string> {
  const library = Deno.dlopen("iphlpapi.dll", SYMBOLS);
  try {
    const size = Uint32Array.of(FIRST_SIZE_BYTES);
    for (let tries = 0; tries < TRIES; tries++) {
      const list = new Uint8Array(size[0]), asked = new Uint8Array(size.buffer);
      const status = library.symbols.GetAdaptersAddresses(AF_UNSPEC, NAMES_OF_ALL, null, list, asked);
      if (status === ERROR_SUCCESS) {
        return namesIn(list, Deno.UnsafePointer.value(Deno.UnsafePointer.of(list)));
      }
      if (status !== ERROR_BUFFER_OVERFLOW) break;
    }
    return new Map();
  } finally {
    library.close();
  }
}

/** Names by GUIDs in a list of `IP_ADAPTER_ADDRESSES` that was made at `address`: all that it points to is in it. */
export function namesIn(list: Uint8Array<ArrayBuffer>, address: bigint): Map<string, string> {
  const view = new DataView(list.buffer);
  /** Where a pointer at `at` points to in the list; negative: it is null. */
  const target = (at: number) => Number(view.getBigUint64(at, true) - address);
  const names = new Map<string, string>();
  for (let at = 0; at >= 0; at = target(at + NEXT)) {
    const guid = textAt(view, target(at + ADAPTER_NAME), 1);
    names.set(guid, textAt(view, target(at + FRIENDLY_NAME), 2));
  }
  return names;
}

/** The text up to its zero, of units of one byte or two; empty where it is nowhere. */
function textAt(view: DataView, start: number, unitBytes: 1 | 2): string {
  let text = "";
  if (start < 0) return text;
  for (let at = start;; at += unitBytes) {
    const unit = unitBytes === 1 ? view.getUint8(at) : view.getUint16(at, true);
    if (unit === 0) return text;
    text += String.fromCharCode(unit);
  }
}
