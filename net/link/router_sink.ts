// SPDX-License-Identifier: MIT
/** Flows spread over several collectors. @module */
import {
  BATCH_CAPACITY,
  COMMENT_LENGTH_MAX,
  FRAME_LENGTH_MAX,
  FrameCursor,
  type PacketBatch,
} from "../forge/packet_batch.ts";
import type { Sink, SinkCounters } from "../sinks/sink.ts";
import { packetBlockLength } from "../wire/pcapng.ts";
import { type HashedFrame, hashFlow, hashName, opens, resets, weigh } from "./flow_hash.ts";

/** Connections remembered; beyond it the oldest go where they would go if they began now. */
const FLOWS_MAX = 262_144;

/** A sink that may be out of reach. */
export interface RoutedSink extends Sink {
  readonly isGone: boolean;
}

interface Route {
  readonly sink: RoutedSink;
  readonly nameHash: number;
  readonly memory: Uint8Array<ArrayBuffer>;
  used: number;
  count: number;
}

/**
 * Every forged connection goes whole to one collector, the one that weighs most for its 5-tuple (rendezvous hashing) of
 * those within reach. It moves when its collector is gone and another is not, and does not move back: a collector that returns gets new
 * connections. What was given to a collector that is gone waits for it.
 */
export class RouterSink implements Sink {
  readonly name: string;
  readonly mtu: number;
  readonly #routes: readonly Route[];
  readonly #flows = new Map<number, Route>();
  readonly #cursor = new FrameCursor();
  readonly #frame: HashedFrame = { hash: 0, flags: 0 };

  constructor(sinks: readonly RoutedSink[]) {
    const capacity = Math.max(BATCH_CAPACITY, packetBlockLength(FRAME_LENGTH_MAX, COMMENT_LENGTH_MAX));
    this.name = sinks.map(({ name }) => name).join(", ");
    this.mtu = Math.min(...sinks.map(({ mtu }) => mtu));
    this.#routes = sinks.map((sink) => ({
      sink,
      nameHash: hashName(sink.name),
      memory: new Uint8Array(capacity),
      used: 0,
      count: 0,
    }));
  }

  /** One for each collector, with books of its own. */
  get sinks(): readonly RoutedSink[] {
    return this.#routes.map(({ sink }) => sink);
  }

  /** Sums of all. */
  get counters(): SinkCounters {
    const sum: SinkCounters = { packets: 0, written: 0, writtenBytes: 0, kept: 0, dropped: new Map() };
    for (const { sink: { counters } } of this.#routes) {
      sum.packets += counters.packets;
      sum.written += counters.written;
      sum.writtenBytes += counters.writtenBytes;
      sum.kept += counters.kept;
      for (const [reason, packets] of counters.dropped) {
        sum.dropped.set(reason, (sum.dropped.get(reason) ?? 0) + packets);
      }
    }
    return sum;
  }

  write(batch: PacketBatch): void {
    const { blocks } = batch;
    const cursor = this.#cursor;
    for (cursor.reset(blocks); cursor.next();) {
      hashFlow(blocks, cursor.frameOffset, cursor.frameLength, this.#frame);
      const route = this.#routeOf(this.#frame);
      const { blockOffset, blockLength } = cursor;
      if (route.used + blockLength > route.memory.length) handOver(route);
      route.memory.set(blocks.subarray(blockOffset, blockOffset + blockLength), route.used);
      route.used += blockLength;
      route.count++;
    }
    for (const route of this.#routes) handOver(route);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#routes.map(({ sink }) => sink.flush()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#routes.map(({ sink }) => sink.close()));
  }

  #routeOf({ hash, flags }: HashedFrame): Route {
    let route = this.#flows.get(hash);
    // Whoever opens may use the 5-tuple of a connection that is over.
    if (route === undefined || opens(flags) || (route.sink.isGone && !this.#areAllGone())) {
      route = this.#heaviest(hash);
      this.#flows.delete(hash);
      this.#flows.set(hash, route);
      if (this.#flows.size > FLOWS_MAX) this.#flows.delete(this.#flows.keys().next().value!);
    }
    if (resets(flags)) this.#flows.delete(hash);
    return route;
  }

  #areAllGone(): boolean {
    for (const { sink } of this.#routes) if (!sink.isGone) return false;
    return true;
  }

  /** Picks among the collectors within reach; among all when none is. */
  #heaviest(hash: number): Route {
    let [best, weight]: [Route | undefined, number] = [undefined, -1];
    let [bestOfAll, weightOfAll]: [Route, number] = [this.#routes[0], -1];
    for (const route of this.#routes) {
      const mine = weigh(hash, route.nameHash);
      if (mine > weightOfAll) [bestOfAll, weightOfAll] = [route, mine];
      if (mine > weight && !route.sink.isGone) [best, weight] = [route, mine];
    }
    return best ?? bestOfAll;
  }
}

function handOver(route: Route): void {
  if (route.count === 0) return;
  route.sink.write({ count: route.count, blocks: route.memory.subarray(0, route.used) });
  route.used = route.count = 0;
}
