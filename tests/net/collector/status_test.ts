// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { AgentBooks } from "../../../net/collector/agent_books.ts";
import { CollectorStatus } from "../../../net/collector/status.ts";

/** Of a collector with this agent alone. */
function statusOf(books: AgentBooks): CollectorStatus {
  const numbers = {
    place: "",
    sinks: [],
    stopped: new Set<never>(),
    certificate: undefined,
    agents: [books],
    refused: [],
  };
  return new CollectorStatus(() => numbers);
}

Deno.test("a collector says of an agent what another collector has, and what is in no file", () => {
  const books = new AgentBooks("web1");
  books.connected("10.0.0.11:40000");
  const status = statusOf(books);
  status.report();
  books.elsewhere = 40;
  books.drop("agent-share", 7);
  const { agents: [agent], health } = status.report();
  assert.deepEqual([agent.elsewhere, agent.dropped["agent-share"].amount], [40, 7]);
  assert.deepEqual(health.reasons, ["agent web1 loses packets: agent-share"]);
  const valuesOf = (metric: string) => status.metrics().find(({ name }) => name === metric)?.values;
  assert.deepEqual(valuesOf("agent_elsewhere_packets_total"), [{ labels: { agent: "web1" }, value: 40 }]);
  assert.deepEqual(valuesOf("agent_dropped_packets_total"), [
    { labels: { agent: "web1", reason: "agent-share" }, value: 7 },
  ]);
});

Deno.test("what waits with an agent that is away is not known", () => {
  const books = new AgentBooks("web1");
  books.connected("10.0.0.11:40000");
  books.state = { queuedBytes: 66_560, spooledBytes: 12, application: "sslcollector 0.2.0" };
  const status = statusOf(books);
  const said = () => {
    const { agents: [{ queuedBytes, spooledBytes, application }] } = status.report();
    return [queuedBytes, spooledBytes, application];
  };
  assert.deepEqual(said(), [66_560, 12, "sslcollector 0.2.0"]);
  books.disconnected("10.0.0.11:40000");
  assert.deepEqual(said(), [undefined, undefined, "sslcollector 0.2.0"]);
  const queues = status.metrics().find(({ name }) => name === "agent_queue_bytes");
  assert.deepEqual(queues?.values, []);
});

Deno.test("an agent stays where it is while doctor visits by its name", () => {
  const books = new AgentBooks("web1");
  books.connected("10.0.0.11:40000");
  books.connected("10.0.0.11:40001");
  books.disconnected("10.0.0.11:40001");
  assert.deepEqual([books.address, books.connections], ["10.0.0.11:40000", 1]);
  books.connected("10.0.0.11:40002");
  books.disconnected("10.0.0.11:40000");
  assert.deepEqual([books.address, books.connections], ["10.0.0.11:40002", 1]);
  books.disconnected("10.0.0.11:40002");
  assert.deepEqual([books.address, books.connections], ["10.0.0.11:40002", 0]);
});
