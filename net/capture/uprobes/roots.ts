// SPDX-License-Identifier: MIT
/**
 * Libraries that programs in roots of their own may map, as in containers: looked for where loaders find them when the first program is met
 * there, so that later ones are seen from their first byte. Nothing is listed: what an image may have in its folders has no bound.
 *
 * @module
 */
import { fileKey } from "../../ffi/stat.ts";
import { LIBRARY_FOLDERS } from "./libraries.ts";

/** What programs are linked with. */
const NAMES = ["libssl.so.3", "libssl.so.1.1", "libgnutls.so.30", "libssl3.so", "libnspr4.so"];
/** Roots that are known at a time. */
const ROOTS_MAX = 1024;
/** Roots that are looked at between two calls of {@linkcode OtherRoots.forget}, of which any user may make many. */
const ROOTS_AT_A_TIME = 64;

export class OtherRoots {
  /** A process in each that was looked at; one of this process's own root. */
  readonly #known = new Map([[rootOf("self"), Deno.pid]]);
  #left = ROOTS_AT_A_TIME;

  /** Paths, in the root of a process, of libraries that may be there; none where that root is known. */
  *ahead(pid: number): Generator<string> {
    const root = rootOf(pid);
    if (root === undefined || this.#known.has(root)) return;
    if (this.#left === 0 || this.#known.size >= ROOTS_MAX) return;
    this.#left--;
    this.#known.set(root, pid);
    for (const folder of LIBRARY_FOLDERS) {
      for (const name of NAMES) yield `${folder}/${name}`;
    }
  }

  /** Forgets roots whose process has ended: their files may be reached no more. */
  forget(present: ReadonlySet<number>): void {
    this.#left = ROOTS_AT_A_TIME;
    for (const [root, pid] of this.#known) {
      if (pid !== Deno.pid && !present.has(pid)) this.#known.delete(root);
    }
  }
}

/** Tells roots of processes from each other; undefined: it has ended. */
function rootOf(pid: number | "self"): string | undefined {
  return fileKey(`/proc/${pid}/root/`);
}
