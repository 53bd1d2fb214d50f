// SPDX-License-Identifier: MIT
/**
 * The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B), decoded one input byte per step.
 *
 * The code is canonical: codes of one length are consecutive in the order of their symbols, so the lengths alone
 * define it. A state of the decoder is an inner node of the code's tree; a transition takes 8 bits and gives at
 * most 2 symbols, because the shortest code has 5 bits.
 *
 * @module
 */

/** Bits of the code of symbols 0 to 255, two hexadecimal digits each (RFC 7541, appendix B). */
const CODE_LENGTHS =
  "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b08060606" +
  "0505050606060606060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e06" +
  "0f05060506050606060507070606060506070605050607070707070f0b0e0d1c14161414161616171617171717171817" +
  "181816171817171717151617161717181615141616171715171616181516171715151615171617171416161617161617" +
  "1a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a17" +
  "1a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a";
const EOS = 256;
const EOS_LENGTH = 30;

/**
 * Every state has 256 transitions: symbols in bits 0–7 and 16–23, the next state in 8–15, so that a mask makes it the row
 * of its transitions, and the number of symbols in 24–25.
 */
const SECOND_SHIFT = 16;
const COUNT_SHIFT = 24;
const ROW_MASK = 0xff00;
const ENDS = 1;
const ENDS_LATE = 2;
/** In a transition: the 30 bits of EOS, which no valid input has. */
const INVALID = 1 << 26;

interface HuffmanTable {
  readonly transitions: Int32Array;
  /**
   * {@linkcode ENDS} for states in which a string may end: at a symbol's end or after at most 7 bits of padding, all ones;
   * {@linkcode ENDS_LATE} after more of them.
   */
  readonly accepting: Uint8Array;
}

/** The code of each symbol, derived from the lengths. */
function canonicalCodes(): { code: number; length: number }[] {
  const lengths = Array.from({ length: 256 }, (_, i) => parseInt(CODE_LENGTHS.slice(2 * i, 2 * i + 2), 16));
  lengths.push(EOS_LENGTH);
  const codes = lengths.map((length) => ({ code: 0, length }));
  let next = 0;
  for (let length = 1; length <= EOS_LENGTH; length++) {
    for (const entry of codes) if (entry.length === length) entry.code = next++;
    next *= 2;
  }
  return codes;
}

function buildTable(): HuffmanTable {
  // A full binary tree of 257 leaves has 256 inner nodes. Children: an inner node's number, or ~symbol.
  const child = [new Int32Array(256), new Int32Array(256)];
  let nodes = 1;
  canonicalCodes().forEach(({ code, length }, symbol) => {
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = child[(code >>> bit) & 1];
      if (side[node] === 0) side[node] = nodes++;
      node = side[node];
    }
    child[code & 1][node] = ~symbol;
  });
  const transitions = new Int32Array(nodes * 256);
  for (let state = 0; state < nodes; state++) {
    for (let byte = 0; byte < 256; byte++) {
      let node = state, symbols = 0, count = 0;
      for (let bit = 7; bit >= 0 && node >= 0; bit--) {
        node = child[(byte >>> bit) & 1][node];
        if (node >= 0) continue;
        if (~node === EOS) break;
        symbols |= ~node << (SECOND_SHIFT * count++);
        node = 0;
      }
      transitions[state * 256 + byte] = node < 0 ? INVALID : symbols | (count << COUNT_SHIFT) | (node << 8);
    }
  }
  const accepting = new Uint8Array(nodes);
  for (let node = 0, bits = 0; node >= 0; bits++, node = child[1][node]) {
    accepting[node] = bits <= 7 ? ENDS : ENDS_LATE;
  }
  return { transitions, accepting };
}

let table: HuffmanTable | undefined;

/** What {@linkcode huffmanDecode} returns for input that no peer takes; no output ends there. */
export const HUFFMAN_INVALID: number = ~0x7fffffff;

/** The longest output of `length` input bytes: no code is shorter than 5 bits. */
export const huffmanMaxDecodedBytes = (length: number): number => Math.floor(length * 8 / 5);

/**
 * Decodes `input[start, end)` to `output` from `at` on, which has room for {@linkcode huffmanMaxDecodedBytes} and 2 more.
 * Returns where the output ends; the complement of that when the padding is longer than the RFC allows, which some peers
 * take; or {@linkcode HUFFMAN_INVALID}.
 */
export function huffmanDecode(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  const { transitions, accepting } = table ??= buildTable();
  let row = 0, seen = 0;
  for (let i = start; i < end; i++) {
    const transition = transitions[row | input[i]];
    row = transition & ROW_MASK;
    // Two symbols always: cheaper than to ask how many there are. The next ones overwrite what is none.
    output[at] = transition;
    output[at + 1] = transition >>> SECOND_SHIFT;
    at += (transition >>> COUNT_SHIFT) & 3;
    seen |= transition;
  }
  const ending = accepting[row >> 8];
  if (ending === 0 || (seen & INVALID) !== 0) return HUFFMAN_INVALID;
  return ending === ENDS ? at : ~at;
}
