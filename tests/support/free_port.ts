// SPDX-License-Identifier: MIT
/** Ports for programs that have to be told one, and for addresses where nobody is to listen. @module */

/** Clients, and listeners that name no port, get theirs from 32768 on. */
const FIRST = 10_000;
const COUNT = 20_000;

/** A port of 127.0.0.1 that stays free until it is used by its number. */
export function freePort(): number {
  for (;;) {
    const port = FIRST + Math.floor(COUNT * Math.random());
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
