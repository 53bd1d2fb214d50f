// SPDX-License-Identifier: MIT
/** What a ClientHello asks for. Pure. @module */
import { HelloCursor } from "./hello_cursor.ts";

const RECORD_HANDSHAKE = 0x16;
const RECORD_HEADER = 5;
const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const NAME_HOST = 0;
/** Record header, handshake header, version. */
const RANDOM_AT = 11;
const RANDOM_BYTES = 32;
/** What may stand in a host's name: no space, no control character. */
const HOST = /^[\x21-\x7e]{1,255}$/;

/**
 * The server's name in a ClientHello that stands at the beginning of `bytes`, of which the end may be missing (RFC 8446 sections 4.1.2 and
 * 5.1, RFC 6066 section 3); undefined: it has none, it is not in what is there, or what is there is no hello with this random.
 *
 * @param clientRandom Lower-case hex of 32 bytes.
 */
export function serverNameIn(bytes: Uint8Array, clientRandom: string): string | undefined {
  if (bytes[0] !== RECORD_HANDSHAKE || bytes[5] !== CLIENT_HELLO) return undefined;
  if (bytes.subarray(RANDOM_AT, RANDOM_AT + RANDOM_BYTES).toHex() !== clientRandom) return undefined;
  const record = bytes.subarray(0, RECORD_HEADER + (bytes[3] << 8 | bytes[4]));
  const hello = new HelloCursor(record, RANDOM_AT + RANDOM_BYTES);
  hello.skip(hello.number(1)); // session id
  hello.skip(hello.number(2)); // cipher suites
  hello.skip(hello.number(1)); // compression methods
  const extensions = hello.part(hello.number(2));
  while (extensions.left >= 4) {
    const type = extensions.number(2);
    const length = extensions.number(2);
    if (type !== EXTENSION_SERVER_NAME) extensions.skip(length);
    else return hostIn(extensions.take(length));
  }
  return undefined;
}

/** The first name of a server_name extension. */
function hostIn(extension: Uint8Array | undefined): string | undefined {
  if (extension === undefined) return undefined;
  const names = new HelloCursor(extension, 2);
  if (names.number(1) !== NAME_HOST) return undefined;
  const name = new TextDecoder("latin1").decode(names.take(names.number(2)));
  return HOST.test(name) ? name : undefined;
}
