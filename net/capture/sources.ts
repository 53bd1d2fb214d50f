// SPDX-License-Identifier: MIT
/**
 * Where capture sources meet: several may feed one {@linkcode CaptureTarget}, each as if it were alone.
 *
 * @module
 */
import type { CaptureTarget } from "./target.ts";

/** One source's way to the target. */
export interface CaptureFeed {
  /** What the source calls; its times count from the time base of all sources. */
  readonly target: CaptureTarget;
  /** The number of the next program that the source tells of: no program of another source has it. */
  nextProgram(): number;
  /** The source tells no more: time does not wait for it any longer. */
  end(): void;
}

/**
 * The sources of one target. Calls go through as they come, but for the time: it passes when every source has said so. A
 * session that two sources tell is the target's to recognize, as the two ends of a session on one host are.
 */
export class CaptureSources {
  readonly #target: CaptureTarget;
  /** Time that each source has told, nanoseconds. */
  readonly #times = new Map<CaptureFeed, number>();
  #programs = 0;
  #toldNs = 0;

  constructor(target: CaptureTarget) {
    this.#target = target;
  }

  add(): CaptureFeed {
    const through = this.#target;
    const feed: CaptureFeed = {
      target: {
        programStart: (program, timeNs) => through.programStart(program, timeNs),
        open: (program, flow, open, timeNs) => through.open(program, flow, open, timeNs),
        hello: (program, hello, timeNs) => through.hello(program, hello, timeNs),
        wire: (news, timeNs) => through.wire(news, timeNs),
        data: (program, flow, direction, offset, bytes, timeNs) =>
          through.data(program, flow, direction, offset, bytes, timeNs),
        gap: (program, flow, gap, timeNs) => through.gap(program, flow, gap, timeNs),
        close: (program, flow, end, timeNs) => through.close(program, flow, end, timeNs),
        programEnd: (program, end, timeNs) => through.programEnd(program, end, timeNs),
        tick: (timeNs) => this.#tick(feed, timeNs),
      },
      nextProgram: () => ++this.#programs,
      end: () => {
        this.#times.delete(feed);
        this.#tickAll();
      },
    };
    this.#times.set(feed, this.#toldNs);
    return feed;
  }

  #tick(feed: CaptureFeed, timeNs: number): void {
    if (!this.#times.has(feed)) return;
    this.#times.set(feed, timeNs);
    this.#tickAll();
  }

  #tickAll(): void {
    if (this.#times.size === 0) return;
    const timeNs = Math.min(...this.#times.values());
    if (timeNs <= this.#toldNs) return;
    this.#toldNs = timeNs;
    this.#target.tick(timeNs);
  }
}
