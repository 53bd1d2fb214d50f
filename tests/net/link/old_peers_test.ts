// SPDX-License-Identifier: MIT
/** Both ends beside one of the version before there were words in the welcome, by what such ends said. */
import assert from "node:assert/strict";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { until } from "../../support/until.ts";

const FOLDER = new URL("../../vectors/link/", import.meta.url);
const PACKETS = 12;

/** A block: of a control block its kind, of others their type. */
interface Block {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const TYPES = new Map([[0x0a0d0d0a, "section"], [1, "interface"], [6, "packet"]]);
/** All that ends of that version knew. */
const KINDS = new Map([
  [1, "hello"],
  [2, "position"],
  [3, "heartbeat"],
  [4, "end"],
  [5, "welcome"],
  [6, "ack"],
  [7, "refused"],
]);

const OLD_AGENT = blocksOf(Deno.readFileSync(new URL("agent_v1.link", FOLDER)));
const OLD_COLLECTOR = blocksOf(Deno.readFileSync(new URL("collector_v1.link", FOLDER)));

/** Whole blocks; what is behind them is left out. */
function blocksOf(stream: Uint8Array): Block[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const blocks: Block[] = [];
  for (let at = 0; at + 8 <= stream.length;) {
    const length = view.getUint32(at + 4, true);
    if (at + length > stream.length) break;
    const type = view.getUint32(at, true);
    const kind = type === 0x40000bad ? view.getUint16(at + 16, true) : 0;
    const name = TYPES.get(type) ?? KINDS.get(kind) ?? `unknown ${kind || type}`;
    blocks.push({ name, bytes: stream.subarray(at, at + length) });
    at += length;
  }
  return blocks;
}

/** The other end of a connection: what came on it so far, as blocks. */
class Peer {
  readonly #connection: Deno.TcpConn;
  #stream = new Uint8Array(0);
  readonly ended: Promise<void>;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.ended = this.#read();
  }

  get blocks(): Block[] {
    return blocksOf(this.#stream);
  }

  count(name: string): number {
    return this.blocks.filter((block) => block.name === name).length;
  }

  async say(blocks: readonly Block[]): Promise<void> {
    const bytes = await new Blob(blocks.map(({ bytes }) => bytes.slice())).bytes();
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  async #read(): Promise<void> {
    for await (const bytes of this.#connection.readable) {
      this.#stream = await new Blob([this.#stream, bytes]).bytes();
    }
  }
}

/** Blocks by name, without those of which time decides how many there are. */
function names(blocks: readonly Block[]): string[] {
  const told = blocks.map(({ name }) => name).filter((name) => name !== "heartbeat");
  return told.filter((name, at) => name !== "ack" || told[at - 1] !== "ack");
}

Deno.test("an older agent is understood, and gets nothing that it does not know", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log, { credentials: undefined });
    const agent = new Peer(await Deno.connect({ hostname: "127.0.0.1", port: server.port }));
    const behindHello = 1 + OLD_AGENT.findIndex(({ name }) => name === "hello");
    await agent.say(OLD_AGENT.slice(0, behindHello));
    await until("the welcome", () => agent.count("welcome") > 0);
    await agent.say(OLD_AGENT.slice(behindHello));
    await until("the end to be acknowledged", () => {
      const last = agent.blocks.at(-1)!;
      return last.name === "ack" && new DataView(last.bytes.slice().buffer).getUint32(20, true) === PACKETS;
    });
    await server.close();
    await agent.ended;
    assert.deepEqual(names(agent.blocks), names(OLD_COLLECTOR));
    const [books] = server.agents.values();
    assert.deepEqual([books.packets, books.lost.size, books.state], [PACKETS, 0, undefined]);
    assertEachOnce(numbersIn(await Deno.readFile(out)), PACKETS);
  }));

Deno.test("an older collector is sent what it knows, as an agent of its version would send it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const log = new TestLog();
  const sink = remoteSink(`tcp://127.0.0.1:${listener.addr.port}`, undefined, log, { compress: "on" });
  const packets = new NumberedPackets((batch) => sink.write(batch), 3, 120);
  packets.make(5);
  const collector = new Peer(await listener.accept());
  const acks = OLD_COLLECTOR.flatMap(({ name }, at) => name === "ack" ? [at] : []);
  await collector.say(OLD_COLLECTOR.slice(0, acks[0]));
  await until("five packets", () => collector.count("packet") === 5);
  await collector.say(OLD_COLLECTOR.slice(acks[0], acks[0] + 1));
  packets.make(7);
  await until("all packets", () => collector.count("packet") === PACKETS);
  await collector.say(OLD_COLLECTOR.slice(acks[1], acks[1] + 1));
  await sink.flush();
  const closed = sink.close();
  await until("the end", () => collector.count("end") > 0);
  await collector.say(OLD_COLLECTOR.slice(acks[2], acks[2] + 1));
  await closed;
  await collector.ended;
  assert.deepEqual(names(collector.blocks), names(OLD_AGENT));
  const bytesOf = (blocks: readonly Block[]) =>
    blocks.filter(({ name }) => name === "packet").map(({ bytes }) => [...bytes]);
  assert.deepEqual(bytesOf(collector.blocks), bytesOf(OLD_AGENT));
  assert.deepEqual([sink.counters.written, sink.counters.dropped.size], [PACKETS, 0]);
  await log.find(/collector takes packets, IN PLAINTEXT/);
});
