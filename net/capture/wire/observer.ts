// SPDX-License-Identifier: MIT
/**
 * Looks for ClientHellos on interfaces, so that sessions get the addresses that an IDS beside the host would see: behind NAT, in
 * containers, with VLAN and MAC addresses. Nobody wakes it: whoever reads hooks asks it before, so that a hello is known before
 * its session.
 *
 * @module
 */
import { PacketRing, type RingPacket } from "../../ffi/packet_ring.ts";
import type { CaptureInterface, CaptureTarget } from "../target.ts";
import { helloFilter } from "./hello_filter.ts";
import { parseHelloPacket } from "./hello_packet.ts";

/** Packets of one ring at a look: all that it can hold. */
const LOOK_MAX = 4096;
const CHECK_MS = 1000;
/** Place of the ring of what the host sends, where there is one. */
const SENT = 1;
/** What the host sends on it comes back. */
const LOOPBACK = "lo";

export interface WireObserverOptions {
  /** Takes the news. */
  readonly target: Pick<CaptureTarget, "wire">;
  /** Nanoseconds since 1970 that the target's times count from. */
  readonly timeBaseNs: bigint;
  /** Texts of the addresses that an interface has now. */
  readonly addressesOf: (name: string) => readonly string[];
  /** Takes lines for people. */
  readonly warn: (message: string) => void;
}

interface Observed {
  readonly name: string;
  /**
   * What it receives and what the host sends, apart: whoever floods the interface from outside must not push out the hellos of this
   * host's clients. Empty: it cannot be looked at, now or ever.
   */
  rings: readonly PacketRing[];
  /** This process cannot look at any: its addresses are all that is known. */
  readonly isForbidden: boolean;
  dropped: number;
}

/** Interfaces that are looked at, until closed. */
export class WireObserver {
  readonly #options: WireObserverOptions;
  readonly #receivedFilter = helloFilter();
  readonly #sentFilter = helloFilter(true);
  readonly #observed: Observed[];
  readonly #baseNs: number;
  #told = "";
  #checkedMs = -Infinity;

  /**
   * Begins to look, and tells which interfaces count. Without the permission or the means it says so in one line, and their addresses decide.
   *
   * @throws {Error} of one line for an interface that is not there or cannot be looked at for another reason.
   */
  constructor(names: readonly string[], options: WireObserverOptions) {
    this.#options = options;
    this.#baseNs = Number(options.timeBaseNs);
    this.#observed = [];
    try {
      for (const name of names) this.#observed.push(this.#begin(name));
    } catch (error) {
      this.close();
      throw error;
    }
    this.#tellInterfaces(0);
  }

  #begin(name: string): Observed {
    try {
      return { name, rings: this.#open(name), isForbidden: false, dropped: 0 };
    } catch (error) {
      const { PermissionDenied, NotSupported } = Deno.errors;
      if (!(error instanceof PermissionDenied || error instanceof NotSupported)) throw error;
      this.#options.warn(
        `${error.message}: which flows cross it is told by this host's addresses, and their own are those that programs know`,
      );
      return { name, rings: [], isForbidden: true, dropped: 0 };
    }
  }

  #open(name: string): PacketRing[] {
    const received = PacketRing.open(name, this.#receivedFilter, true);
    if (name === LOOPBACK) return [received];
    try {
      return [received, PacketRing.open(name, this.#sentFilter)];
    } catch (error) {
      received.close();
      throw error;
    }
  }

  /** Tells what was seen since the last time. */
  look(): void {
    for (const { rings } of this.#observed) {
      for (const [at, ring] of rings.entries()) this.#read(ring, at === SENT);
    }
    const nowMs = performance.now();
    if (nowMs - this.#checkedMs < CHECK_MS) return;
    this.#checkedMs = nowMs;
    this.#check();
  }

  #read(ring: PacketRing, isSent: boolean): void {
    let packet: RingPacket | undefined;
    for (let left = LOOK_MAX; left > 0 && (packet = ring.next()) !== undefined; left--) {
      this.#tell(packet, isSent);
    }
  }

  #tell({ bytes, vlan: strippedVlan, timeNs }: RingPacket, isSent: boolean): void {
    const packet = parseHelloPacket(bytes);
    if (packet === undefined) return;
    const { clientRandoms, client, server, clientMac, serverMac } = packet;
    const vlan = strippedVlan ?? packet.vlan;
    const hasMacs = clientMac.some((byte) => byte !== 0);
    const link = hasMacs ? { clientMac, serverMac, ...(vlan === undefined ? {} : { vlan }) } : undefined;
    const told = {
      kind: "hello",
      key: { client, server },
      ...(link && { link }),
      ...(isSent && { isSent }),
    } as const;
    for (const clientRandom of clientRandoms) {
      this.#options.target.wire({ ...told, clientRandom }, Math.max(0, timeNs - this.#baseNs));
    }
  }

  /** What is due by the clock: hellos that were lost, interfaces that went away or came back, and their addresses. */
  #check(): void {
    const timeNs = Math.max(0, Date.now() * 1e6 - this.#baseNs);
    let lost = 0;
    for (const observed of this.#observed) {
      if (observed.isForbidden) continue;
      if (observed.rings.some(({ isDeaf }) => isDeaf)) this.#lose(observed);
      if (observed.rings.length === 0) {
        this.#reopen(observed);
        continue;
      }
      const dropped = observed.rings.reduce((sum, ring) => sum + ring.dropped, 0);
      lost += dropped - observed.dropped;
      observed.dropped = dropped;
    }
    if (lost > 0) this.#options.target.wire({ kind: "lost", hellos: lost }, timeNs);
    this.#tellInterfaces(timeNs);
  }

  #lose(observed: Observed): void {
    for (const ring of observed.rings) ring.close();
    observed.rings = [];
    observed.dropped = 0;
    this.#options.warn(
      `${observed.name} is down or gone: flows on it are told by addresses until it is back`,
    );
  }

  #reopen(observed: Observed): void {
    let rings: PacketRing[];
    try {
      rings = this.#open(observed.name);
    } catch {
      return; // It is still away.
    }
    if (rings.some(({ isDeaf }) => isDeaf)) return rings.forEach((ring) => ring.close());
    observed.rings = rings;
    this.#options.warn(`${observed.name} is looked at again`);
  }

  #tellInterfaces(timeNs: number): void {
    const interfaces = this.#observed.map(({ name, rings }): CaptureInterface => ({
      name,
      addresses: this.#options.addressesOf(name),
      isSeen: rings.length > 0,
    }));
    const text = JSON.stringify(interfaces);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.target.wire({ kind: "interfaces", interfaces }, timeNs);
  }

  /** Idempotent. */
  close(): void {
    for (const { rings } of this.#observed) rings.forEach((ring) => ring.close());
    this.#observed.length = 0;
  }
}
