// SPDX-License-Identifier: MIT
/** Pictures are those of the script, and the pages show them. */
import assert from "node:assert/strict";
import { PICTURES } from "../../tools/pictures.ts";
import { drawing, type Pair } from "../../tools/pictures/draw.ts";

const README = Deno.readTextFileSync("README.md");
const DEPLOYMENT = Deno.readTextFileSync("docs/deployment.md");

for (const [name, picture] of Object.entries(PICTURES)) {
  Deno.test(`docs: the picture ${name} is the script's, else: deno run -A tools/pictures.ts`, () => {
    assert.equal(Deno.readTextFileSync(`docs/pictures/${name}.svg`), drawing(picture));
    const isShown = README.includes(`![${picture.label}](docs/pictures/${name}.svg)`) ||
      DEPLOYMENT.includes(`![${picture.label}](pictures/${name}.svg)`);
    assert.ok(isShown, "no page shows it");
    const isWithin = ([x, y]: Pair, [width, height]: Pair) =>
      x >= 0 && y >= 0 && x + width <= picture.size[0] && y + height <= picture.size[1];
    for (const { at, size } of picture.frames) assert.ok(isWithin(at, size));
    for (const { at } of picture.boxes) assert.ok(isWithin(at, [150, 60]));
  });
}
