// SPDX-License-Identifier: MIT
/**
 * What all flows of a codec may hold together. Each flow has bounds of its own; without this one their sum grows with the number of
 * flows, which a peer chooses. Beyond it the largest flow pays, whoever brought the last byte: no flow can make another, smaller one lose
 * anything.
 *
 * @module
 */

/** What the largest flow lets go at a time, so that looking for the largest one is rare. */
const GIVEN_PART = 1 / 4;

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
  readonly #accounts = new Set<MemoryAccount>();

  constructor(readonly maxBytes: number) {}

  open(giveWay: (lengthBytes: number) => number): MemoryAccount {
    const account = new MemoryAccount(this, giveWay);
    this.#accounts.add(account);
    return account;
  }

  close(account: MemoryAccount): void {
    this.#set(account, 0);
    this.#accounts.delete(account);
  }

  settle(account: MemoryAccount, heldBytes: number): void {
    this.#set(account, heldBytes);
    while (this.heldBytes > this.maxBytes && this.#giveWay(this.#largest()));
  }

  #set(account: MemoryAccount, heldBytes: number): void {
    this.heldBytes += heldBytes - account.heldBytes;
    account.heldBytes = heldBytes;
  }

  /** Whether the account has let something go. */
  #giveWay(account: MemoryAccount): boolean {
    const before = account.heldBytes;
    this.#set(account, account.giveWay(Math.ceil(before * GIVEN_PART)));
    return account.heldBytes < before;
  }

  #largest(): MemoryAccount {
    let largest: MemoryAccount | undefined;
    for (const account of this.#accounts) {
      if (largest === undefined || account.heldBytes > largest.heldBytes) largest = account;
    }
    return largest!;
  }
}
