// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Connection } from "../../../net/forge/connection.ts";
import { PacketBuffer } from "../../../net/forge/packet_batch.ts";
import { pcapOverIpKind, PcapOverIpSink } from "../../../net/sinks/pcap_over_ip.ts";
import { pcapngHead } from "../../../net/wire/pcapng.ts";
import { concat } from "../../support/bytes.ts";
import { IPV4_KEY, readSegments, testSettings, TIME_BASE_NS } from "../../support/capture.ts";
import { NEVER_MS } from "../../support/patience.ts";
import { timesBeforeTimer } from "../../support/turns.ts";
import { missing } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

const OPTIONS = { application: "sslcollector test", interfaceName: "any" };
const HEAD = pcapngHead(OPTIONS);

function forge(sink: PcapOverIpSink, segments: number): void {
  const buffer = new PacketBuffer({ timeBaseNs: TIME_BASE_NS, onFull: (batch) => sink.write(batch) });
  const lane = new Connection(IPV4_KEY, buffer, testSettings());
  for (let at = 0; at < segments; at++) lane.write(1, new Uint8Array(1460), at);
  lane.close("fin", segments);
  buffer.flush();
}

/** A client that has the head of its capture: it was accepted. */
async function connect(sink: PcapOverIpSink): Promise<Deno.TcpConn> {
  const { hostname, port } = sink.address;
  const connection = await Deno.connect({ hostname, port });
  for (let at = 0; at < HEAD.length;) at += (await connection.read(new Uint8Array(HEAD.length - at)))!;
  return connection;
}

/** What a client of {@linkcode connect} got in all. */
async function readToEnd(connection: Deno.TcpConn): Promise<Uint8Array> {
  return concat([HEAD, new Uint8Array(await new Response(connection.readable).arrayBuffer())]);
}

function assertSums({ counters }: PcapOverIpSink): void {
  const dropped = [...counters.dropped.values()].reduce((sum, packets) => sum + packets, 0);
  assert.equal(counters.packets, counters.written + dropped);
}

Deno.test("every client gets a capture from when it came; nobody there is counted", async () => {
  const sink = new PcapOverIpSink("pcap-over-ip:0", "127.0.0.1", 0, OPTIONS);
  forge(sink, 10);
  const before = sink.counters.packets;
  assert.equal(sink.counters.dropped.get("no-client"), before);
  const first = await connect(sink);
  const firstBytes = readToEnd(first);
  forge(sink, 500);
  const middle = sink.counters.packets;
  const second = await connect(sink);
  const secondBytes = readToEnd(second);
  forge(sink, 20);
  await sink.flush();
  await sink.close();
  await sink.close();
  assert.equal(readSegments(await firstBytes).length, sink.counters.packets - before);
  assert.equal(readSegments(await secondBytes).length, sink.counters.packets - middle);
  assert.equal(sink.counters.written, sink.counters.packets - before);
  assertSums(sink);
});

Deno.test("flushing waits for no client that has stalled while another takes all", async () => {
  const sink = new PcapOverIpSink("pcap-over-ip:0", "127.0.0.1", 0, OPTIONS, {
    queueBytes: 64 << 20,
    stalledMs: NEVER_MS,
  });
  const fast = await connect(sink);
  const fastBytes = readToEnd(fast);
  const stalled = await connect(sink);
  for (let round = 0; round < 4; round++) {
    forge(sink, 6000);
    await sink.flush();
  }
  assert.equal(sink.counters.written, sink.counters.packets);
  stalled.close();
  await sink.close();
  assert.equal(readSegments(await fastBytes).length, sink.counters.packets);
  assertSums(sink);
});

Deno.test("flushing in a loop while the only client has stalled keeps no timer from its turn", async () => {
  const limits = { queueBytes: 64 << 20, stalledMs: 1 };
  const sink = new PcapOverIpSink("pcap-over-ip:0", "127.0.0.1", 0, OPTIONS, limits);
  const client = await connect(sink);
  forge(sink, 20_000);
  await sink.flush();
  assert.ok(sink.counters.written < sink.counters.packets, "it has not read it all");
  assert.ok(await timesBeforeTimer(() => sink.flush(), 1000) < 1000);
  client.close();
  await sink.close();
  assertSums(sink);
});

Deno.test("a slow client loses whole batches, its capture stays valid, a fast one gets all", async () => {
  const warnings: string[] = [];
  const options = { ...OPTIONS, warn: (message: string) => warnings.push(message) };
  const sink = new PcapOverIpSink("pcap-over-ip:0", "127.0.0.1", 0, options, { queueBytes: 1 << 20 });
  const fast = await connect(sink);
  const fastBytes = readToEnd(fast);
  const slow = await connect(sink);
  for (let times = 0; times < 60; times++) {
    forge(sink, 300);
    // The fast client is given its turn; the slow one does not read at all.
    const { counters } = sink;
    await until("the fast client to read", () => counters.written === counters.packets, 0);
  }
  const slowBytes = readToEnd(slow);
  await sink.close();
  const got = readSegments(await slowBytes).length;
  assert.ok(got < sink.counters.packets, "the slow client was never slow");
  assert.equal(readSegments(await fastBytes).length, sink.counters.packets);
  assert.equal(sink.counters.written, sink.counters.packets);
  assert.equal(warnings.length, 1);
});

Deno.test({
  name: "a client that is as fast as a file gets every packet of a writer that lets no timer run",
  ...skipIf(missing("python3")),
  fn: async () => {
    const sink = new PcapOverIpSink("pcap-over-ip:0", "127.0.0.1", 0, OPTIONS, { patienceMs: NEVER_MS });
    const client = new Deno.Command("python3", {
      args: ["-c", READER, String(sink.address.port)],
      stdout: "piped",
    }).spawn();
    await until("the client", () => {
      forge(sink, 1);
      return sink.counters.written > 0;
    });
    const stalled = await connect(sink);
    const before = sink.counters.packets;
    const { written } = sink.counters;
    // All in one turn of the event loop, as a busy agent does.
    for (let round = 0; round < 10; round++) forge(sink, 5000);
    stalled.close();
    await sink.close();
    assert.equal(sink.counters.written - written, sink.counters.packets - before);
    assertSums(sink);
    const read = Number(new TextDecoder().decode((await client.output()).stdout));
    assert.equal(read, sink.counters.writtenBytes + HEAD.length);
  },
});

/** Reads all that it gets, and prints how many bytes that was. */
const READER = `
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
buffer, total = bytearray(1 << 20), 0
while (length := connection.recv_into(buffer)) > 0: total += length
print(total)`;

Deno.test("a client that goes is forgotten, and what only it waited for is counted", async () => {
  const sink = new PcapOverIpSink("pcap-over-ip:0", "127.0.0.1", 0, OPTIONS);
  const client = await connect(sink);
  client.close();
  await until("the client to be forgotten", () => {
    forge(sink, 200);
    return sink.counters.dropped.has("no-client");
  }, 0);
  await sink.close();
  assertSums(sink);
});

Deno.test("a port that is taken is refused at once", async () => {
  const sink = new PcapOverIpSink("pcap-over-ip:0", "127.0.0.1", 0, OPTIONS);
  assert.throws(
    () => new PcapOverIpSink("x", "127.0.0.1", sink.address.port, OPTIONS),
    Deno.errors.AddrInUse,
  );
  await sink.close();
});

Deno.test("pcap-over-ip: listens where the value says, on loopback unless it gives an address", async () => {
  const forms = [
    ["pcap-over-ip:0", "127.0.0.1"],
    ["pcap-over-ip:0.0.0.0:0", "0.0.0.0"],
    ["pcap-over-ip:[::1]:0", "::1"],
    ["pcap-over-ip:::1:0", "::1"],
  ];
  for (const [text, hostname] of forms) {
    const sink = pcapOverIpKind.parse(text)!.open(OPTIONS) as PcapOverIpSink;
    assert.equal(sink.address.hostname, hostname);
    assert.equal(sink.name, text);
    await sink.close();
  }
});

Deno.test("pcap-over-ip: what has no port is refused with what would be right", () => {
  for (const rest of ["", "x", "65536", "1:2:", ":80"]) {
    assert.throws(
      () => pcapOverIpKind.parse(`pcap-over-ip:${rest}`),
      /^RangeError: expected pcap-over-ip:\[ADDR:\]PORT.* got "pcap-over-ip:/,
    );
  }
});

Deno.test("pcap-over-ip: a taken port and a foreign address are refused", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const spec = pcapOverIpKind.parse(`pcap-over-ip:${port}`)!;
  assert.throws(() => spec.check(), /port \d+ is taken/);
  assert.throws(() => spec.open(OPTIONS), /port \d+ is taken/);
  listener.close();
  spec.check();
  assert.throws(
    () => pcapOverIpKind.parse("pcap-over-ip:192.0.2.1:0")!.check(),
    /192\.0\.2\.1 is no address of this host/,
  );
});
