// SPDX-License-Identifier: MIT
/**
 * A lane for bytes that could not be read as HTTP: as they are, but never so that an IDS takes them for a message that
 * neither peer saw as one.
 *
 * @module
 */
import type { Direction, Lane } from "../codec.ts";
import type { Lanes } from "./lanes.ts";

/**
 * What each direction of a raw lane begins with. No protocol does, so that whatever a peer puts behind it (a banner of SSH, a
 * ClientHello) is taken for nothing that was spoken here.
 */
const MARKER = Uint8Array.from("\r\nx-sslcollector-raw\r\n", (c) => c.charCodeAt(0));

/** IDSs look for a method or a version at the start of a direction; so much of it is looked at here. */
const START_BYTES = 64;

/** What Suricata takes for a method in letters of either case. */
const METHODS =
  ("get|put|post|head|trace|options|connect|delete|patch|propfind|proppatch|mkcol|copy|move|lock|unlock|checkout|" +
    "uncheckout|checkin|update|label|report|mkworkspace|mkactivity|merge|invalid|version-control|baseline-control")
    .split("|");

/**
 * Whether these first bytes of a direction may make an IDS read it as HTTP/1: a method or any word in capitals with a blank
 * behind it, the beginning of one with nothing behind it, or a version.
 */
export function looksLikeHttp1(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, START_BYTES)).trimStart();
  if (/HTTP\//i.test(start) || "http/".startsWith(start.toLowerCase())) return true;
  const [word] = /^[A-Z_-]*/i.exec(start)!;
  const behind = start.charAt(word.length);
  if (word === "" || (behind !== "" && behind !== " " && behind !== "\t")) return false;
  if (word === word.toUpperCase()) return true;
  return METHODS.some((method) =>
    behind === "" ? method.startsWith(word.toLowerCase()) : method === word.toLowerCase()
  );
}

export class RawLane {
  #lane: Lane | undefined;
  /** By direction: undefined before its first byte, then whether it is written. */
  readonly #passes: [boolean | undefined, boolean | undefined] = [undefined, undefined];
  /** By direction: it has its marker, or needs none. */
  readonly #marked: [boolean, boolean];

  /** `lane`: write there, from the flow's first byte on and whatever it is; else a lane of its own is opened. */
  constructor(readonly lanes: Lanes, readonly comment: string, lane?: Lane) {
    this.#lane = lane;
    this.#marked = [lane !== undefined, lane !== undefined];
    if (lane !== undefined) this.#passes = [true, true];
  }

  write(direction: Direction, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const passes = this.#passes[direction] ??= !looksLikeHttp1(bytes) &&
      (this.#lane !== undefined || this.lanes.hasRoom);
    const { output } = this.lanes;
    if (!passes) {
      output.count("raw-withheld-bytes", bytes.length);
      return;
    }
    this.#lane ??= this.lanes.openOwn(this.comment);
    if (!this.#marked[direction]) {
      this.#marked[direction] = true;
      output.write(this.#lane, direction, MARKER);
    }
    output.write(this.#lane, direction, bytes);
    output.count("raw-bytes", bytes.length);
  }

  gap(direction: Direction, lengthBytes: number): void {
    if (this.#lane !== undefined && this.#passes[direction]) {
      this.lanes.output.gap(this.#lane, direction, lengthBytes);
    }
  }

  close(how: "fin" | "reset"): void {
    if (this.#lane !== undefined && this.#lane !== 0) this.lanes.closeOwn(this.#lane, how);
    this.#lane = undefined;
    this.#marked[0] = this.#marked[1] = false;
  }
}
