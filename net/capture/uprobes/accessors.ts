// SPDX-License-Identifier: MIT
/**
 * Where a library keeps a session's facts, read out of the machine code of its own functions that answer them: no table of
 * versions is needed, and code of another form says nothing. x86-64. Pure.
 *
 * @module
 */
import { fieldAnswered, wordAnswered } from "./answered.ts";
import { type NamePlace, nameStored } from "./stored.ts";

/** Offsets in a session's object; undefined: not known. */
export interface SessionFacts {
  /** u32 of which a bit says that the session is a server's; no mask for that: it is where no bit says that it is a client's. */
  readonly role?: { readonly offset: number; readonly serverMask: number; readonly clientMask: number };
  /** It is not in the object: the side that received the ClientHello on its socket is the server. */
  readonly roleByHello?: true;
  readonly clientRandom?: number;
  /** u32, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN. */
  readonly shutdown?: number;
  /** u32. */
  readonly version?: number;
  /** u32 that is 0 in sessions of TLS over TCP; undefined: there are no others. */
  readonly type?: number;
  /** The protocol that was agreed on by ALPN. */
  readonly alpn?: NamePlace;
}

/** The machine code of a function, by its name; undefined where the library has none of it. */
export type CodeOf = (name: string) => Uint8Array | undefined;

/** Those of `crypto/tls.Conn`, whose second field says since Go 1.0 that it is a client's. */
export function goFacts(): SessionFacts {
  return { role: { offset: 16, serverMask: 0, clientMask: 0xff } };
}

/** Those of an NSPR layer of NSS's: none is known. */
export function nssFacts(): SessionFacts {
  return { roleByHello: true };
}

const RANDOM_BYTES = 32;
/** Farther in no instruction of interest stands. */
const LOOKED_AT = 96;

/** The facts of OpenSSL and its descendants. */
export function opensslFacts(codeOf: CodeOf): SessionFacts {
  const word = (name: string) => wordAnswered(codeOf(name));
  const role = fieldAnswered(codeOf("SSL_is_server"));
  const client = addressTaken(codeOf("SSL_get_client_random"));
  const server = addressTaken(codeOf("SSL_get_server_random"));
  return {
    role: role && { offset: role.offset, serverMask: role.mask, clientMask: 0 },
    clientRandom: areSideBySide(client, server) ? client : undefined,
    shutdown: word("SSL_get_shutdown"),
    version: word("SSL_version"),
    type: role?.whereTyped && 0,
    alpn: nameStored(codeOf("SSL_get0_alpn_selected")),
  };
}

/**
 * The facts of GnuTLS: in all of version 3 a session begins with its `security_parameters`, and these with the `entity`, GNUTLS_SERVER or
 * GNUTLS_CLIENT.
 */
export function gnutlsFacts(codeOf: CodeOf): SessionFacts {
  const code = codeOf("gnutls_session_get_random");
  const client = addressTaken(code);
  return {
    role: { offset: 0, serverMask: 1, clientMask: 2 },
    clientRandom: areSideBySide(client, addedToFirstArgument(code)) ? client : undefined,
  };
}

/** Both randoms stand side by side: then what was read is what it is taken for. */
function areSideBySide(client: number | undefined, server: number | undefined): boolean {
  return client !== undefined && server !== undefined && Math.abs(client - server) === RANDOM_BYTES;
}

/** What a function adds to its first argument. */
function addedToFirstArgument(code: Uint8Array | undefined): number | undefined {
  if (code === undefined) return undefined;
  for (let at = 0; at + 4 <= Math.min(code.length, LOOKED_AT); at++) {
    // ADD RDI, imm8
    if (code[at] === 0x48 && code[at + 1] === 0x83 && code[at + 2] === 0xc7) return code[at + 3];
  }
  return undefined;
}

/** Whether a function does nothing but jump to another, with some arguments added that are 0. */
export function isForwarded(code: Uint8Array | undefined): boolean {
  if (code === undefined) return false;
  let at = behindEndbr(code);
  for (;;) {
    const begin = at + (code[at] >= 0x40 && code[at] < 0x50 ? 1 : 0);
    if (code[begin] !== 0x31 || !isSameRegister(code[begin + 1])) break;
    at = begin + 2;
  }
  return code[at] === 0xe9;
}

/** The offset of a field of its first argument whose address a function takes; undefined where it takes several. */
export function addressTaken(code: Uint8Array | undefined): number | undefined {
  if (code === undefined) return undefined;
  const found = new Set<number>();
  for (let at = behindEndbr(code); at < Math.min(code.length, LOOKED_AT); at++) {
    // LEA with a 64-bit operand, into any register.
    if (code[at] !== 0x48 && code[at] !== 0x4c) continue;
    const operand = addressOf(code, at + 1);
    if (operand !== undefined) found.add(operand);
  }
  return found.size === 1 ? [...found][0] : undefined;
}

const LEA = 0x8d;
const RDI = 7;

/** The offset in `LEA REGISTER, [RDI + offset]` at `at`, behind its prefix; undefined where that does not stand there. */
function addressOf(code: Uint8Array, at: number): number | undefined {
  if (code[at] !== LEA || (code[at + 1] & 7) !== RDI) return undefined;
  const view = new DataView(code.buffer, code.byteOffset, code.length);
  switch (code[at + 1] >> 6) {
    case 0:
      return 0;
    case 1:
      return at + 3 > code.length ? undefined : atLeastZero(view.getInt8(at + 2));
    case 2:
      return at + 6 > code.length ? undefined : atLeastZero(view.getInt32(at + 2, true));
    default:
      return undefined;
  }
}

function atLeastZero(offset: number): number | undefined {
  return offset < 0 ? undefined : offset;
}

function isSameRegister(operands: number): boolean {
  return operands >> 6 === 3 && (operands >> 3 & 7) === (operands & 7);
}

/** A function may begin with ENDBR64. */
function behindEndbr(code: Uint8Array): number {
  return [0xf3, 0x0f, 0x1e, 0xfa].every((byte, at) => code[at] === byte) ? 4 : 0;
}
