// SPDX-License-Identifier: MIT
/** What is made of Suricata's events, without Suricata. */
import assert from "node:assert/strict";
import { parseEve } from "./eve.ts";
import { type JudgeOptions, type Verdict, verdictOf } from "./verdict.ts";

const FLOW = { src_ip: "192.0.2.1", src_port: 1000, dest_ip: "192.0.2.2", dest_port: 443 };
const NAME = "192.0.2.1:1000>192.0.2.2:443";
const http = (http_method: string, url: string, status: number) => ({
  ...FLOW,
  event_type: "http",
  http: { http_method, url, status },
});
const file = (size: number) => ({
  ...FLOW,
  event_type: "fileinfo",
  fileinfo: { filename: "/a", size, state: "CLOSED", gaps: false },
});
const alert = (signature: string) => ({ ...FLOW, event_type: "alert", alert: { signature } });

function verdict(events: readonly unknown[], options: JudgeOptions = {}): Verdict {
  return verdictOf(parseEve(events.map((event) => `${JSON.stringify(event)}\n`).join("")), options);
}

const faultsOf = ({ faults }: Verdict) => Object.fromEntries(Object.entries(faults).filter(([, n]) => n > 0));

Deno.test("judge: what took place and was seen is no fault", () => {
  const seen = [http("GET", "/a", 200), http("GET", "/a", 200), http("POST", "/b", 404), file(5), file(7)];
  const expect = [["POST", "/b", 404, 7], ["GET", "/a", 200, 5], ["GET", "/a", 200, null]] as const;
  const found = verdict(seen, { expect });
  assert.deepEqual(faultsOf(found), {});
  assert.deepEqual(found.kinds, { http: 3, fileinfo: 2 });
  assert.equal(found.http[0].flow, NAME);
  assert.equal(found.http[0].hostname, null);
});

Deno.test("judge: exchanges that are missing, surplus or of another size are named", () => {
  const seen = [http("GET", "/a", 200), http("GET", "/c", 200), file(6)];
  const expect = [["GET", "/a", 200, 5], ["GET", "/a", 200, null], ["GET", "/b", 200, 100_001]] as const;
  const found = verdict(seen, { expect });
  assert.deepEqual(found.unexpected, [
    'missing ["GET","/a",200] x1',
    'missing ["GET","/b",200] x1',
    'surplus ["GET","/c",200] x1',
    "no body of 5 bytes x1",
  ]);
  assert.deepEqual(faultsOf(found), { unexpected: 4 });
});

Deno.test("judge: stock rules and anomalies are faults unless allowed, a test's own rules are alerts", () => {
  const anomaly = { ...FLOW, event_type: "anomaly", anomaly: { type: "stream", event: "odd" } };
  const events = [alert("SURICATA HTTP missing Host"), alert("SURICATA STREAM odd"), alert("mine"), anomaly];
  const found = verdict(events, { allow: ["MISSING host"] });
  assert.deepEqual(found.events, { "SURICATA STREAM odd": 1, "anomaly stream odd": 1 });
  assert.deepEqual(found.alerts, [{ signature: "mine", flow: NAME }]);
  assert.deepEqual(faultsOf(found), { events: 2 });
});

Deno.test("judge: the last counters of the run count", () => {
  const tcp = { sessions: 3, stream_depth_reached: 1, invalid_checksum: 1, reassembly_gap: 2, overlap: 4 };
  const error = { http: { parser: 1, internal: 1, gap: 5 }, exec: 7, dns: { parser: 0 } };
  const stats = { tcp, decoder: { pkts: 9, invalid: 1 }, app_layer: { error } };
  const found = verdict([{ event_type: "stats", stats: {} }, { event_type: "stats", stats }]);
  assert.deepEqual([found.packets, found.tcp_sessions, found.depth_reached], [9, 3, 1]);
  assert.deepEqual(found.gave_up, { http: 2 });
  assert.deepEqual(faultsOf(found), {
    invalid_checksum: 1,
    decoder_invalid: 1,
    reassembly_gap: 2,
    overlap: 4,
    parser_gave_up: 2,
  });
});
