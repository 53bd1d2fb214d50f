// SPDX-License-Identifier: MIT
/**
 * Regular expressions whose search takes time in proportion to the text, whatever the expression and the text are: all places that a
 * match may be at are followed at once, and none is gone back to. What needs going back, they have not: references to groups,
 * looking ahead and behind, and modifiers.
 *
 * @module
 */

/** Places of an expression, its counted parts written out: each may cost a step for each character. */
const PLACES_MAX = 1000;
/** Repetitions that are too many for anything but nothing. */
const TIMES_MAX = PLACES_MAX + 1;
/** Characters of which it is known at once whether a set has them. */
const TABLE_CODES = 256;

type Part =
  | { readonly kind: "set"; readonly has: (code: number) => boolean }
  | { readonly kind: "assertion"; readonly holds: Assertion }
  | { readonly kind: "all" | "one"; readonly parts: readonly Part[] }
  | { readonly kind: "repeat"; readonly part: Part; readonly min: number; readonly max: number };

/** Whether it holds between the characters before and behind; NaN: there is none. */
type Assertion = (before: number, behind: number) => boolean;

/** A place: where a match goes on from there, `next`, or of a fork from `next` and `other` both. */
interface Place {
  readonly has: ((code: number) => boolean) | undefined;
  readonly holds: Assertion | undefined;
  readonly next: number;
  readonly other: number;
}

/** The place behind the expression. */
const END = -1;

/** Places, each at most once, without an array that grows. */
class PlaceList {
  length = 0;
  readonly places: Int32Array;

  constructor(most: number) {
    this.places = new Int32Array(most);
  }

  add(place: number): void {
    this.places[this.length++] = place;
  }
}

export class LinearPattern {
  readonly #places: Place[] = [];
  readonly #start: number;
  /** It is found at the beginning of a text or nowhere. */
  readonly #isAnchored: boolean;
  /** Of each place, the position in the text at which it was entered last. */
  readonly #entered: Int32Array;
  /** Sets that the next character may be of, and behind it those of the one after. */
  readonly #sets: readonly [PlaceList, PlaceList];
  /** Forks whose other way is to be gone yet. */
  readonly #forks: PlaceList;

  /** Throws a `SyntaxError` when `source` is no expression, and an `Error` that says what it must not have. */
  constructor(source: string) {
    // Says what is wrong; behind it, what is there is right.
    new RegExp(source);
    const expression = new Reader(source).expression();
    this.#start = this.#emit(expression, END);
    this.#isAnchored = expression.kind === "all" && expression.parts[0] === START;
    const count = this.#places.length;
    this.#entered = new Int32Array(count);
    this.#sets = [new PlaceList(count), new PlaceList(count)];
    this.#forks = new PlaceList(count);
  }

  /** Whether it is found anywhere in a text. */
  test(text: string): boolean {
    let [here, next] = this.#sets;
    this.#entered.fill(-1);
    here.length = next.length = 0;
    let [before, behind] = [NaN, text.charCodeAt(0)];
    for (let at = 0;; at++) {
      if ((at === 0 || !this.#isAnchored) && this.#enter(this.#start, at, before, behind, here)) return true;
      if (at === text.length || this.#isAnchored && here.length === 0) return false;
      before = behind;
      behind = text.charCodeAt(at + 1);
      for (let index = 0; index < here.length; index++) {
        const place = this.#places[here.places[index]];
        if (place.has!(before) && this.#enter(place.next, at + 1, before, behind, next)) return true;
      }
      const passed = here;
      here = next;
      next = passed;
      next.length = 0;
    }
  }

  /** Whether any text of these characters alone has it; what `^`, `$`, `\b` and `\B` ask for is taken for given. */
  mayBeIn(letters: string): boolean {
    const codes = Array.from(letters, (letter) => letter.charCodeAt(0));
    const seen = new Set<number>();
    const waiting = [this.#start];
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (index === END) return true;
      const { has, next, other } = this.#places[index];
      if (seen.has(index) || has !== undefined && !codes.some(has)) continue;
      seen.add(index);
      waiting.push(next, other);
    }
    return false;
  }

  /** Adds to `list` the sets that can be reached without a character; true: the end can. */
  #enter(start: number, at: number, before: number, behind: number, list: PlaceList): boolean {
    const forks = this.#forks;
    const entered = this.#entered;
    forks.length = 0;
    for (let index = start;;) {
      if (index === END) return true;
      let goesOn = false;
      if (entered[index] !== at) {
        entered[index] = at;
        const { has, holds, next, other } = this.#places[index];
        if (has !== undefined) list.add(index);
        else {
          goesOn = holds === undefined || holds(before, behind);
          if (holds === undefined) forks.add(other);
          index = next;
        }
      }
      if (goesOn) continue;
      if (forks.length === 0) return false;
      index = forks.places[--forks.length];
    }
  }

  /** The place at which `part` begins, behind which it goes on at `next`. */
  #emit(part: Part, next: number): number {
    switch (part.kind) {
      case "set":
        return this.#add({ has: part.has, holds: undefined, next, other: next });
      case "assertion":
        return this.#add({ has: undefined, holds: part.holds, next, other: next });
      case "all":
        return part.parts.reduceRight((behind, each) => this.#emit(each, behind), next);
      case "one":
        return part.parts.map((each) => this.#emit(each, next))
          .reduceRight((other, each) => this.#fork(each, other));
      case "repeat":
        return this.#repeat(part.part, part.min, part.max, next);
    }
  }

  #repeat(part: Part, min: number, max: number, end: number): number {
    let start = end;
    if (max === Infinity) {
      start = this.#fork(end, end);
      this.#places[start] = { ...this.#places[start], next: this.#emit(part, start) };
    } else {
      for (let times = min; times < max; times++) {
        start = this.#fork(this.#emit(part, start), end);
      }
    }
    for (let times = 0; times < min; times++) {
      const behind = start;
      start = this.#emit(part, behind);
      // Of nothing, any number is one.
      if (start === behind) break;
    }
    return start;
  }

  #fork(next: number, other: number): number {
    return this.#add({ has: undefined, holds: undefined, next, other });
  }

  #add(place: Place): number {
    if (this.#places.length === PLACES_MAX) {
      throw new Error("it is too long, with its repetitions written out");
    }
    return this.#places.push(place) - 1;
  }
}

const QUANTIFIER = /([*+?]|\{(\d+)(,?)(\d*)\})\??/y;
const GROUP = /\((?!\?)|\(\?:|\(\?<[^=!>][^>]*>/y;
const SET = /\[(?:\\[^]|[^\]\\])*\]|\\(?:x[\da-f]{2}|u[\da-f]{4}|c[a-z]|[^])|[^]/iy;
const REFERENCE = /^\\(?:[1-9]|k$)/;

/** Reads an expression that is right. */
class Reader {
  #at = 0;

  constructor(readonly source: string) {}

  expression(): Part {
    const parts = [this.#sequence()];
    while (this.source[this.#at] === "|") {
      this.#at++;
      parts.push(this.#sequence());
    }
    return parts.length === 1 ? parts[0] : { kind: "one", parts };
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.source.length && !"|)".includes(this.source[this.#at])) {
      parts.push(this.#repeated(this.#single()));
    }
    return { kind: "all", parts };
  }

  #repeated(part: Part): Part {
    const found = this.#take(QUANTIFIER);
    if (found === undefined) return part;
    const [, sign, least, comma, most] = found;
    if (sign === "*") return { kind: "repeat", part, min: 0, max: Infinity };
    if (sign === "+") return { kind: "repeat", part, min: 1, max: Infinity };
    if (sign === "?") return { kind: "repeat", part, min: 0, max: 1 };
    const min = Math.min(Number(least), TIMES_MAX);
    const max = comma === "" ? min : most === "" ? Infinity : Math.min(Number(most), TIMES_MAX);
    return { kind: "repeat", part, min, max };
  }

  #single(): Part {
    if (this.source[this.#at] === "(") {
      if (this.#take(GROUP) === undefined) throw new Error("it looks ahead or behind, or has modifiers");
      const inner = this.expression();
      this.#at++;
      return inner;
    }
    const [text] = this.#take(SET)!;
    if (REFERENCE.test(text)) throw new Error("it refers to a group");
    return ASSERTIONS[text] ?? { kind: "set", has: setOf(text) };
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.source) ?? undefined;
    if (found !== undefined) this.#at = pattern.lastIndex;
    return found;
  }
}

const isWord = (code: number): boolean => /\w/.test(String.fromCharCode(code));
const isEdge: Assertion = (before, behind) => isWord(before) !== isWord(behind);

const START: Part = { kind: "assertion", holds: (before) => Number.isNaN(before) };

const ASSERTIONS: Readonly<Record<string, Part>> = {
  "^": START,
  "$": { kind: "assertion", holds: (_, behind) => Number.isNaN(behind) },
  "\\b": { kind: "assertion", holds: isEdge },
  "\\B": { kind: "assertion", holds: (before, behind) => !isEdge(before, behind) },
};

/** The characters that a class, an escape or a single character stands for. */
function setOf(text: string): (code: number) => boolean {
  const pattern = new RegExp(text.length > 1 || text === "." ? text : RegExp.escape(text));
  const has = (code: number) => pattern.test(String.fromCharCode(code));
  const table = Uint8Array.from({ length: TABLE_CODES }, (_, code) => Number(has(code)));
  return (code) => code < TABLE_CODES ? table[code] === 1 : has(code);
}
