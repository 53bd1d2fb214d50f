// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { formatRecord } from "../../cli/log.ts";

Deno.test("a line of the log has time and level off a terminal, and is one line whoever's words are in it", () => {
  const record = {
    timestamp: Date.UTC(2026, 10, 26, 18, 30, 1, 5),
    message: ["agent web1\nsslcollector: error: disk on fire"],
  };
  const time = "2026-11-26T18:30:01.005Z";
  const text = "agent web1\\u{a}sslcollector: error: disk on fire";
  assert.equal(formatRecord({ ...record, level: "info" }, false), `${time} sslcollector: info: ${text}`);
  assert.equal(
    formatRecord({ ...record, level: "warning" }, false),
    `${time} sslcollector: warning: ${text}`,
  );
  assert.equal(formatRecord({ ...record, level: "info" }, true), `sslcollector: ${text}`);
  assert.equal(formatRecord({ ...record, level: "error" }, true), `sslcollector: error: ${text}`);
});
