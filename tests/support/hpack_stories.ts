// SPDX-License-Identifier: MIT
/** The http2jp stories that npm `hpack` ships, and its encoder. @module */
import { readdirSync, readFileSync } from "node:fs";
import hpackModule from "hpack";
import type { FieldList } from "../../codecs/http/field_list.ts";
import { type Fields, textOf } from "./http2_frames.ts";
import { hex } from "./random.ts";

/** npm `hpack`: one direction's encoder, and its own decoder. */
export interface NpmHpack {
  encode(fields: readonly (readonly [string, string])[]): Uint8Array;
  decode(block: Uint8Array): [string, string][];
  setTableSize(size: number): void;
  useHuffman(strategy: number): void;
}
export const newNpmHpack = (): NpmHpack => new (hpackModule as unknown as new () => NpmHpack)();

export interface Story {
  readonly name: string;
  readonly cases: readonly {
    readonly wire: Uint8Array<ArrayBuffer>;
    readonly fields: Fields;
    /** SETTINGS_HEADER_TABLE_SIZE acknowledged just before. */
    readonly tableSize: number | undefined;
  }[];
}

/** Stories of the final format: those without a draft number, or of a draft from 9 on, which it equals. */
export function finalStories(): Story[] {
  const root = new URL("./test/hpack-test-case/", import.meta.resolve("hpack"));
  const stories: Story[] = [];
  for (const set of readdirSync(root, { withFileTypes: true })) {
    if (!set.isDirectory() || set.name === "raw-data" || set.name === "util") continue;
    for (const file of readdirSync(new URL(`${set.name}/`, root)).sort()) {
      if (!file.endsWith(".json")) continue;
      const story = JSON.parse(readFileSync(new URL(`${set.name}/${file}`, root), "utf8"));
      if (story.draft !== undefined && story.draft < 9) continue;
      stories.push({
        name: `${set.name}/${file}`,
        cases: story.cases.map((
          one: { wire: string; headers: Record<string, string>[]; header_table_size?: number },
        ) => ({
          wire: hex(one.wire),
          fields: one.headers.flatMap((field) => Object.entries(field)),
          tableSize: one.header_table_size,
        })),
      });
    }
  }
  return stories;
}

/** The list as text, latin-1. */
export const fieldsOf = (list: FieldList): (readonly [string, string])[] =>
  Array.from({ length: list.count }, (_, i) => [
    textOf(list.bytes.subarray(list.nameStart[i], list.valueStart[i])),
    textOf(list.bytes.subarray(list.valueStart[i], list.valueEnd[i])),
  ]);
