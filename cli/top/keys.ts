// SPDX-License-Identifier: MIT
/** What is typed on a terminal in raw mode, out of the bytes that come. @module */

/** Keys that are no letter. */
export type KeyName =
  | "up"
  | "down"
  | "left"
  | "right"
  | "home"
  | "end"
  | "page up"
  | "page down"
  | "delete"
  | "backspace"
  | "enter"
  | "tab"
  | "back tab"
  | "escape"
  | "wheel up"
  | "wheel down";

/** A key, a letter, or a letter with Ctrl. */
export type Key =
  | { readonly name: KeyName }
  | { readonly letter: string }
  | { readonly control: string };

const ESCAPE = "\x1b";
/** A sequence that is longer is none. */
const SEQUENCE_MAX = 32;

/** Behind `ESC [` or `ESC O`. */
const SEQUENCES: Readonly<Record<string, KeyName>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  Z: "back tab",
  "1~": "home",
  "7~": "home",
  "4~": "end",
  "8~": "end",
  "3~": "delete",
  "5~": "page up",
  "6~": "page down",
};

const CONTROLS: Readonly<Record<string, KeyName>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\x7f": "backspace",
  "\b": "backspace",
};

/** Buttons of the mouse, as SGR tells them. */
const WHEEL: Readonly<Record<string, KeyName>> = { 64: "wheel up", 65: "wheel down" };

/** Keeps what is not whole until more comes. */
export class KeyReader {
  readonly #decoder = new TextDecoder();
  #text = "";

  /** Keys that are whole; bytes are borrowed. */
  push(bytes: Uint8Array): Key[] {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    return this.#take(false);
  }

  /** Nothing more came for a while: an ESC that stands alone was the key. */
  pause(): Key[] {
    return this.#take(true);
  }

  get isPartial(): boolean {
    return this.#text !== "";
  }

  #take(isAll: boolean): Key[] {
    const keys: Key[] = [];
    while (this.#text !== "") {
      const length = this.#text[0] === ESCAPE ? sequenceLength(this.#text) : 1;
      if (length === undefined && !isAll && this.#text.length < SEQUENCE_MAX) break;
      const part = length === undefined
        ? ESCAPE
        : this.#text[0] === ESCAPE
        ? this.#text.slice(0, length)
        : String.fromCodePoint(this.#text.codePointAt(0)!);
      this.#text = this.#text.slice(part.length);
      const key = keyOf(part);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }
}

/** Of the sequence that a text begins with; undefined while it is not whole. */
function sequenceLength(text: string): number | undefined {
  if (text.length < 2) return undefined;
  if (text[1] === ESCAPE) return 1;
  if (text[1] === "O") return text.length < 3 ? undefined : 3;
  if (text[1] !== "[") return 2;
  for (let at = 2; at < Math.min(text.length, SEQUENCE_MAX); at++) {
    if (text[at] >= "@" && text[at] <= "~") return at + 1;
  }
  return undefined;
}

/** Undefined for what is no key of ours. */
function keyOf(part: string): Key | undefined {
  if (part === ESCAPE) return { name: "escape" };
  if (part[0] === ESCAPE) {
    const sequence = part.slice(2);
    const mouse = /^<(\d+);\d+;\d+M$/.exec(sequence);
    const name = mouse === null ? SEQUENCES[sequence] : WHEEL[mouse[1]];
    return name === undefined ? undefined : { name };
  }
  if (Object.hasOwn(CONTROLS, part)) return { name: CONTROLS[part] };
  const code = part.codePointAt(0)!;
  if (code < 0x20) return { control: String.fromCharCode(code + 0x60) };
  return { letter: part };
}
