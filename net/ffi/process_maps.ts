// SPDX-License-Identifier: MIT
/** What processes have mapped, as /proc tells it. @module */

/** A process may have hundreds of megabytes of maps: 4 MiB are some 50,000 mappings. */
const MAPS_BYTES_MAX = 4 << 20;
const PIECE_BYTES = 64 << 10;

/** The beginning of `/proc/PID/maps`, which is all of it in any sound program; undefined when hidden or gone. */
export function readMaps(pid: number): string | undefined {
  try {
    using file = Deno.openSync(`/proc/${pid}/maps`);
    const decoder = new TextDecoder();
    const piece = new Uint8Array(PIECE_BYTES);
    let text = "";
    for (
      let bytes = 0, read;
      bytes < MAPS_BYTES_MAX && (read = file.readSync(piece)) !== null;
      bytes += read
    ) {
      text += decoder.decode(piece.subarray(0, read), { stream: true });
    }
    return text;
  } catch {
    return undefined;
  }
}
