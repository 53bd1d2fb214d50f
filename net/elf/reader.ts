// SPDX-License-Identifier: MIT
/** ELF files on disk, read where they are looked at: one with its symbols may have 125 MB. @module */
import type { ReadAt } from "./elf_file.ts";

/** Reads an open file; it stays the caller's. */
export function readerOf(file: Deno.FsFile): ReadAt {
  return (offset, length) => {
    const bytes = new Uint8Array(length);
    file.seekSync(offset, Deno.SeekMode.Start);
    let have = 0;
    while (have < length) {
      const more = file.readSync(bytes.subarray(have));
      if (more === null) break;
      have += more;
    }
    return new DataView(bytes.buffer, 0, have);
  };
}
