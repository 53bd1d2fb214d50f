// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { RefusedAgents } from "../../../net/collector/refused_agents.ts";

Deno.test("agents that were refused: a row each, the last reason, those of ten minutes, a hundred at most", () => {
  const refused = new RefusedAgents();
  refused.add("web1", "10.0.0.11:40000", "expired", 0);
  refused.add("web2", "10.0.0.12:40000", "revoked", 1000);
  refused.add("web1", "10.0.0.11:40001", "revoked", 2000);
  assert.deepEqual(refused.recent(2000), [
    { name: "web2", address: "10.0.0.12:40000", reason: "revoked", times: 1, lastMs: 1000 },
    { name: "web1", address: "10.0.0.11:40001", reason: "revoked", times: 2, lastMs: 2000 },
  ]);
  assert.deepEqual(refused.recent(601_000).map(({ name }) => name), ["web1"]);
  refused.add("web1", "10.0.0.11:40001", "revoked", 602_000);
  assert.deepEqual(refused.recent(602_000).map(({ times }) => times), [1]);
  for (let at = 0; at < 100; at++) refused.add(`mail${at}`, "10.0.0.13:40000", "revoked", 602_000);
  const names = refused.recent(602_000).map(({ name }) => name);
  assert.deepEqual([names.length, names[0]], [100, "mail0"]);
});
