// SPDX-License-Identifier: MIT
/** Flows that have to cross an interface, and the addresses that are seen there. */
import assert from "node:assert/strict";
import type { CaptureInterface, CaptureSighting } from "../../../net/capture/target.ts";
import { MADE_UP_LINK } from "../../../net/forge/settings.ts";
import {
  CLIENT_IP,
  makeOpen,
  makeProgram,
  PipelineHarness,
  SERVER_IP,
} from "../../support/pipeline_harness.ts";
import { blocks } from "../../support/forged.ts";
import { TCP_SYN } from "../../../net/wire/tcp.ts";
import { parseEthernet } from "../../../net/wire/ethernet.ts";
import { parseSegment } from "../../../net/wire/segment.ts";

const ETH0: CaptureInterface = { name: "eth0", addresses: ["203.0.113.1"], isSeen: true };
const RANDOM = "aa".repeat(32);
const NAT_IP = Uint8Array.of(203, 0, 113, 1);
/** The looking began so long ago that nothing is in doubt. */
const LATER_NS = 60e9;
const SERVER = { ip: SERVER_IP, port: 443 };

function sighting(changes: Partial<CaptureSighting> = {}): CaptureSighting {
  return {
    kind: "hello",
    clientRandom: RANDOM,
    key: { client: { ip: NAT_IP, port: 61_000 }, server: SERVER },
    ...changes,
  };
}

function looking(...interfaces: CaptureInterface[]): PipelineHarness {
  const harness = new PipelineHarness();
  harness.pipeline.wire({ kind: "interfaces", interfaces: interfaces.length > 0 ? interfaces : [ETH0] }, 0);
  return harness;
}

/** A flow of the harness's program that opens, and tells three bytes. */
function openFlow(harness: PipelineHarness, changes: Parameters<typeof makeOpen>[0] = {}, number = 1): void {
  harness.pipeline.open(harness.program, number, makeOpen(changes), LATER_NS);
  harness.data(number, 0, 0, "abc", LATER_NS);
}

const names = (harness: PipelineHarness) => harness.connections().map(({ name }) => name);
const lost = (harness: PipelineHarness) => Object.fromEntries(harness.total().lost);
const own = "10.0.0.1:40000>10.0.0.2:443";
const seen = "203.0.113.1:61000>10.0.0.2:443";

Deno.test("wire: a flow has the addresses that the interface saw, and says what its program has", () => {
  const harness = looking();
  harness.pipeline.wire(sighting(), LATER_NS - 1);
  openFlow(harness);
  assert.deepEqual(names(harness), [seen]);
  const [{ comments }] = harness.connections();
  assert.match(comments[0], /attribution=wire /);
  assert.match(comments[0], new RegExp(`program-flow=${own}( |$)`));
});

Deno.test("wire: MAC addresses and VLAN are the link's", () => {
  const harness = looking();
  const link = {
    clientMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    serverMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
    vlan: 12,
  };
  harness.pipeline.wire(sighting({ link }), LATER_NS - 1);
  openFlow(harness);
  openFlow(harness, { clientRandom: "", address: { ...makeOpen().address!, localIp: NAT_IP } }, 2);
  const links = [...blocks(harness.bytes())].flatMap((block) => {
    if (block.kind !== "packet" || parseSegment(block.frame)?.flags !== TCP_SYN) return [];
    const ethernet = parseEthernet(block.frame, 0);
    assert(ethernet.state === "value");
    return [[ethernet.value.source, ethernet.value.vlan]];
  });
  assert.deepEqual(links, [[link.clientMac, 12], [MADE_UP_LINK.clientMac, undefined]]);
});

Deno.test("wire: a hello that is seen after its session opened settles it, with nothing lost", () => {
  const harness = looking();
  openFlow(harness);
  assert.deepEqual(names(harness), []);
  harness.pipeline.wire(sighting(), LATER_NS + 1e6);
  harness.data(1, 0, 3, "def", LATER_NS + 2e6);
  const [{ name, streams }] = harness.connections();
  assert.deepEqual([name, new TextDecoder().decode(streams[0])], [seen, "abcdef"]);
});

Deno.test("wire: a session that no interface saw is not mirrored, and counted", () => {
  const harness = looking();
  openFlow(harness);
  harness.pipeline.tick(LATER_NS + 150e6);
  assert.deepEqual(lost(harness), {});
  harness.pipeline.tick(LATER_NS + 250e6);
  assert.deepEqual([names(harness), lost(harness)], [[], { "not-on-interface": [3, 0] }]);
  harness.pipeline.wire(sighting(), LATER_NS + 300e6);
  harness.data(1, 0, 3, "def", LATER_NS + 400e6);
  assert.deepEqual([names(harness), lost(harness)], [[], { "not-on-interface": [6, 0] }]);
});

Deno.test("wire: while it is not sure that all hellos were seen, this host's addresses decide", () => {
  const local = { ...makeOpen().address!, localIp: NAT_IP };
  for (const begin of ["lost", "begun"] as const) {
    const harness = looking();
    const openedNs = begin === "lost" ? LATER_NS : 1e9;
    if (begin === "lost") harness.pipeline.wire({ kind: "lost", hellos: 3 }, LATER_NS - 1e9);
    harness.pipeline.open(harness.program, 1, makeOpen({ address: local }), openedNs);
    harness.pipeline.open(harness.program, 2, makeOpen({ clientRandom: "bb".repeat(32) }), openedNs);
    harness.data(1, 0, 0, "abc", openedNs);
    harness.data(2, 0, 0, "xyz", openedNs);
    harness.pipeline.tick(openedNs + 250e6);
    assert.deepEqual(names(harness), ["203.0.113.1:40000>10.0.0.2:443"], begin);
    assert.deepEqual(lost(harness), { "not-on-interface": [3, 0] }, begin);
  }
});

Deno.test("wire: what no hello can tell is told by addresses: joined late, inherited, without a random", () => {
  const local = { ...makeOpen().address!, localIp: NAT_IP };
  for (const changes of [{ late: true }, { inherited: true }, { clientRandom: "" }]) {
    const harness = looking();
    openFlow(harness, { address: local, ...changes });
    assert.deepEqual(names(harness), ["203.0.113.1:40000>10.0.0.2:443"], JSON.stringify(changes));
    const other = looking();
    openFlow(other, changes);
    assert.deepEqual([names(other), lost(other)], [[], { "not-on-interface": [3, 0] }]);
  }
});

Deno.test("wire: without the permission to look, addresses decide at once", () => {
  const harness = looking({ ...ETH0, isSeen: false }, {
    name: "eth1",
    addresses: ["10.0.0.1"],
    isSeen: false,
  });
  openFlow(harness);
  openFlow(harness, {
    clientRandom: "",
    address: { ...makeOpen().address!, localIp: SERVER_IP, localPort: 5 },
  }, 2);
  assert.deepEqual([names(harness), lost(harness)], [[own], { "not-on-interface": [3, 0] }]);
});

Deno.test("wire: a session without addresses of its own gets those that were seen", () => {
  const harness = looking();
  openFlow(harness, { address: undefined });
  harness.pipeline.wire(sighting(), LATER_NS + 1e6);
  assert.deepEqual(names(harness), [seen]);
  const unseen = looking();
  openFlow(unseen, { address: undefined });
  unseen.pipeline.tick(LATER_NS + 2e9);
  assert.deepEqual([names(unseen), lost(unseen)], [[], { "not-on-interface": [3, 0] }]);
});

Deno.test("wire: of several hellos with one random the one that fits the program's own ends is taken", () => {
  const foreign = {
    client: { ip: Uint8Array.of(9, 9, 9, 9), port: 1 },
    server: { ip: Uint8Array.of(9, 9, 9, 8), port: 2 },
  };
  const oneEnd = { client: { ip: NAT_IP, port: 61_000 }, server: SERVER };
  const copied = { client: { ip: NAT_IP, port: 61_001 }, server: SERVER };
  const bothEnds = { client: { ip: CLIENT_IP, port: 40_000 }, server: SERVER };
  for (
    const [keys, wanted] of [[[foreign, oneEnd, bothEnds], own], [[foreign, oneEnd, copied], seen], [
      [foreign],
      "9.9.9.9:1>9.9.9.8:2",
    ]] as const
  ) {
    const harness = looking();
    for (const key of keys) harness.pipeline.wire(sighting({ key }), LATER_NS - 1);
    openFlow(harness);
    assert.deepEqual(names(harness), [wanted]);
  }
});

Deno.test("wire: a client that sends hellos with its own's random under addresses of others gives its session none of them", () => {
  const address = {
    ...makeOpen().address!,
    localIp: SERVER_IP,
    localPort: 443,
    remoteIp: CLIENT_IP,
    remotePort: 40_000,
  };
  const another = (number: number, server = SERVER) =>
    sighting({ key: { client: { ip: Uint8Array.of(9, 9, 9, number), port: 1 }, server } });
  const natted = { ip: NAT_IP, port: 443 };
  const real = sighting({ key: { client: { ip: CLIENT_IP, port: 40_000 }, server: SERVER } });
  const many = Array.from({ length: 20 }, (_, number) => another(number, natted));
  const host = { ...ETH0, addresses: ["10.0.0.2"] };
  const before = "9.9.9.1:1>10.0.0.2:443";
  const cases: [string, CaptureInterface, CaptureSighting[], string[]][] = [
    ["one behind a NAT", ETH0, [another(1)], [before]],
    ["again", ETH0, [another(1), another(1)], [before]],
    ["its own later", ETH0, [another(1), another(2), real], [own]],
    ["two that fit alike", ETH0, [another(1), another(2)], [own]],
    ["two that do not fit", ETH0, [another(1, natted), another(2, natted)], [own]],
    ["more than are kept", ETH0, [...many, real], [own]],
    ["more than are kept, and one that fits", ETH0, [another(1), ...many], [own]],
    ["nothing between", host, [another(1)], [own]],
  ];
  for (const [name, device, sightings, expected] of cases) {
    const harness = looking(device);
    for (const each of sightings) harness.pipeline.wire(each, LATER_NS - 1);
    openFlow(harness, { isServer: true, address });
    harness.pipeline.tick(LATER_NS + 250e6);
    assert.deepEqual([names(harness), lost(harness)], [expected, {}], name);
    const isInDoubt = expected[0] === own && !sightings.slice(0, 8).includes(real);
    assert.deepEqual(harness.total().events.get("hello-in-doubt") ?? 0, isInDoubt ? 1 : 0, name);
  }
});

Deno.test("wire: a server's session without addresses of its own gets none of several hellos, and is not taken for one that did not cross", () => {
  for (
    const [clients, expected] of [[[1], "9.9.9.1:1>10.0.0.2:443"], [
      [1, 2],
      "192.0.2.1:20000>198.51.100.1:443",
    ]] as const
  ) {
    const harness = looking();
    for (const number of clients) {
      const client = { ip: Uint8Array.of(9, 9, 9, number), port: 1 };
      harness.pipeline.wire(sighting({ key: { client, server: SERVER } }), LATER_NS - 1);
    }
    openFlow(harness, { isServer: true, address: undefined });
    harness.pipeline.tick(LATER_NS + 2e9);
    assert.deepEqual([names(harness), lost(harness)], [[expected], {}]);
  }
});

Deno.test("wire: a copied hello does not make another user's session the kernel's word", () => {
  const confirmed = { ...makeOpen().address!, confirmed: true };
  const thief = { ...confirmed, localIp: Uint8Array.of(10, 9, 9, 9), remoteIp: Uint8Array.of(10, 9, 9, 8) };
  const harness = looking();
  harness.pipeline.wire(sighting(), LATER_NS - 1);
  harness.pipeline.open(makeProgram(7, { uid: 65534 }), 1, makeOpen({ address: thief }), LATER_NS);
  openFlow(harness, { address: confirmed });
  harness.pipeline.data(makeProgram(7, { uid: 65534 }), 1, 0, 0, Uint8Array.of(1), LATER_NS);
  const mine = harness.connections().find(({ comments }) => comments[0].includes("program=curl pid=100"));
  assert(mine && !mine.comments[0].includes("address=claimed"), "the owner's is confirmed");
  assert.deepEqual(names(harness).includes(seen), true);
  assert.equal(harness.total().claimed, 1);
});

Deno.test("wire: a hello that was cut is known by eight bytes of its random, and with fewer its session is not taken for one that did not cross", () => {
  const beginning = (bytes: number) => sighting({ clientRandom: RANDOM.slice(0, 2 * bytes) });
  const elsewhere = sighting({
    clientRandom: "",
    key: { client: { ip: NAT_IP, port: 61_000 }, server: { ip: NAT_IP, port: 443 } },
  });
  const cases: [CaptureSighting[], string[]][] = [
    [[beginning(8)], [seen]],
    [[beginning(31)], [seen]],
    [[beginning(7)], [own]],
    [[beginning(0)], [own]],
    [[beginning(0), beginning(31)], [seen]],
    [[beginning(0), sighting()], [seen]],
    [[elsewhere], []],
    [[{ ...beginning(31), clientRandom: "ab".repeat(31) }], []],
  ];
  for (const [sightings, expected] of cases) {
    const harness = looking();
    for (const each of sightings) harness.pipeline.wire(each, LATER_NS - 1);
    openFlow(harness);
    harness.pipeline.tick(LATER_NS + 250e6);
    assert.deepEqual(names(harness), expected, JSON.stringify(sightings));
  }
});

Deno.test("wire: a flood of cut hellos leaves the addresses to decide, and is bounded", () => {
  const harness = looking();
  harness.pipeline.wire(sighting({ clientRandom: RANDOM.slice(0, 16) }), LATER_NS - 1e6);
  for (let at = 0; at < 5000; at++) {
    harness.pipeline.wire(sighting({ clientRandom: at.toString(16).padStart(16, "0") }), LATER_NS - 1e5);
  }
  openFlow(harness, { address: { ...makeOpen().address!, localIp: NAT_IP } });
  harness.pipeline.tick(LATER_NS + 250e6);
  assert.deepEqual(names(harness), ["203.0.113.1:40000>10.0.0.2:443"]);
});

Deno.test("wire: a flood of hellos pushes out no flow that waits, and is bounded", () => {
  const harness = looking();
  openFlow(harness);
  for (let at = 0; at < 100_000; at++) {
    harness.pipeline.wire(sighting({ clientRandom: at.toString(16).padStart(64, "0") }), LATER_NS);
  }
  harness.pipeline.wire(sighting(), LATER_NS + 1e6);
  assert.deepEqual(names(harness), [seen]);
});

Deno.test("wire: a flood of hellos before a session opens does not make it one that no interface saw", () => {
  const local = { ...makeOpen().address!, localIp: NAT_IP };
  // Faster than sessions open, and as a busy server has them.
  for (const [stepNs, expected] of [[1000, ["203.0.113.1:40000>10.0.0.2:443"]], [100_000, []]] as const) {
    const harness = looking();
    const beganNs = LATER_NS - 40_000 * stepNs;
    harness.pipeline.wire(sighting(), beganNs);
    for (let at = 0; at < 40_000; at++) {
      const clientRandom = at.toString(16).padStart(64, "0");
      harness.pipeline.wire(sighting({ clientRandom }), beganNs + at * stepNs);
    }
    openFlow(harness, { address: local });
    harness.pipeline.tick(LATER_NS + 250e6);
    assert.deepEqual(names(harness), expected, `${stepNs} ns`);
  }
});

Deno.test("wire: a flood of hellos that the host receives pushes out none that it sent", () => {
  const harness = looking();
  harness.pipeline.wire(sighting({ isSent: true }), LATER_NS - 1e9);
  for (let at = 0; at < 100_000; at++) {
    harness.pipeline.wire(sighting({ clientRandom: at.toString(16).padStart(64, "0") }), LATER_NS - 1e9 + at);
  }
  openFlow(harness);
  assert.deepEqual(names(harness), [seen]);
});

Deno.test("wire: a session inside another is on no wire: it goes with the one that carries it", () => {
  const harness = looking();
  harness.pipeline.wire(sighting(), LATER_NS - 1);
  openFlow(harness);
  const inner = "cc".repeat(32);
  harness.pipeline.hello(harness.program, {
    address: undefined,
    clientRandom: inner,
    received: false,
    carrier: 1,
  }, LATER_NS);
  openFlow(harness, { address: undefined, clientRandom: inner }, 2);
  assert.deepEqual(
    names(harness).map((name) => name.replace(/:\d+>/, ":*>")),
    Array(2).fill("203.0.113.1:*>10.0.0.2:443"),
  );
});
