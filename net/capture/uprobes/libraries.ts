// SPDX-License-Identifier: MIT
/** TLS libraries whose calls are probed: their files, their functions, and what these do. Pure. @module */
import { type CodeOf, gnutlsFacts, goFacts, nssFacts, opensslFacts, type SessionFacts } from "./accessors.ts";
import { FUNCTION } from "./layout.ts";

/** Where loaders look for libraries. */
export const LIBRARY_FOLDERS: readonly string[] = [
  `/usr/lib/${Deno.build.arch}-linux-gnu`,
  "/usr/lib64",
  "/usr/lib",
  "/lib",
  "/usr/local/lib",
];

export interface TlsLibrary {
  readonly name: "OpenSSL" | "GnuTLS" | "NSS" | "NSPR" | "Go";
  /** File names of its shared library; undefined: it has none. */
  readonly file?: RegExp;
  /** Its functions are in the table that programs of Go have. */
  readonly isGo?: true;
  /** What its functions do, values of {@linkcode FUNCTION}; at least one of them is a call. */
  readonly functions: Readonly<Record<string, number>>;
  /** Pairs of calls of which the first may be a jump to the second: then that is the one to be probed, else the first alone. */
  readonly forwarded?: Readonly<Record<string, string>>;
  /** Functions that say where a session's facts stand, and what else is called for it. */
  readonly accessors: readonly string[];
  facts(codeOf: CodeOf): SessionFacts;
}

const {
  call,
  made,
  shared,
  closing,
  freed,
  cleared,
  madeAt,
  quiet,
  reads,
  countBehind,
  keeps,
  layer,
  peeks,
  parts,
  opaque,
  go,
} = FUNCTION;

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
      "SSL_get0_alpn_selected",
      "BIO_f_ssl",
    ],
    facts: opensslFacts,
  },
  {
    name: "GnuTLS",
    file: /^libgnutls(-[0-9a-f]+)?\.so/,
    functions: {
      gnutls_record_recv: call | reads,
      gnutls_record_send: call | keeps,
      gnutls_record_send2: call | keeps,
      gnutls_record_uncork: quiet,
      gnutls_record_recv_packet: call | reads | opaque,
      gnutls_init: madeAt,
      gnutls_bye: closing,
      gnutls_deinit: freed,
    },
    forwarded: { gnutls_record_send: "gnutls_record_send2" },
    accessors: ["gnutls_session_get_random"],
    facts: gnutlsFacts,
  },
  {
    name: "NSS",
    file: /^libssl3(-[0-9a-f]+)?\.so/,
    functions: { SSL_ImportFD: made },
    accessors: [],
    facts: nssFacts,
  },
  {
    // A session of NSS's is a layer of NSPR's, and these are called with it.
    name: "NSPR",
    file: /^libnspr4(-[0-9a-f]+)?\.so/,
    functions: {
      PR_Read: call | reads | layer,
      PR_Write: call | layer,
      PR_Recv: call | reads | layer | peeks,
      PR_Send: call | layer,
      PR_Writev: call | layer | parts,
      PR_Close: freed | layer,
    },
    accessors: [],
    facts: nssFacts,
  },
  {
    name: "Go",
    isGo: true,
    functions: {
      "crypto/tls.(*Conn).Read": go | call | reads,
      "crypto/tls.(*Conn).Write": go | call,
      "crypto/tls.(*Conn).clientHandshake": go | made,
      "crypto/tls.(*Conn).serverHandshake": go | made,
      "crypto/tls.(*Conn).Close": go | freed,
    },
    accessors: [],
    facts: goFacts,
  },
];

/** Libraries that executables have built in, and whose functions they name. */
export const BUILT_IN: readonly TlsLibrary[] = TLS_LIBRARIES.filter(({ name }) =>
  name === "OpenSSL" || name === "Go"
);

/** The library that a file's name belongs to. */
export function libraryOf(fileName: string): TlsLibrary | undefined {
  return TLS_LIBRARIES.find(({ file }) => file?.test(fileName));
}
