// SPDX-License-Identifier: MIT
/**
 * The one way in which a test waits: under a name. A test that is over its limit fails with the names of what it waited for.
 *
 * @module
 */

/** What {@linkcode until} is answered while it is not so yet. */
type NotYet = false | undefined | null;

const waits = new Set<Wait>();

class Wait implements Disposable {
  readonly #startMs = performance.now();
  readonly #givenUp = Promise.withResolvers<never>();

  constructor(readonly what: string) {
    this.#givenUp.promise.catch(() => {}); // It may happen while nothing is awaited.
    waits.add(this);
  }

  /** Settles as `value` does, or rejects when the wait is given up. */
  for<T>(value: T | PromiseLike<T>): Promise<T> {
    return Promise.race([value, this.#givenUp.promise]);
  }

  giveUp(): void {
    this.#givenUp.reject(new Error(`gave up waiting for ${this}`));
  }

  toString(): string {
    return `${this.what} (${((performance.now() - this.#startMs) / 1000).toFixed(1)} s)`;
  }

  [Symbol.dispose](): void {
    waits.delete(this);
  }
}

/**
 * Resolves with the answer of `look` as soon as it is one. Between two looks `pauseMs` pass, in which timers and other tasks
 * run; a look may take a step itself. How long is the test's limit.
 */
export async function until<T>(
  what: string,
  look: () => T | NotYet | Promise<T | NotYet>,
  pauseMs = 5,
): Promise<T> {
  using wait = new Wait(what);
  for (;;) {
    const answer = await wait.for(look());
    if (answer !== false && answer !== undefined && answer !== null) return answer;
    await wait.for(new Promise((resolve) => setTimeout(resolve, pauseMs)));
  }
}

/** Settles as `promise` does, naming what it stands for meanwhile. */
export async function awaited<T>(what: string, promise: PromiseLike<T>): Promise<T> {
  using wait = new Wait(what);
  return await wait.for(promise);
}

/** What is being waited for, and for how long. */
export function waitedFor(): string[] {
  return [...waits].map(String);
}

/** Rejects everything that is being waited for. */
export function giveUpWaiting(): void {
  for (const wait of waits) wait.giveUp();
}
