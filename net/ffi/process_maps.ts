// SPDX-License-Identifier: MIT
/** What processes have mapped, as /proc tells it. @module */

/** A process may have hundreds of megabytes of maps: 4 MiB are some 50,000 mappings. */
const MAPS_BYTES_MAX = 4 << 20;
/** More than the kernel gives at a time; used for one process after the other. */
const PIECE = new Uint8Array(16 << 10);

/** The beginning of `/proc/PID/maps`, which is all of it in any sound program; undefined when hidden or gone. */
export function readMaps(pid: number): string | undefined {
  try {
    using file = Deno.openSync(`/proc/${pid}/maps`);
    const decoder = new TextDecoder();
    let text = "";
    for (
      let bytes = 0, read;
      bytes < MAPS_BYTES_MAX && (read = file.readSync(PIECE)) !== null;
      bytes += read
    ) {
      text += decoder.decode(PIECE.subarray(0, read), { stream: true });
    }
    return text;
  } catch {
    return undefined;
  }
}
