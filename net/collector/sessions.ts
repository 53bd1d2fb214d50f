// SPDX-License-Identifier: MIT
/** How many packets of which session a collector has. @module */

/** Sessions of one agent that are remembered beside those that may be in use; those unused for longest are forgotten first. */
const SESSIONS_PER_AGENT = 100;

/** Next packet numbers by session, `NAME/ID`. Bounded for each agent by itself: none can push another's out. */
export class Sessions {
  readonly #have: Map<string, number> = new Map();
  readonly #perAgent: number;
  /** Sessions by agent, least recently used first. */
  readonly #ofAgent: Map<string, Set<string>> = new Map();

  /** `inUse`: connections that one agent may have at a time. */
  constructor(inUse: number) {
    this.#perAgent = inUse + SESSIONS_PER_AGENT;
  }

  get(session: string): number | undefined {
    return this.#have.get(session);
  }

  /** Notes how far a session is, and makes it the one used last. */
  set(session: string, have: number): void {
    const agent = agentOf(session);
    let own = this.#ofAgent.get(agent);
    if (own === undefined) this.#ofAgent.set(agent, own = new Set());
    own.delete(session);
    own.add(session);
    this.#have.set(session, have);
    if (own.size <= this.#perAgent) return;
    const oldest = own.values().next().value!;
    own.delete(oldest);
    this.#have.delete(oldest);
  }

  /** Entries of all sessions; of each agent, the session used last comes last. */
  *[Symbol.iterator](): IterableIterator<[string, number]> {
    for (const own of this.#ofAgent.values()) {
      for (const session of own) yield [session, this.#have.get(session)!];
    }
  }
}

/** Without certificates everybody is one agent: addresses cost nothing, and would be remembered without bound. */
function agentOf(session: string): string {
  return session.startsWith("plaintext ") ? "plaintext" : session.slice(0, session.lastIndexOf("/"));
}
