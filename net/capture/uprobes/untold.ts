// SPDX-License-Identifier: MIT
/** What the probes count of sessions that are not open: in the map `untold`, by program and reason, as long as the process lives. @module */
import { count, type Opener, readOpener, UNTOLD, UNTOLD_KEY, UNTOLD_REASON } from "./layout.ts";
import type { LoadedProbes } from "./loader.ts";

/** What a program lost. */
export interface UntoldLoss {
  readonly program: Opener;
  /** Kebab-case. */
  readonly reason: string;
  /** Bytes: to server, to client. */
  readonly amounts: readonly [number, number];
}

const NO_PLACE = "no-place";

const REASONS: Readonly<Record<number, string>> = {
  [UNTOLD_REASON.noRoom]: "ring-full",
  [UNTOLD_REASON.noPlace]: NO_PLACE,
  [UNTOLD_REASON.noRole]: "role-unknown",
  [UNTOLD_REASON.noTeller]: "hook-unknown",
};

/** Stands for programs that the map has no place for. */
const OTHERS: Opener = { pid: 0, startedNs: 0n, parent: 0, uid: 0, networkNamespace: 0, comm: "(others)" };

/** The map `untold`, of which it knows what it has told. */
export class UntoldLosses {
  readonly #probes: LoadedProbes;
  readonly #isAlive: (pid: number) => boolean;
  /** Amounts so far, by the key in hex. */
  readonly #told = new Map<string, readonly [number, number]>();
  #counted = 0;
  #unplaced = 0;

  constructor(probes: LoadedProbes, isAlive: (pid: number) => boolean) {
    this.#probes = probes;
    this.#isAlive = isAlive;
  }

  /**
   * What grew since the last call. Entries of processes that have ended are given up.
   *
   * @param counted Bytes that were counted so far, of which there was no place for `unplaced`.
   */
  *take(counted: number, unplaced: number): Generator<UntoldLoss> {
    if (counted === this.#counted && this.#told.size === 0) return;
    this.#counted = counted;
    if (unplaced > this.#unplaced) {
      yield { program: OTHERS, reason: NO_PLACE, amounts: [unplaced - this.#unplaced, 0] };
      this.#unplaced = unplaced;
    }
    for (const key of [...this.#probes.map("untold").keys()]) yield* this.#takeOne(key);
  }

  /** The same of one process alone: of those of others, of which there may be many, nothing is asked. */
  *takeOf(pid: number, startedNs: bigint): Generator<UntoldLoss> {
    for (const reason of Object.values(UNTOLD_REASON)) {
      const key = new DataView(new ArrayBuffer(UNTOLD_KEY.size));
      key.setBigUint64(UNTOLD_KEY.startedNs, startedNs, true);
      key.setUint32(UNTOLD_KEY.pid, pid, true);
      key.setUint32(UNTOLD_KEY.reason, reason, true);
      yield* this.#takeOne(new Uint8Array(key.buffer));
    }
  }

  *#takeOne(key: Uint8Array<ArrayBuffer>): Generator<UntoldLoss> {
    const map = this.#probes.map("untold");
    const fields = new DataView(key.buffer);
    const value = new DataView(new ArrayBuffer(UNTOLD.size));
    // Asked first: what a process that has ended lost is all there.
    const isAlive = this.#isAlive(fields.getUint32(UNTOLD_KEY.pid, true));
    if (!map.get(key, new Uint8Array(value.buffer))) return;
    const amounts = this.#growth(key.toHex(), value, isAlive);
    if (!isAlive) map.delete(key);
    if (amounts[0] + amounts[1] === 0) return;
    const reason = REASONS[fields.getUint32(UNTOLD_KEY.reason, true)];
    yield { program: readOpener(value, UNTOLD.program), reason, amounts };
  }

  #growth(key: string, value: DataView, isKept: boolean): [number, number] {
    const [toServer, toClient] = this.#told.get(key) ?? [0, 0];
    const now = [count(value, UNTOLD.toServer), count(value, UNTOLD.toClient)] as const;
    if (isKept) this.#told.set(key, now);
    else this.#told.delete(key);
    return [now[0] - toServer, now[1] - toClient];
  }
}
