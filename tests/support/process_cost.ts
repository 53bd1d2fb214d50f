// SPDX-License-Identifier: MIT
/** What running processes have cost so far. @module */

/** Of the kernel's clock, in which processor time is told. */
const TICK_MS = 10;
/** From the end of the program's name on, fields 14 and 15. */
const USER_FIELD = 14 - 3;

export interface Cost {
  readonly cpuMs: number;
  /** The most that it ever had in memory. */
  readonly peakBytes: number;
}

/** Of one process; undefined when it has ended. */
function costOf(pid: number): Cost | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const peak = /^VmHWM:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    // One that is dead and not yet awaited has no memory.
    if (!peak) return undefined;
    const ticks = Number(fields[USER_FIELD]) + Number(fields[USER_FIELD + 1]);
    return { cpuMs: ticks * TICK_MS, peakBytes: Number(peak[1]) * 1024 };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Of a process and all that it has started and that still runs. */
export function costOfFamily(pid: number): Cost {
  const { cpuMs, peakBytes } = costOf(pid) ?? { cpuMs: 0, peakBytes: 0 };
  const costs = [{ cpuMs, peakBytes }, ...childrenOf(pid).map(costOfFamily)];
  return {
    cpuMs: costs.reduce((sum, cost) => sum + cost.cpuMs, 0),
    peakBytes: costs.reduce((sum, cost) => sum + cost.peakBytes, 0),
  };
}

function childrenOf(pid: number): number[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter((word) => word !== "").map(Number);
}

/** Looks at a process for as long as it runs. */
export class CostWatch implements Disposable {
  #last: Cost;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly pid: number) {
    this.#last = costOf(pid)!;
    this.#timer = setInterval(() => this.#look(), 50);
  }

  /** The last that was seen, 50 ms before its end or less. */
  get cost(): Cost {
    return this.#look();
  }

  #look(): Cost {
    return this.#last = costOf(this.pid) ?? this.#last;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
