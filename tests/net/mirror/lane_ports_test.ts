// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type FlowKey, formatFlowKey } from "../../../net/wire/flow_key.ts";
import { LanePorts } from "../../../net/mirror/lane_ports.ts";

const key = {
  client: { ip: Uint8Array.of(10, 0, 0, 1), port: 50_000 },
  server: { ip: Uint8Array.of(10, 0, 0, 2), port: 443 },
};
/** Another flow between the same addresses. */
let flows = 0;
const flow = (like = key) => ({ ...like, client: { ip: like.client.ip, port: 1000 + flows++ % 29_000 } });

Deno.test("every lane gets a port of its own, until all are taken", () => {
  const ports = new LanePorts(() => false);
  const seen = new Set<number>();
  for (let taken = 0; taken < 2567; taken++) seen.add(ports.take(flow(), () => {})!.client.port);
  assert.equal(seen.size, 2567);
  assert.deepEqual([Math.min(...seen), Math.max(...seen)], [30_201, 32_767]);
  assert.equal(ports.take(key, () => {}), undefined);
  ports.release({ ...key, client: { ...key.client, port: 31_000 } });
  assert.equal(ports.take(key, () => {})!.client.port, 31_000);
});

Deno.test("a flow has at most half as many as are left, and none is without", () => {
  const ports = new LanePorts(() => false);
  const takeAll = (of: FlowKey) => {
    const lanes: FlowKey[] = [];
    for (let lane; (lane = ports.take(of, () => {})); lanes.push(lane));
    return lanes;
  };
  const hostile = Array.from({ length: 11 }, () => takeAll(flow()));
  const [most] = hostile.map(({ length }) => length);
  assert.ok(most > 800 && most < 900, `${most}`);
  assert.ok(hostile.at(-1)!.length > 0);
  const victim = flow();
  const lane = ports.take(victim, () => {})!;
  // What a flow has given back is its own again.
  for (const one of hostile[0]) ports.release(one);
  ports.release(lane);
  assert.ok(takeAll(victim).length > 250);
});

Deno.test("a port that a real flow has is not taken, and a real flow that arrives evicts a lane", () => {
  const real = new Set([formatFlowKey({ ...key, client: { ...key.client, port: 30_201 } })]);
  const ports = new LanePorts((name) => real.has(name));
  let evicted = 0;
  const lane = ports.take(key, () => evicted++)!;
  assert.equal(lane.client.port, 30_202);
  ports.evict(key);
  assert.equal(evicted, 0);
  ports.evict(lane);
  ports.evict(lane);
  assert.equal(evicted, 1);
});

const PORTS = 2567;
const other = { ...key, client: { ip: Uint8Array.of(10, 0, 0, 9), port: 50_000 } };

Deno.test("addresses that have no port left are told so at once, others have all of theirs", () => {
  const ports = new LanePorts(() => false);
  for (let taken = 0; taken < PORTS; taken++) ports.take(flow(), () => {});
  let looks = 0;
  const watched = {
    client: key.client,
    get server() {
      looks++;
      return key.server;
    },
  };
  for (let tries = 0; tries < 100; tries++) assert.equal(ports.take(watched, () => {}), undefined);
  assert.ok(looks < 1000, `${looks} looks at the address`);
  for (let taken = 0; taken < PORTS; taken++) assert.ok(ports.take(flow(other), () => {}));
});

Deno.test("one port left is found, whichever it is", () => {
  const ports = new LanePorts(() => false);
  for (let taken = 0; taken < PORTS; taken++) ports.take(flow(), () => {});
  for (let port = 30_201; port <= 32_767; port++) {
    ports.release({ ...key, client: { ...key.client, port } });
    assert.equal(ports.take(flow(), () => {})!.client.port, port);
  }
});

Deno.test("with only ports of real flows left it is not looked for before one is given back", () => {
  let asked = 0;
  const real = new Set<string>();
  const ports = new LanePorts((name) => (asked++, real.has(name)));
  const lanes = Array.from({ length: 10 }, () => ports.take(key, () => {})!);
  for (let port = 30_211; port <= 32_767; port++) {
    real.add(formatFlowKey({ ...key, client: { ...key.client, port } }));
  }
  assert.equal(ports.take(key, () => {}), undefined);
  asked = 0;
  assert.equal(ports.take(key, () => {}), undefined);
  assert.equal(asked, 0);
  ports.release(lanes[3]);
  assert.equal(ports.take(key, () => {})!.client.port, lanes[3].client.port);
  // What is given back twice, or was never taken, is not free twice.
  ports.release(lanes[5]);
  ports.release(lanes[5]);
  ports.release({ ...key, client: { ...key.client, port: 32_000 } });
  assert.equal(ports.take(key, () => {})!.client.port, lanes[5].client.port);
  assert.equal(ports.take(key, () => {}), undefined);
});

Deno.test("an evicted lane's port is free again for lanes when its real flow has gone", () => {
  let real = "";
  const ports = new LanePorts((name) => name === real);
  const lanes = Array.from({ length: PORTS }, () => ports.take(flow(), () => {})!);
  real = formatFlowKey(lanes[7]);
  ports.evict(lanes[7]);
  assert.equal(ports.take(key, () => {}), undefined);
  real = "";
  ports.release(lanes[8]);
  const ports2 = [ports.take(flow(), () => {}), ports.take(flow(), () => {})].map((lane) =>
    lane!.client.port
  );
  assert.deepEqual(ports2.sort(), [lanes[7].client.port, lanes[8].client.port]);
});

Deno.test("ports go round, also over pairs of addresses whose lanes have all ended", () => {
  const ports = new LanePorts(() => false);
  const seen = new Set<number>();
  for (let lane = 0; lane < PORTS; lane++) {
    const taken = ports.take(lane % 2 === 0 ? key : other, () => {})!;
    seen.add(taken.client.port);
    ports.release(taken);
  }
  assert.equal(seen.size, PORTS);
});
