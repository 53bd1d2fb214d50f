// SPDX-License-Identifier: MIT
/** Links from page to page lead to what is there and comes with packages, and settings that pages show are those that the program takes. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readConfigText } from "../../cli/config_file.ts";
import { pages } from "../../tools/docs_tables.ts";
import { documents } from "../../tools/package/content.ts";

/** In packages, by their paths here. */
const PACKED = new Set(documents());
const PAGES = [...pages(), "CONTRIBUTING.md", "CHANGELOG.md"];
const LINK = /\]\(([^)\s]+)\)/g;

/** As the places where pages are shown make them of headings. */
const anchorOf = (heading: string) =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");

function anchorsOf(path: string): string[] {
  return [...Deno.readTextFileSync(path).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));
}

Deno.test("docs: every link to a file, and to a place in it, leads there", () => {
  const broken: string[] = [];
  for (const page of PAGES) {
    for (const [, target] of Deno.readTextFileSync(page).matchAll(LINK)) {
      if (/^https?:/.test(target)) continue;
      const [name, anchor] = target.split("#");
      const path = name === "" ? page : join(dirname(page), name);
      const isThere = PACKED.has(path) && (anchor === undefined || anchorsOf(path).includes(anchor));
      if (!isThere) broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

Deno.test("docs: a configuration that a page shows has no mistake", () => {
  const shown = PAGES.flatMap((page) => [...Deno.readTextFileSync(page).matchAll(/^```toml\n(.*?)^```$/gms)]);
  assert.ok(shown.length > 0);
  for (const [, text] of shown) assert.deepEqual(readConfigText(text).mistakes, [], text);
});
