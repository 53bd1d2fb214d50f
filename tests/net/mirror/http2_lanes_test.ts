// SPDX-License-Identifier: MIT
/** The built-in codec for HTTP/2 inside the pipeline: its lanes, their ports and labels, and flows that rest. */
import assert from "node:assert/strict";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { communityId } from "../../../net/mirror/community_id.ts";
import { readHttp1 } from "../../support/http1_reader.ts";
import {
  clientStart,
  data,
  END_STREAM,
  frame,
  headers,
  literal,
  request,
  response,
  serverStart,
  textOf,
} from "../../support/http2_frames.ts";
import {
  CLIENT_IP,
  makeOpen,
  makeProgram,
  PipelineHarness,
  SERVER_IP,
} from "../../support/pipeline_harness.ts";

const codecs = [http2to1()];

/** One HTTP/2 flow whose bytes are given as they come. */
class Http2Flow {
  readonly harness: PipelineHarness;
  readonly #offsets = [0, 0];

  constructor(idleNs = 3600e9) {
    this.harness = new PipelineHarness({ codecs, idleNs });
    this.harness.pipeline.open(this.harness.program, 1, makeOpen({ alpn: "h2" }), 1e9);
    this.give(0, clientStart(), 1e9).give(1, serverStart(), 1e9);
  }

  give(direction: 0 | 1, bytes: Uint8Array, timeNs: number): this {
    this.harness.pipeline.data(this.harness.program, 1, direction, this.#offsets[direction], bytes, timeNs);
    this.#offsets[direction] += bytes.length;
    return this;
  }

  /** Ends the flow; the books must hold. */
  close(timeNs: number) {
    this.harness.pipeline.close(this.harness.program, 1, "orderly", timeNs);
    assert.equal(this.harness.total().imbalance(), 0);
    return this.harness.connections();
  }
}

const key = (clientPort: number) => ({
  client: { ip: CLIENT_IP, port: clientPort },
  server: { ip: SERVER_IP, port: 443 },
});
const LANE = "10.0.0.1:30201>10.0.0.2:443";

Deno.test("a lane's first packet and a line for the log tie it to its flow", () => {
  const flow = new Http2Flow();
  flow.give(0, headers(1, request("GET", "/events"), END_STREAM), 2e9).give(
    1,
    headers(1, response(200)),
    2e9,
  );
  flow.harness.pipeline.tick(4e9);
  const [lane] = flow.close(5e9);
  assert.equal(lane.name, LANE);
  const description = "http2to1: stream 1, long exchange " +
    `lane=${LANE} lane-community-id=${communityId(key(30_201))} ` +
    "program=curl pid=100 uid=1000 role=client sni=example.test alpn=h2 tls=1.3 codec=http2to1 attribution=socket " +
    `flow=10.0.0.1:40000>10.0.0.2:443 community-id=${communityId(key(40_000))} address=claimed`;
  assert.equal(lane.comments[0], description);
  assert.deepEqual(flow.harness.events, ["open", `lane ${description}`, "close orderly"]);
  assert.equal(flow.harness.total().events.get("lanes"), 1);
});

Deno.test("a real flow on a lane's 5-tuple wins, and the lane is reset", () => {
  const flow = new Http2Flow();
  flow.give(0, headers(1, request("GET", "/events"), END_STREAM), 2e9).give(
    1,
    headers(1, response(200)),
    2e9,
  );
  flow.harness.pipeline.tick(4e9);
  const other = makeProgram(2);
  const address = { ...makeOpen().address!, localPort: 30_201 };
  flow.harness.pipeline.open(other, 1, makeOpen({ address, alpn: "", clientRandom: "bb".repeat(32) }), 5e9);
  flow.harness.pipeline.data(other, 1, 0, 0, new TextEncoder().encode("real"), 5e9);
  flow.harness.pipeline.close(other, 1, "orderly", 5e9);
  flow.give(1, data(1, "more"), 6e9);
  const connections = flow.close(7e9);
  assert.deepEqual(connections.map(({ name, end }) => [name, end]), [[LANE, "reset"], [LANE, "fin"]]);
  assert.equal(textOf(connections[1].streams[0]), "real");
  const { events, unforged } = flow.harness.total();
  assert.equal(events.get("lane-evicted"), 1);
  assert.ok(unforged.get("lane-closed")![1] > 0);
});

Deno.test("a flow of HTTP/2 that was silent for long keeps its header table", () => {
  const flow = new Http2Flow(10e9);
  const indexed = literal("x-kept", "in the table", true);
  const plain = headers(1, request("GET", "/1")).slice(9);
  const block = new Uint8Array([...plain, ...indexed]);
  flow.give(0, frame(1, 5, 1, block), 2e9).give(1, headers(1, response(204), END_STREAM), 2e9);
  for (let second = 3; second < 40; second++) flow.harness.pipeline.tick(second * 1e9);
  // 0xbe: the newest entry of the dynamic table.
  flow.give(0, frame(1, 5, 3, new Uint8Array([...headers(3, request("GET", "/3")).slice(9), 0xbe])), 50e9);
  flow.give(1, headers(3, response(204), END_STREAM), 50e9);
  const connections = flow.close(51e9);
  assert.deepEqual(connections.map(({ end }) => end), ["fin", "fin"]);
  for (const { streams } of connections) {
    const [{ request }] = readHttp1(...streams).exchanges;
    assert.deepEqual(request.fields.at(-1), ["X-Kept", "in the table"]);
  }
  assert.equal(flow.harness.total().events.get("flow-rested"), 1);
});
