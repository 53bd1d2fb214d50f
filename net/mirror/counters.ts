// SPDX-License-Identifier: MIT
/**
 * The books of a flow, a program or the whole run. For every direction
 *
 *     captured = decoded + the sum of `lost`      (bytes that the program passed to or got from its TLS library)
 *     written  = forged  + the sum of `unforged`  (bytes that the codec wrote)
 *
 * @module
 */

/** Bytes per direction: to server, to client. */
export type PerDirection = [number, number];

/** Stands for the maps that most flows never need: 10,000 of them at rest are memory. */
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** Bytes of captured and forged, packets and events; see the sums above. */
export class Counters {
  /** Flows that were told of. */
  flows = 0;
  /** Flows of these whose addresses the kernel was asked about and did not confirm. */
  claimed = 0;
  /** Bytes that went through the TLS library, whether or not they reached us. */
  readonly captured: PerDirection = [0, 0];
  /** Bytes given to the codec. */
  readonly decoded: PerDirection = [0, 0];
  /** Captured bytes that no codec got, by reason. */
  lost: ReadonlyMap<string, Readonly<PerDirection>> = NONE;
  /** Bytes that the codec wrote. */
  readonly written: PerDirection = [0, 0];
  /** Bytes that went out in packets. */
  readonly forged: PerDirection = [0, 0];
  /** Written bytes that no packet carries, by reason. */
  unforged: ReadonlyMap<string, Readonly<PerDirection>> = NONE;
  /** Things that happened, by reason: no bytes. */
  events: ReadonlyMap<string, number> = NONE;
  /** Packets forged, those without payload included. */
  packets = 0;

  /** Bytes that were captured and did not reach a codec. */
  lose(reason: string, direction: 0 | 1, bytes: number): void {
    this.captured[direction] += bytes;
    this.lost = added(this.lost, reason, direction, bytes);
  }

  /** Written bytes that no packet carries. */
  leaveUnforged(reason: string, direction: 0 | 1, bytes: number): void {
    this.unforged = added(this.unforged, reason, direction, bytes);
  }

  /** Something happened `amount` times. */
  count(reason: string, amount = 1): void {
    const events = own(this.events);
    events.set(reason, (events.get(reason) ?? 0) + amount);
    this.events = events;
  }

  /** Adds the books of another. */
  add(other: Counters): void {
    this.flows += other.flows;
    this.claimed += other.claimed;
    this.packets += other.packets;
    for (const name of ["captured", "decoded", "written", "forged"] as const) {
      this[name][0] += other[name][0];
      this[name][1] += other[name][1];
    }
    for (const name of ["lost", "unforged"] as const) {
      for (const [reason, [toServer, toClient]] of other[name]) {
        this[name] = added(added(this[name], reason, 0, toServer), reason, 1, toClient);
      }
    }
    for (const [reason, amount] of other.events) this.count(reason, amount);
  }

  /** Whether both sums agree; the difference in bytes otherwise says where to look. */
  imbalance(): number {
    let difference = 0;
    for (const direction of [0, 1] as const) {
      difference += Math.abs(
        this.captured[direction] - this.decoded[direction] - sumOf(this.lost, direction),
      );
      difference += Math.abs(
        this.written[direction] - this.forged[direction] - sumOf(this.unforged, direction),
      );
    }
    return difference;
  }
}

/** A map that may be written to: the one given, or a new one in place of {@linkcode NONE}. */
function own<T>(map: ReadonlyMap<string, T>): Map<string, T> {
  return map === NONE ? new Map<string, T>() : map as Map<string, T>;
}

function added(
  map: ReadonlyMap<string, Readonly<PerDirection>>,
  reason: string,
  direction: 0 | 1,
  bytes: number,
): ReadonlyMap<string, Readonly<PerDirection>> {
  const written = own(map) as Map<string, PerDirection>;
  const entry = written.get(reason);
  if (entry) entry[direction] += bytes;
  else written.set(reason, direction === 0 ? [bytes, 0] : [0, bytes]);
  return written;
}

function sumOf(map: ReadonlyMap<string, Readonly<PerDirection>>, direction: 0 | 1): number {
  let sum = 0;
  for (const entry of map.values()) sum += entry[direction];
  return sum;
}
