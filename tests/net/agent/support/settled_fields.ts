// SPDX-License-Identifier: MIT
/**
 * Prints which objects, made when all those of the warm-up have been collected, V8 keeps as dictionaries. Run with
 * `--v8-flags=--expose-gc,--allow-natives-syntax`.
 *
 * @module
 */
import { DecoderPool } from "../../../../codecs/decode/budget.ts";
import { MemoryBudget } from "../../../../codecs/memory_budget.ts";
import { raw } from "../../../../codecs/raw.ts";
import { warmUp } from "../../../../net/agent/warm_up.ts";
import { PAGE } from "../../../../net/capture/record/layout.ts";
import { RingReader } from "../../../../net/capture/preload/ring_reader.ts";
import { Endpoint } from "../../../../net/forge/endpoint.ts";
import { InitialSequenceNumbers } from "../../../../net/forge/isn.ts";
import { Http1View } from "../../../../net/view/http1_view.ts";
import { View } from "../../../../net/view/view.ts";

const isFast = new Function("object", "return %HasFastProperties(object)") as (object: object) => boolean;
const collect = (globalThis as unknown as { gc(): void }).gc;

const peer = { ip: Uint8Array.of(127, 0, 0, 1), port: 1 };
const link = { source: new Uint8Array(6), destination: new Uint8Array(6), vlan: undefined };
const settings = { mtu: 1500, initialSequenceNumbers: new InitialSequenceNumbers(0) };

const memory = new MemoryBudget(1);
const view = new View({ failed: console.error }, []);
const context = { log: view.log, flowAt: () => 0, decoders: new DecoderPool(1, memory), memory };

/** What has more than twelve fields. */
const MADE: Readonly<Record<string, () => object>> = {
  Endpoint: () => new Endpoint(peer, peer, link, settings),
  Http1View: () => new Http1View(context, false),
  RingReader: () => new RingReader(new ArrayBuffer(PAGE), { slotCapacity: 1, timeBaseNs: 0n, dataBytes: 0 }),
};

/** Collects what nobody has any more, and forgets how it was made: V8 keeps that for some time. */
async function collectAll(): Promise<void> {
  for (let time = 0; time < 6; time++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

warmUp([raw], console.error, view);
for (const [name, make] of Object.entries(MADE)) {
  let isAlwaysFast = true;
  // One at a time, each of which is gone when the next one is made.
  for (let round = 0; round < 10; round++) {
    await collectAll();
    isAlwaysFast &&= isFast(make());
  }
  if (!isAlwaysFast) console.log(name);
}
