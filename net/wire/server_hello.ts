// SPDX-License-Identifier: MIT
/** What a ServerHello agrees on. Pure. @module */
import { HelloCursor } from "./hello_cursor.ts";
import { printable } from "./printable.ts";

const RECORD_HANDSHAKE = 0x16;
const RECORD_HEADER = 5;
const SERVER_HELLO = 2;
const EXTENSION_ALPN = 16;
const EXTENSION_VERSIONS = 43;
/** Record header, handshake header. */
const VERSION_AT = 9;
const RANDOM_BYTES = 32;

/** What is not known is 0 or empty. */
export interface ServerHello {
  /** 0x0303 for TLS 1.2. */
  readonly tlsVersion: number;
  /** IANA number. */
  readonly cipherSuite: number;
  /** Up to TLS 1.2: behind that it is encrypted. */
  readonly alpn: string;
}

/**
 * The ServerHello that stands at the beginning of `bytes`, of which the end may be missing (RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3, RFC
 * 7301 section 3.1); undefined: it is none.
 */
export function serverHelloIn(bytes: Uint8Array): ServerHello | undefined {
  if (bytes[0] !== RECORD_HANDSHAKE || bytes[5] !== SERVER_HELLO) return undefined;
  const recordEnd = RECORD_HEADER + (bytes[3] << 8 | bytes[4]);
  const hello = new HelloCursor(bytes.subarray(0, recordEnd), VERSION_AT);
  const legacyVersion = hello.number(2);
  hello.skip(RANDOM_BYTES);
  hello.skip(hello.number(1)); // session id
  const cipherSuite = hello.number(2);
  hello.skip(1); // compression method
  if (legacyVersion >> 8 !== 3 || hello.left < 0) return undefined;
  const extensionsLength = hello.number(2);
  const extensions = hello.part(extensionsLength);
  let isWhole = extensions.left >= extensionsLength;
  let tlsVersion = 0;
  let alpn = "";
  while (extensions.left >= 4) {
    const type = extensions.number(2);
    const content = extensions.take(extensions.number(2));
    if (content === undefined) isWhole = false;
    if (content === undefined) break;
    if (type === EXTENSION_VERSIONS && content.length === 2) tlsVersion = content[0] << 8 | content[1];
    if (type === EXTENSION_ALPN) alpn = onlyName(content);
  }
  // The version of TLS 1.3 may stand in what is missing.
  return { tlsVersion: tlsVersion || (isWhole ? legacyVersion : 0), cipherSuite, alpn };
}

/** The name of an ALPN extension that agrees on one. */
function onlyName(extension: Uint8Array): string {
  const names = new HelloCursor(extension, 2);
  const name = names.take(names.number(1));
  return name && names.left === 0 ? printable(String.fromCharCode(...name)) : "";
}
