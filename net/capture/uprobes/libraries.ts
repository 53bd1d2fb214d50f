// SPDX-License-Identifier: MIT
/** TLS libraries whose calls are probed: their files, their functions, and what these do. Pure. @module */
import { FUNCTION } from "./layout.ts";

/** The programs of `hook/probes/probes.c` that are attached at functions. */
export type ProbeName = "enter" | "leave" | "made" | "shared" | "closing" | "freed" | "cleared";

export interface TlsLibrary {
  readonly name: "OpenSSL" | "GnuTLS";
  /** File names of its shared library. */
  readonly file: RegExp;
  /** Functions (session, buffer, size, where the number goes) that pass bytes, and what each does; the first two must be there. */
  readonly calls: Readonly<Record<string, number>>;
  /** Functions that answer a new session. */
  readonly made: readonly string[];
  /** Functions that give a session one more owner. */
  readonly shared: readonly string[];
  /** Functions that send a close_notify. */
  readonly closing: readonly string[];
  /** Functions that free a session, if nobody else owns it. */
  readonly freed: readonly string[];
  /** Functions that make a session as new. */
  readonly cleared: readonly string[];
  /** Functions that say where a session's facts stand. */
  readonly accessors: readonly string[];
}

const { reads, countBehind } = FUNCTION;

const TLS_LIBRARIES: readonly TlsLibrary[] = [
  {
    name: "OpenSSL",
    // NSS's is libssl3.so. Wheels of Python carry a hash in it: libssl-3e69114b.so.1.1.
    file: /^libssl(-[0-9a-f]+)?\.so/,
    calls: {
      SSL_read: reads,
      SSL_write: 0,
      SSL_read_ex: reads | countBehind,
      SSL_write_ex: countBehind,
    },
    made: ["SSL_new"],
    shared: ["SSL_up_ref"],
    closing: ["SSL_shutdown"],
    freed: ["SSL_free"],
    cleared: ["SSL_clear"],
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
