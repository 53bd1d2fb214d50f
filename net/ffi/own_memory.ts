// SPDX-License-Identifier: MIT
/** The memory of this process. @module */
import { libc } from "./libc.ts";

/** By when all that a start does is done, the compiling of what it has run included. */
const STARTED_MS = 2000;

/** Gives back once what the start has left free in malloc's heap: 10 of 87 MB of an agent at rest. Keeps nobody from ending. */
export function giveBackAfterStart(): void {
  if (Deno.build.os !== "linux") return;
  Deno.unrefTimer(setTimeout(() => libc().malloc_trim?.(0n), STARTED_MS));
}
