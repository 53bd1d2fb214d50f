// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { whereRootIs } from "../../cli/status_places.ts";

Deno.test("who finds nothing running, and is not root, is told that root's is elsewhere", () => {
  assert.equal(
    whereRootIs("/tmp/sslcollector-1000", 1000),
    "; what root runs, in /run/sslcollector, only root may ask",
  );
  assert.equal(whereRootIs("/run/sslcollector", 1000), "");
  assert.equal(whereRootIs("/tmp/elsewhere", 0), "");
});
