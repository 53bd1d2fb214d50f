// SPDX-License-Identifier: MIT
/** The regions that are held: by their memory, by who brought them, and which of their rings may be claimed next. @module */
import { descriptorLimit } from "../../ffi/descriptor_limit.ts";
import { RING } from "../record/layout.ts";
import type { Guest } from "./guest.ts";

/** Regions at a time, where there are descriptors for them: each costs some address space. One user other than root has half of both. */
const REGIONS_MAX = 16_384;
/** Descriptors that regions leave to the rest of this process, which does not survive without; at most half of what it may have. */
const LEFT_DESCRIPTORS = 256;

const OWNER_WORD = RING.owner >> 2;

export class GuestList {
  /** By the key of their memory. */
  readonly #guests = new Map<string, Guest>();
  /** By the process that brought them, which has one, or comes again as another program. */
  readonly #byPid = new Map<number, Guest[]>();
  /** Headers of all rings that may be claimed next, and their regions; undefined when some have changed since. */
  #spares: { readonly headers: readonly Int32Array[]; readonly guests: readonly Guest[] } | undefined;

  /** Holds at most `most`, where there are descriptors for so many. */
  constructor(readonly most = REGIONS_MAX, readonly descriptorsMax = affordable(descriptorLimit())) {}

  get size(): number {
    return this.#guests.size;
  }

  /** Whether a region is held, by the key of its memory. */
  has(key: string): boolean {
    return this.#guests.has(key);
  }

  [Symbol.iterator](): IterableIterator<Guest> {
    return this.#guests.values();
  }

  /** Those that a process has brought, in the order in which it did. */
  broughtBy(pid: number): readonly Guest[] {
    return this.#byPid.get(pid) ?? [];
  }

  add(guest: Guest): void {
    const { pid } = guest.identity;
    this.#guests.set(guest.region.key, guest);
    const brought = this.#byPid.get(pid);
    if (brought === undefined) this.#byPid.set(pid, [guest]);
    else brought.push(guest);
  }

  delete(guest: Guest): void {
    this.#guests.delete(guest.region.key);
    this.sparesChanged();
    const { pid } = guest.identity;
    const others = this.broughtBy(pid).filter((other) => other !== guest);
    if (others.length > 0) this.#byPid.set(pid, others);
    else this.#byPid.delete(pid);
  }

  /** Whether there are more than may be, all together or of a user. */
  isCrowded(uid: number): boolean {
    if (this.#isTooMuch(this.size, this.#byPid.size, 1)) return true;
    if (uid === 0 || !this.#isTooMuch(this.size, this.#byPid.size, 2)) return false;
    let regions = 0;
    let processes = 0;
    for (const brought of this.#byPid.values()) {
      const ofUser = brought.filter(({ identity }) => identity.uid === uid).length;
      regions += ofUser;
      if (ofUser > 0) processes++;
    }
    return this.#isTooMuch(regions, processes, 2);
  }

  /** For this part of what there is: each region has a descriptor, and each process that brought some. */
  #isTooMuch(regions: number, processes: number, part: number): boolean {
    return regions > this.most / part || regions + processes > this.descriptorsMax / part;
  }

  /** Those of which a spare ring was claimed. */
  claimed(): Guest[] {
    const { headers, guests } = this.#spares ??= this.#listSpares();
    const claimed: Guest[] = [];
    for (let at = 0; at < headers.length; at++) {
      if (Atomics.load(headers[at], OWNER_WORD) !== 0) claimed.push(guests[at]);
    }
    return claimed;
  }

  /** To be told when rings became spare, or were taken, or lie elsewhere. */
  sparesChanged(): void {
    this.#spares = undefined;
  }

  #listSpares() {
    const headers: Int32Array[] = [];
    const guests: Guest[] = [];
    for (const guest of this) {
      for (const header of guest.spareHeaders()) {
        headers.push(header);
        guests.push(guest);
      }
    }
    return { headers, guests };
  }
}

const affordable = (descriptors: number): number => descriptors - Math.min(LEFT_DESCRIPTORS, descriptors / 2);
