// SPDX-License-Identifier: MIT
/** No claim of one user ends, replaces, joins or hides what another user's program tells. */
import assert from "node:assert/strict";
import type { CaptureAddress, CaptureOpen, CaptureProgram } from "../../../net/capture/target.ts";
import { makeOpen, makeProgram, PipelineHarness, text } from "../../support/pipeline_harness.ts";

const NAMESPACE = 4_026_531_840;
const NOBODY = 65_534;
const OTHER_RANDOM = "cc".repeat(32);

const program = (id: number, uid: number, changes: Partial<CaptureProgram> = {}) =>
  makeProgram(id, { uid, networkNamespace: NAMESPACE, ancestors: [1], ...changes });
const root = program(1, 0);
const web = program(2, 33);
const nobody = program(3, NOBODY);

function addressOf(confirmed?: boolean, changes: Partial<CaptureAddress> = {}): CaptureAddress {
  return { ...makeOpen().address!, ...confirmed === undefined ? {} : { confirmed }, ...changes };
}

/** The 5-tuple of {@linkcode addressOf} from the other end. */
function otherEnd(confirmed?: boolean): CaptureAddress {
  const { localIp, localPort, remoteIp, remotePort } = addressOf();
  return addressOf(confirmed, {
    localIp: remoteIp,
    localPort: remotePort,
    remoteIp: localIp,
    remotePort: localPort,
  });
}

class Scene extends PipelineHarness {
  open(teller: CaptureProgram, changes: Partial<CaptureOpen>): void {
    this.pipeline.open(teller, 1, makeOpen(changes), 1e9);
  }

  say(teller: CaptureProgram, offset: number, words: string): void {
    this.pipeline.data(teller, 1, 0, offset, new TextEncoder().encode(words), 1e9);
  }

  /** What the connections of this 5-tuple carried. */
  words(name = "10.0.0.1:40000>10.0.0.2:443"): string[] {
    return this.connections().filter((connection) => connection.name === name).map(({ streams }) =>
      text(streams[0])
    );
  }

  eventsOf(teller: CaptureProgram): Record<string, number> {
    const row = this.pipeline.rows().find((row) => row.program.id === teller.id);
    return Object.fromEntries(row?.counters.events ?? []);
  }
}

Deno.test("a 5-tuple that the kernel gives to another is refused while that has it, and counted", () => {
  for (const owner of [root, web]) {
    const scene = new Scene();
    scene.open(owner, { address: addressOf(true) });
    scene.say(owner, 0, "GET /own ");
    scene.open(nobody, { address: addressOf(false), clientRandom: OTHER_RANDOM });
    scene.say(nobody, 0, "GET /planted ");
    scene.say(owner, 9, "HTTP/1.1");
    assert.deepEqual(scene.words(), ["GET /own HTTP/1.1"]);
    assert.equal(scene.connections().length, 1);
    assert.deepEqual(scene.eventsOf(nobody), { "flow-another-users-address": 1 });
    assert.deepEqual(scene.total().lost.get("another-users-address"), [13, 0]);
    assert.equal(scene.total().imbalance(), 0);
  }
});

Deno.test("a 5-tuple that the kernel says nothing of does not end another user's flow: it is forged elsewhere and marked", () => {
  const scene = new Scene();
  scene.open(web, { address: addressOf() });
  scene.say(web, 0, "own");
  scene.open(nobody, { address: addressOf(), clientRandom: OTHER_RANDOM });
  scene.say(nobody, 0, "claimed");
  scene.say(web, 3, " and on");
  assert.deepEqual(scene.words(), ["own and on"]);
  const [, claimed] = scene.connections();
  assert.match(claimed.name, /^10\.0\.0\.1:3\d{4}>10\.0\.0\.2:443$/);
  assert.match(claimed.comments[0], /uid=1000 .*own-flow=10\.0\.0\.1:40000>10\.0\.0\.2:443 address=claimed/);
  assert.equal(scene.total().claimed, 2);
});

Deno.test("whoever claimed a 5-tuple first, its owner and root get it", () => {
  for (const [owner, confirmed] of [[web, true], [root, true], [root, undefined]] as const) {
    for (const claimed of [false, undefined]) {
      const scene = new Scene();
      scene.open(nobody, { address: addressOf(claimed), clientRandom: OTHER_RANDOM });
      scene.say(nobody, 0, "claimed");
      scene.open(owner, { address: addressOf(confirmed) });
      scene.say(owner, 0, "own");
      assert.deepEqual(scene.words(), ["claimed", "own"]);
      assert.match(scene.connections()[0].comments[0], /address=claimed/);
    }
  }
});

Deno.test("an address that the kernel confirms is not marked, nor one of a program that is trusted", () => {
  const scene = new Scene();
  scene.open(web, { address: addressOf(true) });
  scene.say(web, 0, "x");
  const unasked = makeProgram(9, { isTrusted: true });
  scene.open(unasked, { address: addressOf(undefined, { localPort: 40_001 }), clientRandom: OTHER_RANDOM });
  scene.say(unasked, 0, "x");
  for (const { comments } of scene.connections()) assert.doesNotMatch(comments[0], /address=/);
  assert.deepEqual([...scene.total().events], []);
});

Deno.test("a session of another user cannot be joined, gone on with or hidden, not even by who tells it first", () => {
  const lies: Partial<CaptureOpen>[] = [
    { address: addressOf(false) },
    { address: addressOf(false), inherited: true, offsets: [3, 0] },
    { address: otherEnd(false), isServer: true },
    { address: undefined },
  ];
  for (const lie of lies) {
    for (const first of ["owner", "liar"]) {
      for (const owner of [root, web]) {
        const scene = new Scene();
        const tell = {
          owner: () => (scene.open(owner, { address: addressOf(true) }), scene.say(owner, 0, "own words")),
          liar: () => (scene.open(nobody, lie), scene.say(nobody, 0, "a lie, a longer one")),
        };
        if (first === "owner") tell.owner();
        tell.liar();
        if (first === "liar") tell.owner();
        scene.say(owner, 9, " to the end");
        scene.pipeline.drain();
        const told = `${JSON.stringify(lie)} ${first} first`;
        assert.ok(scene.words().includes("own words to the end"), told);
        assert.equal(scene.words().filter((words) => words.includes("own")).length, 1, told);
        assert.ok(!scene.words().some((words) => words.includes("own") && words.includes("lie")), told);
        assert.equal(scene.eventsOf(nobody)["another-users-session"], 1, told);
        assert.equal(scene.total().imbalance(), 0);
      }
    }
  }
});

Deno.test("a session that another user told and ended does not hide its owner's telling", () => {
  const scene = new Scene();
  scene.open(nobody, { address: addressOf(false) });
  scene.say(nobody, 0, "a lie");
  scene.pipeline.close(nobody, 1, "orderly", 1e9);
  scene.open(web, { address: addressOf(true) });
  scene.say(web, 0, "own words");
  assert.deepEqual(scene.words(), ["a lie", "own words"]);
});

Deno.test("both ends of two users are one session unless the kernel denies one of them", () => {
  for (const [client, server] of [[nobody, web], [root, nobody], [nobody, root]]) {
    for (const confirmed of [true, undefined]) {
      const scene = new Scene();
      scene.open(client, { address: addressOf(confirmed) });
      scene.open(server, { address: otherEnd(confirmed), isServer: true });
      scene.say(client, 0, "GET /");
      scene.say(server, 0, "GET /");
      assert.deepEqual(scene.words(), ["GET /"]);
      assert.equal(scene.connections().length, 1);
    }
  }
});

Deno.test("a child of another user goes on with a flow when it descends from its program", () => {
  for (
    const [child, isHeir] of [[program(3, NOBODY, { ancestors: [50, root.pid, 1] }), true], [
      nobody,
      false,
    ]] as const
  ) {
    const scene = new Scene();
    scene.open(root, { address: addressOf(true) });
    scene.say(root, 0, "parent ");
    scene.open(child, { address: addressOf(false), inherited: true, offsets: [7, 0] });
    scene.say(child, 7, "child");
    assert.deepEqual(scene.words(), [isHeir ? "parent child" : "parent "]);
  }
});

Deno.test("the same 5-tuple in two network namespaces is two flows", () => {
  const scene = new Scene();
  const elsewhere = program(4, 33, { networkNamespace: NAMESPACE + 1 });
  scene.open(web, { address: addressOf(true) });
  scene.open(elsewhere, { address: addressOf(true), clientRandom: OTHER_RANDOM });
  scene.say(web, 0, "here ");
  scene.say(elsewhere, 0, "there ");
  scene.say(web, 5, "on");
  scene.say(elsewhere, 6, "on");
  const [here, there, ...more] = scene.connections();
  assert.equal(more.length, 0);
  assert.deepEqual([here, there].map(({ streams }) => text(streams[0])), ["here on", "there on"]);
  assert.equal(here.name, "10.0.0.1:40000>10.0.0.2:443");
  assert.match(there.name, /^10\.0\.0\.1:3\d{4}>10\.0\.0\.2:443$/);
  assert.match(there.comments[0], /own-flow=10\.0\.0\.1:40000>10\.0\.0\.2:443/);
  scene.open({ ...elsewhere, id: 5 }, { address: addressOf(true), clientRandom: "dd".repeat(32) });
  assert.deepEqual(scene.events, ["open", "open", "close replaced", "open"], "each has its own 5-tuples");
});

Deno.test("a flow has its own 5-tuple from one that is over, also where a process took its namespace with it", () => {
  const ending = program(4, 0, { networkNamespace: undefined });
  for (const [first, next] of [[root, ending], [ending, root]] as const) {
    for (const isOver of [true, false]) {
      const scene = new Scene();
      scene.open(first, { address: addressOf() });
      scene.say(first, 0, "first");
      if (isOver) scene.pipeline.close(first, 1, "abrupt", 1e9);
      scene.open(next, { address: addressOf(), clientRandom: OTHER_RANDOM });
      scene.say(next, 0, "next");
      assert.deepEqual(scene.words(), isOver ? ["first", "next"] : ["first"]);
    }
  }
});

Deno.test("the two ends of one session may lie in two network namespaces", () => {
  const scene = new Scene();
  const server = program(4, 33, { networkNamespace: NAMESPACE + 1 });
  scene.open(web, { address: addressOf(true) });
  scene.open(server, { address: otherEnd(true), isServer: true });
  scene.say(web, 0, "GET /");
  scene.say(server, 0, "GET / HTTP");
  assert.deepEqual(scene.words(), ["GET / HTTP"]);
});

Deno.test("an address that the kernel gives to another is marked and counted where nobody else told of it", () => {
  const scene = new Scene();
  scene.open(nobody, { address: addressOf(false) });
  scene.say(nobody, 0, "claimed");
  assert.match(scene.connections()[0].comments[0], /address=claimed/);
  assert.deepEqual(scene.eventsOf(nobody), { "address-denied": 1 });
});

Deno.test("a program that had gone before the kernel could be asked about it has no rights for that", () => {
  const gone = makeProgram(3, { uid: NOBODY });
  for (
    const lie of [{ clientRandom: OTHER_RANDOM }, { inherited: true, offsets: [4, 0] }] as Partial<
      CaptureOpen
    >[]
  ) {
    const scene = new Scene();
    scene.open(root, { address: addressOf(true) });
    scene.say(root, 0, "own ");
    scene.open(gone, { address: addressOf(), ...lie });
    scene.say(gone, 4, "a lie");
    scene.say(root, 4, "words");
    assert.deepEqual(scene.words(), ["own words"]);
    assert.equal(scene.total().claimed, 1);
  }
});

Deno.test("however many hellos a user's programs tell, another's session has its addresses", () => {
  const scene = new Scene();
  const told = { address: addressOf(), received: false, carrier: 0 };
  scene.pipeline.hello(web, { ...told, clientRandom: makeOpen().clientRandom }, 1e9);
  for (let number = 0; number < 40_000; number++) {
    scene.pipeline.hello(nobody, { ...told, clientRandom: `${number}`.padStart(64, "0") }, 1e9);
  }
  scene.open(web, { address: undefined });
  scene.say(web, 0, "mine");
  assert.deepEqual(scene.words(), ["mine"]);
});
