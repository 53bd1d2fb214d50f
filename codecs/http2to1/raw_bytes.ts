// SPDX-License-Identifier: MIT
/**
 * Bytes that could not be read as HTTP, on a lane as they are, but never so that an IDS takes them for a message that
 * neither peer saw as one.
 *
 * @module
 */
import type { Lane } from "../codec.ts";
import { type Direction, TO_CLIENT, TO_SERVER } from "../direction.ts";
import { RESERVED_PREFIX } from "../http/field.ts";
import type { BoundedOutput } from "./bounded_output.ts";

/**
 * What each direction of a lane of raw bytes begins with. No protocol does, so that whatever a peer puts behind it (a banner of SSH, a
 * ClientHello) is taken for nothing that was spoken here.
 */
const MARKER = Uint8Array.from(`\r\n${RESERVED_PREFIX}raw\r\n`, (c) => c.charCodeAt(0));

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
function looksLikeHttp1(bytes: Uint8Array): boolean {
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

/**
 * One direction: `UNDECIDED ──first byte──▶ UNMARKED ──▶ MARKED`, or for ever `──▶ WITHHELD`. On a new lane MARKED is UNMARKED again.
 */
const State = {
  /** Nothing has come. */
  UNDECIDED: 0,
  /** Nothing is written: it might be read as a message, or no lane was left. */
  WITHHELD: 1,
  /** Bytes are written, behind the marker. */
  UNMARKED: 2,
  /** Bytes are written as they come. */
  MARKED: 3,
} as const;
type State = typeof State[keyof typeof State];

export class RawBytes {
  #lane: Lane | undefined;
  readonly #states: [toServer: State, toClient: State];

  /** `lane`: write there, from the flow's first byte on and whatever it is; else a lane of its own is opened. */
  constructor(readonly bounded: BoundedOutput, readonly comment: string, lane?: Lane) {
    this.#lane = lane;
    const state = lane === undefined ? State.UNDECIDED : State.MARKED;
    this.#states = [state, state];
  }

  write(direction: Direction, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { output } = this.bounded;
    if (this.#states[direction] === State.UNDECIDED) this.#states[direction] = this.#decide(bytes);
    if (this.#states[direction] === State.WITHHELD) {
      output.count("raw-withheld-bytes", bytes.length);
      return;
    }
    this.#lane ??= this.bounded.open(this.comment);
    if (this.#states[direction] === State.UNMARKED) {
      this.#states[direction] = State.MARKED;
      output.write(this.#lane, direction, MARKER);
    }
    output.write(this.#lane, direction, bytes);
    output.count("raw-bytes", bytes.length);
  }

  /** What becomes of a direction that begins with these bytes. */
  #decide(bytes: Uint8Array): State {
    const hasLane = this.#lane !== undefined || this.bounded.hasRoom;
    return hasLane && !looksLikeHttp1(bytes) ? State.UNMARKED : State.WITHHELD;
  }

  gap(direction: Direction, lengthBytes: number): void {
    if (this.#lane === undefined || this.#states[direction] < State.UNMARKED) return;
    this.bounded.output.gap(this.#lane, direction, lengthBytes);
  }

  close(how: "fin" | "reset"): void {
    if (this.#lane !== undefined && this.#lane !== 0) this.bounded.close(this.#lane, how);
    this.#lane = undefined;
    for (const direction of [TO_SERVER, TO_CLIENT]) {
      if (this.#states[direction] === State.MARKED) this.#states[direction] = State.UNMARKED;
    }
  }
}
