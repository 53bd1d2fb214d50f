/**
 * A lane for bytes that could not be read as HTTP: as they are, but never so that an IDS takes them for a message that
 * neither peer saw as one.
 *
 * @module
 */
import type { Direction, Lane } from "../codec.ts";
import type { Lanes } from "./lanes.ts";

/** Suricata looks for a method or a version at the very start of a direction; so much of it is looked at here. */
const START_BYTES = 32;

/**
 * Whether these first bytes of a direction may make an IDS read it as HTTP/1: a word in capitals with a blank behind
 * it, the beginning of such a word with nothing behind it, or a version.
 */
export function looksLikeHttp1(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, START_BYTES));
  return /^\s*[A-Z_-]{1,32}([ \t]|$)/.test(start) || /HTTP\//i.test(start) ||
    /^\s*H?T{0,2}P?\/?$/i.test(start);
}

export class RawLane {
  #lane: Lane | undefined;
  /** By direction: undefined before its first byte, then whether it is written. */
  readonly #passes: [boolean | undefined, boolean | undefined] = [undefined, undefined];

  /** `lane`: write there, from the flow's first byte on and whatever it is; else a lane of its own is opened. */
  constructor(readonly lanes: Lanes, readonly comment: string, lane?: Lane) {
    this.#lane = lane;
    if (lane !== undefined) this.#passes = [true, true];
  }

  /** The lane, once there is one. */
  get lane(): Lane | undefined {
    return this.#lane;
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
  }
}
