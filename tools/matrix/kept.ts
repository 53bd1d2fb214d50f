// SPDX-License-Identifier: MIT
/** What was seen before with the same executable, so that a run that was broken off goes on where it was. @module */
import type { Rows, System } from "./tables.ts";

export class Kept {
  readonly #path: string;
  /** Of what the rows were seen. */
  readonly #of: string;
  readonly #rows: Partial<Record<System, Rows>>;

  /** `of` names what is looked at: what was seen of something else is forgotten. The file is in a folder that is there. */
  constructor(folder: string, of: string) {
    this.#path = `${folder}/seen.json`;
    this.#of = of;
    const { of: before, rows } = read(this.#path);
    this.#rows = before === of ? rows : {};
  }

  of(system: System): Rows | undefined {
    return this.#rows[system];
  }

  keep(system: System, rows: Rows): void {
    this.#rows[system] = rows;
    Deno.writeTextFileSync(this.#path, JSON.stringify({ of: this.#of, rows: this.#rows }));
  }
}

function read(path: string): { of?: string; rows: Partial<Record<System, Rows>> } {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    return { rows: {} };
  }
}
