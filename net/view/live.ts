// SPDX-License-Identifier: MIT
/** Has flows looked at while somebody wants to see them, and no longer. @module */
import type { Flow } from "../mirror/flow.ts";
import type { FlowTap } from "../mirror/flow_tap.ts";
import type { View } from "./view.ts";

/**
 * The log that watchers read: that of the view which is there for outputs, else of one that lasts from the first watcher to the
 * last. Flows that were there before its first are joined late: HTTP/1.1 is read from the next head, HTTP/2 as far as its
 * table is known.
 */
export class LiveView {
  readonly #kept: View | undefined;
  readonly #make: () => View;
  readonly #changed: () => void;
  #made: View | undefined;
  #watchers = 0;

  /** `changed` is called when {@linkcode tap} would answer otherwise. */
  constructor(kept: View | undefined, make: () => View, changed: () => void) {
    this.#kept = kept;
    this.#make = make;
    this.#changed = changed;
  }

  get #view(): View | undefined {
    return this.#kept ?? this.#made;
  }

  /** Undefined while nobody looks. */
  tap(flow: Flow): FlowTap | undefined {
    return this.#view?.tap(flow);
  }

  /** A watcher comes; each calls {@linkcode leave} once. */
  enter(): View {
    this.#watchers++;
    if (this.#view === undefined) {
      this.#made = this.#make();
      this.#changed();
    }
    return this.#view!;
  }

  leave(): void {
    if (--this.#watchers > 0 || this.#made === undefined) return;
    this.#made = undefined;
    this.#changed();
  }
}
