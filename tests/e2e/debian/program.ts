// SPDX-License-Identifier: MIT
/** A program of Debian, with a script that makes it do some of what it is for. @module */
import { existsSync } from "node:fs";
import { isInstalled } from "../../support/run.ts";
import type { Reason } from "../../support/skip.ts";

export interface DebianProgram {
  readonly name: string;
  /** Executables that must be installed. */
  readonly needs: readonly string[];
  /**
   * For `/bin/sh`, in an empty folder of its own, which is also HOME. It finds `CERTIFICATE` and `KEY`, and ports of `localhost`:
   * `TLS_PORT` answers HTTPS, `PLAIN_PORT` answers every connection with a line that is no TLS, nobody listens at `CLOSED_PORT`.
   * What it prints, and its status, are the same at each run, but for what is `volatile`.
   */
  readonly script: string;
  /** What it ends with, often since its last call is one that fails; 0 where it is not said. */
  readonly status?: number;
  /** Parts of the output that no two runs share. */
  readonly volatile?: RegExp;
}

/** The reason to skip what needs these executables, of which some are named by their path. */
export function absent(needs: readonly string[]): Reason {
  const isThere = (name: string) => name.startsWith("/") ? existsSync(name) : isInstalled(name);
  const names = needs.filter((name) => !isThere(name));
  return names.length > 0 ? `not installed: ${names.join(", ")}` : undefined;
}

/** Scripts are written as the shell reads them. */
export const sh = String.raw;

/** Of the server that answers. */
export const HTTPS = "https://localhost:$TLS_PORT/page";
export const NOT_TLS = "https://localhost:$PLAIN_PORT/";
export const REFUSED = "https://localhost:$CLOSED_PORT/";
export const REQUEST = sh`printf 'GET /page HTTP/1.0\r\nConnection: close\r\n\r\n'`;

/** Writes `p.c`. */
export const C_PROGRAM = sh`cat >p.c <<'END'
#include <stdio.h>
int twice(int n) { return n * 2; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", twice(argc)); return argc - 1; }
END
`;
