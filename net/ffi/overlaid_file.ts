// SPDX-License-Identifier: MIT
/** Which file of which file system an overlay shows: containers of one image have it under numbers of their own. @module */
import { LIBC_NAMES, openLibrary } from "./libc.ts";

const SYMBOLS = {
  /** `int name_to_handle_at(int folder, const char *path, struct file_handle *handle, int *mount_id, int flags)` */
  name_to_handle_at: { parameters: ["i32", "buffer", "buffer", "buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** AT_EMPTY_PATH | AT_HANDLE_FID: of the descriptor's own file, to be compared and never opened by (Linux 6.6). */
const OWN_FILE_ID = 0x1200;
/** struct file_handle: the number of its bytes, its type, its bytes. */
const HANDLE_SIZE = 8 + 128;
const TYPE_AT = 4;
/** OVL_FILEID_V1 */
const OVERLAID = 0xf8;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;

/** Names the file behind an open file of an overlay, the same whichever overlay shows it; undefined: it is none, or the kernel does not tell. */
export function overlaidFile(fd: number): string | undefined {
  opened ??= openLibrary(LIBC_NAMES, SYMBOLS).symbols;
  const handle = new Uint8Array(HANDLE_SIZE);
  const view = new DataView(handle.buffer);
  view.setUint32(0, HANDLE_SIZE - 8, true);
  const isKnown =
    opened.name_to_handle_at(fd, new Uint8Array(1), handle, new Uint8Array(4), OWN_FILE_ID) === 0;
  if (!isKnown || view.getInt32(TYPE_AT, true) !== OVERLAID) return undefined;
  return handle.subarray(8, 8 + view.getUint32(0, true)).toHex();
}
