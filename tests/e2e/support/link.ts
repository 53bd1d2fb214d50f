/**
 * The speed of a gigabit link. Over loopback both ends of a connection and the agent share the same cores, and a TLS library
 * that has one for itself outruns any reader: with bodies larger than a ring, what then is lost would be chance.
 *
 * @module
 */
export const LINK_BYTES_PER_SECOND = 125_000_000;

/** Holds the traffic of one connection back to the speed of the link. */
export class Link {
  #startMs = performance.now();
  #bytes = 0;

  /** Resolves when the link has carried these bytes too. */
  async carry(bytes: number): Promise<void> {
    this.#bytes += bytes;
    const aheadMs = 1000 * this.#bytes / LINK_BYTES_PER_SECOND - (performance.now() - this.#startMs);
    if (aheadMs >= 1) await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
}
