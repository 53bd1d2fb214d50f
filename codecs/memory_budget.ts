// SPDX-License-Identifier: MIT
/**
 * What all flows of a codec may hold together. Each flow has bounds of its own; without this one their sum grows with the number of
 * flows, which a peer chooses. Beyond it the largest flow pays, or of very many one that holds at least half as much, whoever brought the
 * last byte: no flow can make another, much smaller one lose anything.
 *
 * @module
 */

/** What the largest flow lets go at a time, so that looking for the largest one is rare. */
const GIVEN_PART = 1 / 4;
/** Flows are told apart by the bits of what they hold, so that the largest is found among few, however many there are. */
const CLASSES = 33;
/** So many of the highest class are compared. */
const COMPARED_MAX = 64;

/** Bits of a number of bytes: 0 for 0, 11 for 1024. */
const classOf = (heldBytes: number): number => 32 - Math.clz32(Math.min(heldBytes, 0xffff_ffff));

/** What one flow holds, as far as it can let it go. */
export class MemoryAccount {
  heldBytes = 0;

  /** `giveWay` lets so many bytes go and returns what is still held. */
  constructor(readonly budget: MemoryBudget, readonly giveWay: (lengthBytes: number) => number) {}

  /** The flow holds so much now, between two calls. */
  settle(heldBytes: number): void {
    this.budget.settle(this, heldBytes);
  }

  /** The flow is gone. */
  close(): void {
    this.budget.close(this);
  }
}

export class MemoryBudget {
  heldBytes = 0;
  readonly #accounts = Array.from({ length: CLASSES }, () => new Set<MemoryAccount>());

  constructor(readonly maxBytes: number) {}

  open(giveWay: (lengthBytes: number) => number): MemoryAccount {
    const account = new MemoryAccount(this, giveWay);
    this.#accounts[0].add(account);
    return account;
  }

  close(account: MemoryAccount): void {
    this.#set(account, 0);
    this.#accounts[0].delete(account);
  }

  settle(account: MemoryAccount, heldBytes: number): void {
    this.#set(account, heldBytes);
    while (this.heldBytes > this.maxBytes && this.#giveWay(this.#largest()));
  }

  #set(account: MemoryAccount, heldBytes: number): void {
    const [before, after] = [classOf(account.heldBytes), classOf(heldBytes)];
    this.heldBytes += heldBytes - account.heldBytes;
    account.heldBytes = heldBytes;
    if (before === after) return;
    this.#accounts[before].delete(account);
    this.#accounts[after].add(account);
  }

  /** Whether the account has let something go. */
  #giveWay(account: MemoryAccount): boolean {
    const before = account.heldBytes;
    this.#set(account, account.giveWay(Math.ceil(before * GIVEN_PART)));
    return account.heldBytes < before;
  }

  #largest(): MemoryAccount {
    const highest = this.#accounts.findLast((accounts) => accounts.size > 0)!;
    let largest: MemoryAccount | undefined;
    let compared = 0;
    for (const account of highest) {
      if (largest === undefined || account.heldBytes > largest.heldBytes) largest = account;
      if (++compared === COMPARED_MAX) break;
    }
    return largest!;
  }
}
