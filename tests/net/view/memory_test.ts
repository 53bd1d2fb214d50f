// SPDX-License-Identifier: MIT
/** What an agent whose exchanges are read and shown holds after hours of them. */
import assert from "node:assert/strict";
import { raw } from "../../../codecs/raw.ts";
import { InitialSequenceNumbers } from "../../../net/forge/isn.ts";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import { Pipeline } from "../../../net/mirror/pipeline.ts";
import { RowFeed } from "../../../net/page/rows.ts";
import { EventWriter } from "../../../net/view/events.ts";
import { UNKNOWN_FLOW } from "../../../net/view/flow_facts.ts";
import { LOG_BYTES_MIN } from "../../../net/view/log_layout.ts";
import { View } from "../../../net/view/view.ts";
import { usedBytes } from "../../support/heap.ts";
import { makeOpen, makeProgram } from "../../support/pipeline_harness.ts";

const SECOND_NS = 1e9;
/** Between two sessions. */
const STEP_SECONDS = 5;
const SESSIONS = 3600 / STEP_SECONDS;
/** More by this variable. */
const HOURS = Number(Deno.env.get("VIEW_HOURS") ?? 4);
/** What maps and compiled code may grow by. */
const SLACK_BYTES = 1024 * 1024;

const encoder = new TextEncoder();
const RESPONSE = encoder.encode("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");

/** An agent of which every five seconds a session tells two exchanges and ends; one session in a hundred stays in the middle of one. */
class BusyAgent {
  readonly #view: View;
  readonly #page: RowFeed;
  readonly #pipeline: Pipeline;
  readonly #program = makeProgram(1);
  #sessions = 0;
  told = 0;
  listed = 0;

  constructor() {
    const write = (_text: string, lines: number) => void (this.told += lines);
    const output = { write, dropped: 0, drained: () => Promise.resolve(), close: () => Promise.resolve() };
    const events = new EventWriter({ output, showsSecrets: false, stats: () => ({}) });
    this.#view = new View(
      { logBytes: LOG_BYTES_MIN, bodyBytes: 1024, failed: (error) => assert.fail(String(error)) },
      [events],
    );
    const { buffer } = this.#view.log.memory;
    this.#page = new RowFeed({ buffer, timeBaseNs: 0n, showsSecrets: false, portMap: new Map() });
    const observer = {
      flowOpened() {},
      flowClosed() {},
      laneOpened() {},
      codecFailed() {},
      programEnded() {},
    };
    this.#pipeline = new Pipeline({
      ...{ codecs: [raw], raw, observer, idleNs: Infinity, flowsMax: 1000 },
      tap: (flow) => this.#view.tap(flow),
    }, {
      buffer: new PacketBuffer({ timeBaseNs: 0n, onFull() {} }),
      settings: { mtu: 1500, initialSequenceNumbers: new InitialSequenceNumbers(0) },
    });
  }

  runHour(): void {
    for (const end = this.#sessions + SESSIONS; this.#sessions < end;) {
      const timeNs = this.#sessions * STEP_SECONDS * SECOND_NS;
      this.#session(++this.#sessions, timeNs);
      this.#pipeline.tick(timeNs);
      this.#view.flush();
      this.listed += this.#page.next()?.rows.length ?? 0;
    }
  }

  #session(flow: number, timeNs: number): void {
    const [pipeline, program] = [this.#pipeline, this.#program];
    // Of 65,536 5-tuples sequence numbers are remembered: these few come again.
    const address = { ...makeOpen().address!, localPort: 1024 + flow % 500 };
    const clientRandom = flow.toString(16).padStart(64, "0");
    pipeline.open(program, flow, makeOpen({ address, clientRandom }), timeNs);
    const offsets = [0, 0];
    const tell = (direction: 0 | 1, bytes: Uint8Array) => {
      pipeline.data(program, flow, direction, offsets[direction], bytes, timeNs);
      offsets[direction] += bytes.length;
    };
    for (const name of ["a", "b"]) {
      tell(0, encoder.encode(`GET /${flow}/${name} HTTP/1.1\r\nHost: shop.test\r\n\r\n`));
      tell(1, RESPONSE);
    }
    if (flow % 100 === 0) tell(0, encoder.encode("GET /half HTTP/1.1\r\nHost:"));
    pipeline.close(program, flow, flow % 100 === 0 ? "abrupt" : "orderly", timeNs);
  }
}

Deno.test("hours of exchanges that are written and listed leave no more memory taken than the first", () => {
  const agent = new BusyAgent();
  agent.runHour();
  const before = usedBytes();
  for (let hour = 1; hour < HOURS; hour++) agent.runHour();
  const grown = usedBytes() - before;
  assert.ok(grown < SLACK_BYTES, `${grown} bytes more after ${HOURS} hours`);
  const exchanges = 2 * HOURS * SESSIONS;
  assert.equal(agent.listed, exchanges);
  assert.ok(agent.told > exchanges);
});

Deno.test("flows that stay open hold none of the long heads that they had", () => {
  const view = new View({
    logBytes: LOG_BYTES_MIN,
    bodyBytes: 0,
    failed: (error) => assert.fail(String(error)),
  }, []);
  const request = encoder.encode("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
  const response = encoder.encode(`HTTP/1.1 204 No Content\r\nX: ${"x".repeat(30_000)}\r\n\r\n`);
  const openFlow = (id: number) => {
    const flow = view.open({ ...UNKNOWN_FLOW, id }, 0);
    flow.data(0, request, 0);
    flow.data(1, response, 0);
    return flow;
  };
  const flows = [openFlow(0)];
  view.update();
  const before = usedBytes();
  while (flows.length < 200) flows.push(openFlow(flows.length));
  view.update();
  const grown = usedBytes() - before;
  assert.ok(grown < flows.length * 5000, `${grown} bytes of ${flows.length} flows`);
});
