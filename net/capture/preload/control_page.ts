// SPDX-License-Identifier: MIT
/**
 * The agent's control page: what every hook maps to find out whether an agent is there and whether it sleeps.
 *
 * @module
 */
import {
  cString,
  errno,
  errnoName,
  FUTEX_WAIT,
  FUTEX_WAKE,
  libc,
  monotonicNs,
  SYS_FUTEX,
} from "../../ffi/libc.ts";
import { SharedMapping } from "../../ffi/mapping.ts";
import { ABI, CONTROL, MAGIC, PAGE } from "../record/layout.ts";

const O_RDWR = 2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_CLOEXEC = 0o2000000;
const WAKE_ALL = 0x7fff_ffffn;

/** What a new ring is made like. */
export interface ControlSettings {
  /** Bytes of data area and number of slots that a ring may use before it is granted more. */
  readonly initialData: number;
  readonly initialSlots: number;
  /** Sizes of each sub-ring that a hook makes. */
  readonly dataCapacity: number;
  readonly slotCapacity: number;
  readonly subringCount: number;
}

export class ControlPage {
  /** Differs for every run of an agent. */
  readonly identity: bigint;
  readonly #path: string;
  readonly #mapping: SharedMapping;
  readonly #words: Uint32Array;
  readonly #words64: BigUint64Array;
  readonly #timeout = new BigInt64Array(new ArrayBuffer(16));
  #generation = 0;
  #waiting = false;

  private constructor(path: string, mapping: SharedMapping, identity: bigint) {
    this.#path = path;
    this.#mapping = mapping;
    this.identity = identity;
    const view = mapping.view(0, PAGE);
    this.#words = new Uint32Array(view);
    this.#words64 = new BigUint64Array(view);
  }

  /**
   * Puts a whole page at `path`, in place of any that was there (programs that map the old one keep it).
   *
   * @throws {Error} naming the file and the failure.
   */
  static create(path: string, settings: ControlSettings): ControlPage {
    const temporary = `${path}.${Deno.pid}`;
    try {
      Deno.removeSync(temporary);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const fd = libc().open(cString(temporary), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644);
    if (fd < 0) throw new Error(`Cannot create "${temporary}": ${errnoName(errno())}`);
    let mapping: SharedMapping;
    try {
      if (libc().ftruncate(fd, BigInt(PAGE)) !== 0) {
        throw new Error(`Cannot extend "${temporary}": ${errnoName(errno())}`);
      }
      mapping = SharedMapping.map(fd, PAGE);
    } finally {
      libc().close(fd);
    }
    const identity = crypto.getRandomValues(new BigUint64Array(1))[0] | 1n;
    const page = new ControlPage(path, mapping, identity);
    const words = page.#words;
    words[CONTROL.magic >> 2] = MAGIC;
    words[CONTROL.abi >> 2] = ABI;
    words[CONTROL.initialData >> 2] = settings.initialData;
    words[CONTROL.initialSlots >> 2] = settings.initialSlots;
    words[CONTROL.dataCapacity >> 2] = settings.dataCapacity;
    words[CONTROL.slotCapacity >> 2] = settings.slotCapacity;
    words[CONTROL.subringCount >> 2] = settings.subringCount;
    words[CONTROL.agentPid >> 2] = Deno.pid;
    page.beat();
    Atomics.store(page.#words64, CONTROL.identity >> 3, identity);
    Deno.chmodSync(temporary, 0o644);
    Deno.renameSync(temporary, path);
    return page;
  }

  /** Says that the agent lives; at least once a second. */
  beat(): void {
    Atomics.store(this.#words64, CONTROL.heartbeatNs >> 3, monotonicNs());
  }

  /** Says that the agent sleeps, from now until {@linkcode awake}; answers the generation of this sleep. */
  asleep(): number {
    this.#generation = (this.#generation + 1) >>> 0 || 1;
    Atomics.store(this.#words, CONTROL.sleeping >> 2, this.#generation);
    return this.#generation;
  }

  awake(): void {
    Atomics.store(this.#words, CONTROL.sleeping >> 2, 0);
  }

  /**
   * Waits on another thread until a hook wakes, {@linkcode interrupt} is called or the time is over. A wake between
   * {@linkcode asleep} and the moment that the other thread waits is lost: look at the rings again while waiting.
   */
  async wait(timeoutMs: number): Promise<void> {
    this.#waiting = true;
    try {
      await libc().futex_wait(...this.#waitArguments(timeoutMs));
    } finally {
      this.#waiting = false;
    }
  }

  /** The same on this thread, which does nothing else meanwhile; far quicker to wake where processors are busy. */
  nap(timeoutMs: number): void {
    libc().futex_nap(...this.#waitArguments(timeoutMs));
  }

  #waitArguments(timeoutMs: number) {
    this.#timeout[0] = BigInt(Math.floor(timeoutMs / 1000));
    this.#timeout[1] = BigInt(Math.round((timeoutMs % 1000) * 1e6));
    const timeout = new Uint8Array(this.#timeout.buffer);
    const word = this.#mapping.pointer(CONTROL.sleeping);
    return [SYS_FUTEX, word, FUTEX_WAIT, BigInt(this.#generation), timeout, null, 0n] as const;
  }

  /** Ends a {@linkcode wait}, or makes it return at once should it only begin. */
  interrupt(): void {
    this.awake();
    if (this.#waiting) {
      libc().futex_wake(SYS_FUTEX, this.#mapping.pointer(CONTROL.sleeping), FUTEX_WAKE, WAKE_ALL);
    }
  }

  /** Says that the agent is going: no hook connects or wakes any more, and another agent's page counts. */
  announceClosing(): void {
    Atomics.store(this.#words, CONTROL.closing >> 2, 1);
    this.awake();
  }

  /** Takes the page away; not while a {@linkcode wait} is pending. */
  close(): void {
    Atomics.store(this.#words64, CONTROL.heartbeatNs >> 3, 0n);
    try {
      Deno.removeSync(this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    } finally {
      this.#mapping.unmap();
    }
  }
}
