// SPDX-License-Identifier: MIT
/**
 * Where a library keeps a session's facts, read out of the machine code of its own functions that answer them: no table of
 * versions is needed, and code of another form says nothing. x86-64. Pure.
 *
 * @module
 */

/** Offsets in a session's object; undefined: not known. */
export interface SessionFacts {
  /** u32, not 0 in servers. */
  readonly role?: number;
  readonly clientRandom?: number;
  /** u32, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN. */
  readonly shutdown?: number;
  /** u32. */
  readonly version?: number;
}

/** Of `SSL_get_client_random` and its like: what they copy. */
const RANDOM_BYTES = 32;
/** Farther in no instruction of interest stands. */
const LOOKED_AT = 64;
const RET = 0xc3;

/** Reads the facts of OpenSSL and its descendants out of the code of their accessors, by name. */
export function opensslFacts(codeOf: (name: string) => Uint8Array | undefined): SessionFacts {
  const field = (name: string) => fieldAnswered(codeOf(name));
  const client = addressTaken(codeOf("SSL_get_client_random"));
  const server = addressTaken(codeOf("SSL_get_server_random"));
  // Both randoms stand side by side: what was read is what it is taken for.
  const isSure = client !== undefined && server !== undefined && Math.abs(client - server) === RANDOM_BYTES;
  return {
    role: field("SSL_is_server"),
    clientRandom: isSure ? client : undefined,
    shutdown: field("SSL_get_shutdown"),
    version: field("SSL_version"),
  };
}

/** The offset of the 32-bit field of its first argument that a function answers, and does nothing else. */
export function fieldAnswered(code: Uint8Array | undefined): number | undefined {
  if (code === undefined) return undefined;
  const begin = behindEndbr(code);
  const move = operandOfFirstArgument(code, begin, 0x8b, EAX);
  if (move === undefined) return undefined;
  // Compilers zero registers that the caller expects nothing in: XOR of one other than EAX with itself.
  let at = begin + move.length;
  while (code[at] === 0x31 && isSameRegister(code[at + 1]) && (code[at + 1] & 7) !== EAX) at += 2;
  return code[at] === RET ? move.offset : undefined;
}

/** The offset of a field of its first argument whose address a function takes; undefined where it takes several. */
export function addressTaken(code: Uint8Array | undefined): number | undefined {
  if (code === undefined) return undefined;
  const found = new Set<number>();
  for (let at = behindEndbr(code); at < Math.min(code.length, LOOKED_AT); at++) {
    // LEA with a 64-bit operand.
    if (code[at] !== 0x48) continue;
    const operand = operandOfFirstArgument(code, at + 1, 0x8d, undefined);
    if (operand !== undefined) found.add(operand.offset);
  }
  return found.size === 1 ? [...found][0] : undefined;
}

const EAX = 0;
const RDI = 7;

/** `OPCODE REGISTER, [RDI + offset]` at `at`. */
function operandOfFirstArgument(
  code: Uint8Array,
  at: number,
  opcode: number,
  register: number | undefined,
): { readonly offset: number; readonly length: number } | undefined {
  if (code[at] !== opcode) return undefined;
  const operands = code[at + 1];
  if ((operands & 7) !== RDI || (register !== undefined && (operands >> 3 & 7) !== register)) {
    return undefined;
  }
  const view = new DataView(code.buffer, code.byteOffset, code.length);
  switch (operands >> 6) {
    case 0:
      return { offset: 0, length: 2 };
    case 1:
      return at + 3 > code.length ? undefined : atLeastZero(view.getInt8(at + 2), 3);
    case 2:
      return at + 6 > code.length ? undefined : atLeastZero(view.getInt32(at + 2, true), 6);
    default:
      return undefined;
  }
}

function atLeastZero(offset: number, length: number) {
  return offset < 0 ? undefined : { offset, length };
}

function isSameRegister(operands: number): boolean {
  return operands >> 6 === 3 && (operands >> 3 & 7) === (operands & 7);
}

/** A function may begin with ENDBR64. */
function behindEndbr(code: Uint8Array): number {
  return [0xf3, 0x0f, 0x1e, 0xfa].every((byte, at) => code[at] === byte) ? 4 : 0;
}
