// SPDX-License-Identifier: MIT
/** What the probes keep in the kernel beside their ring: counters, sessions, closes that found no room, ClientHellos. @module */
import { serverNameIn } from "../../wire/client_hello.ts";
import { type ServerHello, serverHelloIn } from "../../wire/server_hello.ts";
import { isAlive } from "./process_ids.ts";
import { type UntoldLoss, UntoldLosses } from "./untold.ts";
import { ANSWER, BOOKS, count, ENDING, GO_KEY, HELLO, SESSION, SESSION_KEY } from "./layout.ts";
import type { LoadedProbes } from "./loader.ts";

/** Bytes of a session so far. */
type Passed = readonly [sent: number, received: number];

/** A close that found no room in the ring. */
export interface LostClose {
  readonly flow: number;
  readonly passed: Passed;
  readonly end: "orderly" | "abrupt";
  /** CLOCK_MONOTONIC. */
  readonly timeNs: number;
}

export interface ChosenSessions {
  readonly isProcess: (pid: number) => boolean;
  readonly isFlow?: (flow: number) => boolean;
  readonly overNs?: number;
}

type Counter = Exclude<keyof typeof BOOKS, "size">;

export type KernelCounters = Readonly<Record<Counter, number>>;

const COUNTERS = Object.keys(BOOKS).filter((name) => name !== "size") as Counter[];

export class KernelState {
  readonly #probes: LoadedProbes;
  readonly #books = new DataView(new ArrayBuffer(BOOKS.size));
  readonly #untold: UntoldLosses;
  #endings = 0;
  #isClosed = false;

  constructor(probes: LoadedProbes) {
    this.#probes = probes;
    this.#untold = new UntoldLosses(probes, isAlive);
  }

  /** As they are, or were at {@linkcode close}. */
  get counters(): KernelCounters {
    this.#readBooks();
    return Object.fromEntries(COUNTERS.map((name) => [name, this.#counter(name)])) as KernelCounters;
  }

  /** The server's name in the ClientHello that had this client random; undefined: it is not known. */
  serverNameOf(clientRandom: string): string | undefined {
    const hello = this.#kept("hello_bytes", HELLO, clientRandom);
    return hello && serverNameIn(hello, clientRandom);
  }

  /** The ServerHello that answered the ClientHello with this client random; undefined: it is not known. */
  answerTo(clientRandom: string): ServerHello | undefined {
    const answer = this.#kept("answers", ANSWER, clientRandom);
    return answer && serverHelloIn(answer);
  }

  /** How a hello begins that is kept by a client random. */
  #kept(map: string, layout: typeof HELLO | typeof ANSWER, clientRandom: string): Uint8Array | undefined {
    if (clientRandom === "") return undefined;
    const value = new Uint8Array(layout.size);
    if (!this.#probes.map(map).get(Uint8Array.fromHex(clientRandom), value)) return undefined;
    const length = new DataView(value.buffer).getUint32(layout.length, true);
    return value.subarray(layout.bytes, layout.bytes + length);
  }

  /** What programs lost since the last call of sessions that are not open; of those that had ended by then, all of it. */
  takeUntold(): Generator<UntoldLoss> {
    this.#readBooks();
    return this.#untold.take(this.#counter("untold"), this.#counter("unplaced"));
  }

  /** The same of one process alone. */
  takeUntoldOf(pid: number, startedNs: bigint): Generator<UntoldLoss> {
    return this.#untold.takeOf(pid, startedNs);
  }

  /** Closes that found no room since the last call, or those of `flows` alone; they are forgotten. */
  *takeLostCloses(flows?: readonly number[]): Generator<LostClose> {
    this.#readBooks();
    const endings = this.#counter("endings");
    if (endings === this.#endings) return;
    if (flows === undefined) this.#endings = endings;
    const map = this.#probes.map("endings");
    const value = new DataView(new ArrayBuffer(ENDING.size));
    for (const key of flows?.map(flowKey) ?? [...map.keys()]) {
      if (!map.get(key, new Uint8Array(value.buffer))) continue;
      map.delete(key);
      yield {
        flow: count(new DataView(key.buffer), 0),
        passed: [count(value, ENDING.sent), count(value, ENDING.received)],
        end: count(value, ENDING.orderly) === 0 ? "abrupt" : "orderly",
        timeNs: count(value, ENDING.timeNs),
      };
    }
  }

  /** Ids of processes that have sessions, with repeats. */
  *processes(): Generator<number> {
    for (const key of this.#probes.map("sessions").keys()) {
      yield new DataView(key.buffer).getUint32(SESSION_KEY.pid, true);
    }
  }

  /**
   * Flows of the sessions of some processes, those that are meant by their numbers, and what passed of each; the sessions are over since
   * `overNs` of CLOCK_MONOTONIC, unless that is undefined.
   */
  *sessionsOf(
    { isProcess, isFlow = () => true, overNs }: ChosenSessions,
  ): Generator<{ readonly flow: number; readonly passed: Passed }> {
    const map = this.#probes.map("sessions");
    const value = new DataView(new ArrayBuffer(map.shape.valueSize));
    for (const key of [...map.keys()]) {
      if (!isProcess(new DataView(key.buffer).getUint32(SESSION_KEY.pid, true))) continue;
      if (!map.get(key, new Uint8Array(value.buffer))) continue;
      const flow = count(value, SESSION.flow);
      if (!isFlow(flow)) continue;
      if (overNs !== undefined) {
        map.delete(key);
        value.setBigUint64(SESSION.overNs, BigInt(Math.round(overNs)), true);
        if (flow !== 0) this.#probes.map("over").set(key, new Uint8Array(value.buffer));
      }
      yield { flow, passed: [count(value, SESSION.sent), count(value, SESSION.received)] };
    }
  }

  /** Forgets calls of Go that were not over when their processes ended. */
  forgetGoCalls(pids: ReadonlySet<number | undefined>): void {
    this.#readBooks();
    if (this.#counter("goCalls") === 0) return;
    const map = this.#probes.map("go_calls");
    for (const key of [...map.keys()]) {
      if (pids.has(new DataView(key.buffer).getUint32(GO_KEY.pid, true))) map.delete(key);
    }
  }

  /** Keeps the counters as they are: the probes are about to be taken away. */
  close(): void {
    this.#readBooks();
    this.#isClosed = true;
  }

  #readBooks(): void {
    if (this.#isClosed) return;
    this.#probes.map("books").get(new Uint8Array(4), new Uint8Array(this.#books.buffer));
  }

  #counter(name: Counter): number {
    return count(this.#books, BOOKS[name]);
  }
}

/** A key of the map `endings`. */
function flowKey(flow: number): Uint8Array<ArrayBuffer> {
  const key = new DataView(new ArrayBuffer(8));
  key.setBigUint64(0, BigInt(flow), true);
  return new Uint8Array(key.buffer);
}
