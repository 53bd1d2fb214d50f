/** Names of a series of capture files, as `dumpcap -b` makes them. @module */

/** `dir/out.pcapng` becomes `dir/out_00001_20240131235959.pcapng`, in local time; `timeMs` since 1970. */
export function rotatedPath(path: string, fileNumber: number, timeMs: number): string {
  const nameStart = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  const dot = path.lastIndexOf(".");
  const stemEnd = dot > nameStart ? dot : path.length;
  const number = String(fileNumber).padStart(5, "0");
  return `${path.slice(0, stemEnd)}_${number}_${stamp(timeMs)}${path.slice(stemEnd)}`;
}

/** `YYYYMMDDHHMMSS` in local time. */
function stamp(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}` +
    `${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}
