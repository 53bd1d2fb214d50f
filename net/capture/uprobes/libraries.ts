// SPDX-License-Identifier: MIT
/** TLS libraries whose calls are probed: their files, their functions, and what these do. Pure. @module */
import { FUNCTION } from "./layout.ts";

export interface TlsLibrary {
  readonly name: "OpenSSL" | "GnuTLS";
  /** File names of its shared library. */
  readonly file: RegExp;
  /** What its functions do, values of {@linkcode FUNCTION}; at least one of them is a call. */
  readonly functions: Readonly<Record<string, number>>;
  /** Functions that say where a session's facts stand. */
  readonly accessors: readonly string[];
}

const { call, made, shared, closing, freed, cleared, reads, countBehind } = FUNCTION;

const TLS_LIBRARIES: readonly TlsLibrary[] = [
  {
    name: "OpenSSL",
    // NSS's is libssl3.so. Wheels of Python carry a hash in it: libssl-3e69114b.so.1.1.
    file: /^libssl(-[0-9a-f]+)?\.so/,
    functions: {
      SSL_read: call | reads,
      SSL_write: call,
      SSL_read_ex: call | reads | countBehind,
      SSL_write_ex: call | countBehind,
      SSL_new: made,
      SSL_up_ref: shared,
      SSL_shutdown: closing,
      SSL_free: freed,
      SSL_clear: cleared,
    },
    accessors: [
      "SSL_is_server",
      "SSL_get_client_random",
      "SSL_get_server_random",
      "SSL_get_shutdown",
      "SSL_version",
    ],
  },
];

/** The library that a file's name belongs to. */
export function libraryOf(fileName: string): TlsLibrary | undefined {
  return TLS_LIBRARIES.find(({ file }) => file.test(fileName));
}
