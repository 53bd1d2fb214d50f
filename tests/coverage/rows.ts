// SPDX-License-Identifier: MIT
/** Programs of the table's rows. @module */

import type { Conversation } from "./conversations.ts";
import type { DebianService } from "../e2e/debian/services.ts";

/** A program of a table's row. */
export interface Row {
  readonly program: string;
  readonly library: string;
  /** Executables that must be installed. */
  readonly needs: readonly string[];
  /** The protocol that both ends agree on (ALPN); absent: none. */
  readonly protocol?: string;
}

/** The other end of a client. A character is a byte. */
export interface Peer {
  /** What it answers before TLS. */
  readonly clear?: Conversation["clear"];
  /** What it says first. */
  readonly greeting?: string;
  /** What it says each time that something comes; with the last it says that it has nothing more to say. */
  readonly answers: readonly string[];
}

export interface ClientRow extends Row {
  /** For `/bin/sh`: asks `URL`, whose certificate is `CERTIFICATE`; its status does not matter. `SHARED` is a folder for all its runs. */
  readonly script: string;
  /** What its peer is; absent: a web server. */
  readonly peer?: Peer;
}

/** A service as Debian starts it. */
export interface ServiceRow extends Row {
  readonly service: DebianService;
}

export interface ServerRow extends Row {
  /** For `/bin/sh`: listens at 127.0.0.1, `PORT`, with `CERTIFICATE` and `KEY`, in a folder of its own until it is ended. */
  readonly script: string;
  /** What a client sends, a byte each character; absent: an HTTP request. */
  readonly request?: string;
  /** Bytes after which a client goes; absent: when the server closes. */
  readonly answerBytes?: number;
}

/** A folder with roots of other Debians, by their names: what debootstrap makes, or the packages taken out alone. */
export const ROOTS = Deno.env.get("COVERAGE_ROOTS") ?? "/nonexistent";

/** Of this machine, and below a root of theirs of the others. */
export const LIBRARIES = "/usr/lib/x86_64-linux-gnu";

/** Of another Debian, by its name. */
export function librariesOf(suite: string): string {
  return `${ROOTS}/${suite}${LIBRARIES}`;
}

/** Another nodejs may be installed: that of bookworm is taken out of a root, and its /usr/share/nodejs has to be here. */
export const NODEJS = `${ROOTS}/bookworm/usr/bin/node`;
export const NODEJS_LIBRARIES = librariesOf("bookworm");

/** How `openssl` of another release is run, in a root of its own: of a Debian whose C library is newer by that one's loader. */
export interface OpensslRelease {
  readonly library: string;
  readonly needs: string;
  readonly command: string;
}

function opensslOf(library: string, suite: string, loader?: string): OpensslRelease {
  const libraries = librariesOf(suite);
  const program = `${ROOTS}/${suite}/usr/bin/openssl`;
  const command = loader === undefined
    ? `env LD_LIBRARY_PATH=${libraries} ${program}`
    : `${libraries}/${loader} --library-path ${libraries} ${program}`;
  return { library, needs: program, command };
}

export const OPENSSL_RELEASES: readonly OpensslRelease[] = [
  { library: "OpenSSL", needs: "openssl", command: "openssl" },
  opensslOf("OpenSSL 1.0.2", "stretch"),
  opensslOf("OpenSSL 1.1.1", "bullseye"),
  opensslOf("OpenSSL 3.5", "trixie", "ld-linux-x86-64.so.2"),
];

/** What a client sends where the row says nothing. */
export const REQUEST = "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
