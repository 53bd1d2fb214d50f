// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withStableNames } from "../../../tools/build/bundle.ts";

Deno.test("bundle: names and texts of parts do not follow from where packages lie", () => {
  const made = (hash: string, cache: string) =>
    withStableNames(
      new Map([
        ["cli/main.js", `import "../chunk-${hash}.js";\nimport("../agent-QQQQQQQQ.js"); // a-b.js`],
        [`chunk-${hash}.js`, `// ../../${cache}/npm/registry.npmjs.org/x/1.0.0/y.js\nexport {};`],
        ["agent-QQQQQQQQ.js", `import "./chunk-${hash}.js";`],
      ]),
    );
  const here = made("AB12CD34", "root/.cache/deno");
  assert.deepEqual(here, made("ZZZZZZZZ", "../home/somebody/cache"));
  assert.deepEqual([...here], [
    ["cli/main.js", 'import "../chunk-0.js";\nimport("../agent-1.js"); // a-b.js'],
    ["chunk-0.js", "// npm:x/1.0.0/y.js\nexport {};"],
    ["agent-1.js", 'import "./chunk-0.js";'],
  ]);
});
