// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { metricsText } from "../../../net/status/metrics.ts";
import { counter, gauge } from "../../../net/status/recent.ts";

Deno.test("metrics: labels are escaped, and what has no value is left out", () => {
  const text = metricsText([
    gauge("up", "Whether it is.", [{ value: 1 }]),
    counter("lost_bytes_total", "Lost.", [
      { labels: { sink: 'C:\\a"b\nc', reason: "x" }, value: 1.5 },
      { labels: { sink: "d", reason: "y" }, value: 0 },
    ]),
    gauge("never", "Not here.", []),
  ]);
  assert.equal(
    text,
    `# HELP sslcollector_up Whether it is.
# TYPE sslcollector_up gauge
sslcollector_up 1
# HELP sslcollector_lost_bytes_total Lost.
# TYPE sslcollector_lost_bytes_total counter
sslcollector_lost_bytes_total{sink="C:\\\\a\\"b\\nc",reason="x"} 1.5
sslcollector_lost_bytes_total{sink="d",reason="y"} 0
`,
  );
});
