// SPDX-License-Identifier: MIT
/** ClientHellos that interfaces saw, until their sessions ask for them. @module */
import type { CaptureInterface, CaptureOpen, CaptureSighting } from "../capture/target.ts";
import { type FlowKey, formatIp, isSameAddress } from "../wire/flow_key.ts";

/** Hellos of either way that wait, at some 500 bytes each. */
const SIGHTINGS_MAX = 32_768;
/** Sightings of one random: of retransmissions, proxies that pass it through, and whoever copies it. */
const OF_ONE_MAX = 8;
/** A session that opens so long after its hello has other troubles. */
const EXPIRE_NS = 60e9;
/** Hellos that were cut within their random. */
const PIECES_MAX = 1024;
/** Digits of a random; and so many of one tell its session from all others. */
const RANDOM_DIGITS = 64;
const TELLING_DIGITS = 16;
/** The session of a hello so young may still open. */
const YOUNG_NS = 1e9;
/** For so long after hellos were lost, or the looking began, a session without one may have crossed all the same. */
const DOUBT_NS = 10e9;

interface Kept {
  readonly seenNs: number;
  readonly sightings: CaptureSighting[];
}

/** The beginning of a hello, with no or some of its random. */
interface Piece {
  readonly seenNs: number;
  readonly sighting: CaptureSighting;
}

export class Sightings {
  #interfaces: readonly CaptureInterface[] = [];
  /** Addresses of all interfaces; undefined: flows need not cross any. */
  #addresses: ReadonlySet<string> | undefined;
  #doubtUntilNs = -Infinity;
  /**
   * By client random, oldest first; what the host sent apart, so that a flood from outside pushes none of its clients' out while their
   * handshakes last.
   */
  readonly #sent = new Map<string, Kept>();
  readonly #received = new Map<string, Kept>();
  /** Oldest first. */
  readonly #pieces: Piece[] = [];

  /** Only flows that cross one of these count from now on. */
  look(interfaces: readonly CaptureInterface[], timeNs: number): void {
    const isNew = interfaces.some(({ name, isSeen }) =>
      isSeen && !this.#interfaces.some((known) => known.isSeen && known.name === name)
    );
    if (isNew) this.doubt(timeNs);
    this.#interfaces = interfaces;
    this.#addresses = new Set(interfaces.flatMap(({ addresses }) => addresses));
  }

  /** Whether hellos are looked for on some interface. */
  get isLooking(): boolean {
    return this.#interfaces.some(({ isSeen }) => isSeen);
  }

  /** Whether a session that opened at `openedNs` would have been seen if it had crossed an interface. */
  isSure(openedNs: number): boolean {
    return this.#interfaces.length > 0 && openedNs >= this.#doubtUntilNs &&
      this.#interfaces.every(({ isSeen }) => isSeen);
  }

  /** Hellos passed that are not known: nothing is sure for a while. */
  doubt(timeNs: number): void {
    this.#doubtUntilNs = timeNs + DOUBT_NS;
  }

  /** Whether an address is one of the interfaces', or no interface is asked for. */
  isLocal(ip: Uint8Array): boolean {
    return this.#addresses?.has(formatIp(ip)) ?? true;
  }

  add(sighting: CaptureSighting, timeNs: number): void {
    if (sighting.clientRandom.length < RANDOM_DIGITS) return this.#addPiece(sighting, timeNs);
    const kept = sighting.isSent ? this.#sent : this.#received;
    const known = kept.get(sighting.clientRandom);
    if (known !== undefined) {
      const isAgain = known.sightings.some(({ key }) => sameEnds(key, sighting.key) === 2);
      if (!isAgain && known.sightings.length < OF_ONE_MAX) known.sightings.push(sighting);
      return;
    }
    kept.set(sighting.clientRandom, { seenNs: timeNs, sightings: [sighting] });
    if (kept.size > SIGHTINGS_MAX) this.#forgetOldest(kept, timeNs);
  }

  #addPiece(sighting: CaptureSighting, timeNs: number): void {
    this.#pieces.push({ seenNs: timeNs, sighting });
    if (this.#pieces.length <= PIECES_MAX) return;
    const { seenNs } = this.#pieces.shift()!;
    if (timeNs - seenNs < YOUNG_NS) this.doubt(timeNs);
  }

  /** Whoever sends hellos faster than sessions open must not make that of another look as if it had not passed. */
  #forgetOldest(kept: Map<string, Kept>, timeNs: number): void {
    const [clientRandom, { seenNs }] = kept.entries().next().value!;
    kept.delete(clientRandom);
    if (timeNs - seenNs < YOUNG_NS) this.doubt(timeNs);
  }

  /**
   * The sighting of a session that fits best what its program knows of its ends: both, one, or the first that there is. A client may send hellos
   * with the random of its own under addresses of others: where the program is the server, one without both ends counts only if no other
   * fits as well.
   */
  find({ clientRandom, isServer }: CaptureOpen, known: FlowKey | undefined): CaptureSighting | undefined {
    const whole = this.#wholeOf(clientRandom);
    const sightings = whole.length > 0 ? whole : this.#piecesOf(clientRandom, TELLING_DIGITS);
    const endsOf = ({ key }: CaptureSighting) => known === undefined ? 0 : sameEnds(key, known);
    const ends = Math.max(...sightings.map(endsOf));
    const fitting = sightings.filter((sighting) => endsOf(sighting) === ends);
    if (!isServer || ends === 2) return fitting[0];
    // Its own may be one that was not kept.
    if (sightings.length >= OF_ONE_MAX) return undefined;
    const [first, ...others] = fitting.filter(({ key }) => this.#mayBeOf(known, key));
    return others.every(({ key }) => sameEnds(key, first.key) === 2) ? first : undefined;
  }

  /** Whether a server with these ends may be behind what changed them: one with the interface's own address has its client's, too. */
  #mayBeOf(known: FlowKey | undefined, { client }: FlowKey): boolean {
    if (known === undefined || !this.isLocal(known.server.ip)) return true;
    return this.isLocal(known.client.ip) || isSameAddress(known.client, client);
  }

  #wholeOf(clientRandom: string): CaptureSighting[] {
    return [this.#sent, this.#received].flatMap((kept) => kept.get(clientRandom)?.sightings ?? []);
  }

  #piecesOf(clientRandom: string, digitsLeast: number): CaptureSighting[] {
    return this.#pieces.map(({ sighting }) => sighting).filter((piece) =>
      piece.clientRandom.length >= digitsLeast && clientRandom.startsWith(piece.clientRandom)
    );
  }

  /** Whether some hello, or piece of one that is too little to tell, may have been that of a session with such ends. */
  mayHaveSeen(clientRandom: string, known: FlowKey | undefined): boolean {
    if (this.#wholeOf(clientRandom).length > 0) return true;
    return known !== undefined &&
      this.#piecesOf(clientRandom, 0).some(({ key }) => sameEnds(key, known) > 0);
  }

  tick(timeNs: number): void {
    while (this.#pieces.length > 0 && timeNs - this.#pieces[0].seenNs >= EXPIRE_NS) this.#pieces.shift();
    for (const kept of [this.#sent, this.#received]) forgetExpired(kept, timeNs);
  }
}

function forgetExpired(kept: Map<string, Kept>, timeNs: number): void {
  for (const [clientRandom, { seenNs }] of kept) {
    if (timeNs - seenNs < EXPIRE_NS) return;
    kept.delete(clientRandom);
  }
}

/** How many ends two 5-tuples share. */
export function sameEnds(one: FlowKey, other: FlowKey): number {
  return Number(isSameAddress(one.client, other.client)) + Number(isSameAddress(one.server, other.server));
}
