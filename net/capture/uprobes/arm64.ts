// SPDX-License-Identifier: MIT
/** The little that is read of code for arm64, whose instructions have four bytes each. Pure. @module */
import type { CodeSource } from "./x86/flow.ts";

const INSTRUCTION_BYTES = 4;
/** RET, to where X30 points. */
const RETURN = 0xd65f03c0;
/** B, its distance in the 26 bits below. */
const JUMP = 0x14000000;
const JUMP_MASK = 0xfc000000;
/** A function that only leads to another has no more instructions. */
const FORWARDING_MAX = 4;

/** Where a function returns. */
export function returnsIn(code: CodeSource, address: number, size: number): number[] {
  const returns: number[] = [];
  for (let at = address; at + INSTRUCTION_BYTES <= address + size; at += INSTRUCTION_BYTES) {
    const bytes = code.at(at);
    if (bytes.length < INSTRUCTION_BYTES) break;
    if (instructionAt(bytes, 0) === RETURN) returns.push(at);
  }
  return returns;
}

/** Whether a function does next to nothing but jump to another. */
export function isForwarded(code: Uint8Array | undefined): boolean {
  if (code === undefined || code.length % INSTRUCTION_BYTES !== 0) return false;
  const instructions = code.length / INSTRUCTION_BYTES;
  if (instructions === 0 || instructions > FORWARDING_MAX) return false;
  return (instructionAt(code, code.length - INSTRUCTION_BYTES) & JUMP_MASK) >>> 0 === JUMP;
}

function instructionAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}
