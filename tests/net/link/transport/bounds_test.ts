// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as net from "node:net";
import { setImmediate } from "node:timers";
import type { AgentMessage, IntakePort } from "../../../../net/link/session/intake_port.ts";
import { linkBlock, linkHead, newSessionId } from "../../../../net/link/blocks/link.ts";
import { Listener, type ListenerSettings } from "../../../../net/link/transport/listener.ts";
import { remoteSink, startLinkServer, TestLog, withPki } from "../../../support/link_harness.ts";
import { assertEachOnce, NumberedPackets, numberOf } from "../../../support/link_packets.ts";
import { FrameCursor } from "../../../../net/forge/packet_batch.ts";
import { PATIENT_COLLECTOR } from "../../../support/patience.ts";
import { inNamespace, netnsMissing, received, withVeth } from "../../../support/netns.ts";
import { runOk } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";
import { awaited, until } from "../../../support/until.ts";

/** A connection that reads what it is sent and minds no end. */
function connect(port: number, localAddress = "127.0.0.1"): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const socket = net.connect({ host: "127.0.0.1", port, localAddress }, () => {
    socket.off("error", reject).on("error", () => {});
    resolve(socket);
  });
  socket.once("error", reject);
  socket.resume();
  return awaited("a connection to the listener", promise);
}

function closed(socket: net.Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (socket.destroyed) resolve();
  else socket.once("close", () => resolve());
  return awaited("the end of a connection", promise);
}

const hello = () =>
  linkBlock({ kind: "hello", session: newSessionId(), first: 0, next: 0, mtu: 1500, name: "x" });

const SETTINGS: ListenerSettings = {
  unpacks: true,
  application: "test",
  hostname: "127.0.0.1",
  port: 0,
  reusePort: false,
  allow: undefined,
  isPlaintext: true,
  ...PATIENT_COLLECTOR,
  firstLink: 0,
};

Deno.test("of messages between packets only a few are unanswered, and all of it comes in its order", async () => {
  const ROUNDS = 1000;
  const seen: number[] = [];
  const unanswered: number[] = [];
  let most = 0;
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let answering = false;
  const add = (link: number) => {
    unanswered.push(link);
    most = Math.max(most, unanswered.length);
    if (seen.length === 2 * ROUNDS) resolve();
    // Answers come later, one by one, as from another thread.
    if (answering) return;
    answering = true;
    setImmediate(function answer() {
      listener.done(unanswered.shift()!);
      if (unanswered.length > 0) setImmediate(answer);
      else answering = false;
    });
  };
  const port: IntakePort = {
    keptBytes: Infinity,
    opened: (link) => queueMicrotask(() => listener.welcome(link, 0, 1500)),
    packets: (link, memory, start, end) => {
      const run = memory.subarray(start, end);
      const cursor = new FrameCursor();
      for (cursor.reset(run); cursor.next();) seen.push(numberOf(run.subarray(cursor.frameOffset)));
      add(link);
    },
    message: (link, message: AgentMessage) => {
      seen.push(message.kind === "heartbeat" ? message.next : -1);
      add(link);
    },
    closed() {},
  };
  const listener = new Listener(SETTINGS, undefined, port, () => {});
  const socket = await connect(await listener.listen());
  const welcome = new Promise((resolve) => socket.on("data", (bytes) => bytes.length > 0 && resolve(bytes)));
  socket.write(linkHead("test", "any"));
  await welcome;
  const answered = new Promise((resolve) => socket.once("data", resolve));
  socket.write(hello());
  await answered;
  const parts: Uint8Array[] = [];
  const packets = new NumberedPackets(({ blocks }) => parts.push(blocks.slice()));
  for (let round = 0; round < ROUNDS; round++) {
    packets.make(1);
    parts.push(linkBlock({ kind: "heartbeat", next: round, waitedMs: 0 }));
  }
  socket.write(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()));
  await all;
  assert.ok(most <= 8, `${most} unanswered`);
  assertEachOnce(seen.filter((_, at) => at % 2 === 0), ROUNDS);
  assertEachOnce(seen.filter((_, at) => at % 2 === 1), ROUNDS);
  await listener.close();
});

Deno.test("an agent with TLS whose packets are not taken has to wait, and costs no more memory", () =>
  withPki(async (pki) => {
    const MOST_BYTES = 64 << 20;
    const listener = new Listener(
      { ...SETTINGS, isPlaintext: false },
      pki.collector,
      {
        keptBytes: Infinity,
        opened: (link) => queueMicrotask(() => listener.welcome(link, 0, 1500)),
        packets() {},
        message() {},
        closed() {},
      },
      () => {},
    );
    const connection = await Deno.connectTls({
      hostname: "127.0.0.1",
      port: await listener.listen(),
      caCerts: [...pki.agent.authorities],
      cert: pki.agent.certificate,
      key: pki.agent.key,
      alpnProtocols: ["sslcollector/1"],
    });
    const writer = connection.writable.getWriter();
    const reader = connection.readable.getReader();
    await writer.write(linkHead("test", "any"));
    await reader.read();
    await writer.write(hello());
    await reader.read();
    const batches: Uint8Array<ArrayBuffer>[] = [];
    new NumberedPackets(({ blocks }) => batches.push(blocks.slice()), 10, 1000).make(200);
    let sentBytes = 0;
    for (let isWaiting = false; !isWaiting && sentBytes < MOST_BYTES; sentBytes += batches[0].length) {
      const timer = Promise.withResolvers<boolean>();
      const late = setTimeout(() => timer.resolve(true), 1000);
      const written = writer.write(batches[0]).then(() => false, () => false);
      isWaiting = await Promise.race([written, timer.promise]);
      clearTimeout(late);
    }
    await listener.close();
    connection.close();
    assert.ok(sentBytes < MOST_BYTES / 2, `${sentBytes} bytes were read`);
  }));

Deno.test("of one agent's connections the oldest is ended when there are too many", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, { credentials: undefined });
    const sockets: net.Socket[] = [];
    let heard = "";
    for (let at = 0; at < 65; at++) {
      const socket = await connect(server.port);
      if (at === 0) socket.on("data", (bytes) => heard += new TextDecoder().decode(bytes));
      socket.write(linkHead("test", "any"));
      socket.write(hello());
      sockets.push(socket);
    }
    await closed(sockets[0]);
    assert.match(heard, /64 newer connections of this name/);
    assert.equal(sockets.filter((socket) => socket.destroyed).length, 1);
    await server.close();
  }));

for (const workers of [0, 1]) {
  Deno.test(`more connections than a plaintext collector takes are refused, with ${workers} threads`, () =>
    withPki(async (pki) => {
      const log = new TestLog();
      const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, {
        credentials: undefined,
        workers,
      });
      const sockets: net.Socket[] = [];
      for (let at = 0; at <= 2000; at++) {
        sockets.push(await connect(server.port, `127.0.1.${1 + Math.floor(at / 64)}`));
      }
      await log.find(/^refused 127\.0\.1\.32:\d+: 2000 agents are connected$/);
      await closed(sockets[2000]);
      for (const socket of sockets) socket.destroy();
      await server.close();
    }));
}

Deno.test("a flood of handshakes from one address pushes out its own", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log);
    const slow = await connect(server.port, "127.0.1.1");
    const flood: net.Socket[] = [];
    for (let at = 0; at < 270; at++) flood.push(await connect(server.port));
    await log.find(/^refused 127\.0\.0\.1:\d+: handshake not finished, and 256 others are under way$/);
    await closed(flood[0]);
    slow.write("rubbish, to be told so");
    await log.find(/^refused 127\.0\.1\.1:\d+: no TLS at all/);
    for (const socket of [slow, ...flood]) socket.destroy();
    await server.close();
  }));

Deno.test("a connection without a hello is closed, also when it drips", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, {
      credentials: undefined,
      heartbeatMs: 50,
    });
    const socket = await connect(server.port);
    const head = linkHead("x".repeat(2000), "any");
    let at = 0;
    const dripping = setInterval(() => socket.write(head.subarray(at, ++at)), 10);
    await closed(socket);
    clearInterval(dripping);
    await log.find(/no hello within 0\.1 s/);
    await server.close();
  }));

Deno.test("a thread that cannot begin does not hang the collector", () =>
  withPki(async (pki) => {
    const credentials = { ...pki.collector, authorities: [pki.agent.certificate] };
    const options = { credentials, workers: 1 };
    await assert.rejects(
      startLinkServer(pki, `${pki.folder}/out.pcapng`, new TestLog(), options),
      /is not a CA's/,
    );
  }));

Deno.test("the log tells what an agent calls itself, where that is not its certificate's name", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log);
    for (const agentName of ["web1", 'a"b\u001b[31m']) {
      const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, { agentName });
      await sink.close();
    }
    await server.close();
    const connected = log.lines.filter((line) => /agent web1 .* connected/.test(line));
    assert.match(connected[0], /session [0-9a-f]{8}$/);
    assert.match(connected[1], /session [0-9a-f]{8}, calls itself "a\\"b_\[31m"$/);
  }));

Deno.test({
  name:
    "packets for an interface that is down, without a carrier or gone wait with the agent, and all go out",
  ...skipIf(netnsMissing()),
  fn: () =>
    withPki((pki) =>
      withVeth(async (veth) => {
        const log = new TestLog();
        const server = await startLinkServer(pki, veth.near, log);
        const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, { stalledMs: 50 });
        const packets = new NumberedPackets((batch) => sink.write(batch), 10, 1000);
        const near = (...words: string[]) => runOk("ip", "link", ...words);
        const far = (...words: string[]) => inNamespace(veth, "ip", "link", ...words);
        const away: [() => Promise<unknown>, RegExp, () => Promise<unknown>][] = [
          [() => near("set", veth.near, "down"), / is down$/, () => near("set", veth.near, "up")],
          [() => far("set", veth.far, "down"), / has no carrier/, () => far("set", veth.far, "up")],
          [
            async () => {
              assert.deepEqual(await received(veth), { packets: 2000, dropped: 0 });
              await near("del", veth.near);
            },
            / is gone; waiting for/,
            async () => {
              await near("add", veth.near, "type", "veth", "peer", "name", veth.far);
              await runOk("sysctl", "-qw", `net.ipv6.conf.${veth.near}.disable_ipv6=1`);
              await near("set", veth.far, "netns", veth.namespace);
              await far("set", veth.far, "up");
              await near("set", veth.near, "up");
            },
          ],
        ];
        for (const [take, said, give] of away) {
          const before = packets.count;
          await take();
          packets.make(1000);
          await log.find(said);
          await sink.flush();
          assert.equal(sink.counters.written, before);
          await give();
          await until("packets on the interface", () => sink.counters.written === packets.count);
        }
        await sink.close();
        await server.close();
        const { packets: given, written, dropped } = server.sinks[0].counters;
        assert.deepEqual([given, written, [...dropped]], [3000, 3000, []]);
        assert.deepEqual(await received(veth), { packets: 1000, dropped: 0 });
        const held = log.lines.filter((line) => /wait with the agents until/.test(line));
        assert.equal(held.length, 3);
      })
    ),
});
