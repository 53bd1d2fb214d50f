import assert from "node:assert/strict";
import { formatFlowKey } from "../../net/flow_key.ts";
import { LanePorts } from "../../net/lane_ports.ts";

const key = {
  client: { ip: Uint8Array.of(10, 0, 0, 1), port: 50_000 },
  server: { ip: Uint8Array.of(10, 0, 0, 2), port: 443 },
};

Deno.test("every lane gets a port of its own, until all are taken", () => {
  const ports = new LanePorts(() => false);
  const seen = new Set<number>();
  for (let taken = 0; taken < 2567; taken++) seen.add(ports.take(key, () => {})!.client.port);
  assert.equal(seen.size, 2567);
  assert.deepEqual([Math.min(...seen), Math.max(...seen)], [30_201, 32_767]);
  assert.equal(ports.take(key, () => {}), undefined);
  ports.release({ ...key, client: { ...key.client, port: 31_000 } });
  assert.equal(ports.take(key, () => {})!.client.port, 31_000);
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
