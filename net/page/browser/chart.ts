// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** How fast a count grew over the last hour, as a small line. @module */
import type { VNode } from "preact";
import type { Sample } from "../messages.ts";
import { html } from "./html.ts";

const HOUR_MS = 3_600_000;
const WIDTH = 300;
const HEIGHT = 56;

interface ChartProps {
  readonly name: string;
  readonly samples: readonly Sample[];
  /** The count. */
  readonly of: (sample: Sample) => number;
  /** A rate a second, for people. */
  readonly text: (rate: number) => string;
  /** Whether any of it is too much. */
  readonly isBad?: boolean;
}

export function Chart({ name, samples, of, text, isBad = false }: ChartProps): VNode {
  const rates = samples.slice(1).map((sample, at) => {
    const { timeMs } = samples[at];
    const seconds = Math.max(sample.timeMs - timeMs, 1) / 1000;
    return { timeMs: sample.timeMs, rate: Math.max(0, of(sample) - of(samples[at])) / seconds };
  });
  const most = Math.max(0, ...rates.map(({ rate }) => rate));
  const nowMs = samples.at(-1)?.timeMs ?? 0;
  const points = rates.map(({ timeMs, rate }) => {
    const x = WIDTH * (1 - (nowMs - timeMs) / HOUR_MS);
    const y = HEIGHT - 2 - (most === 0 ? 0 : rate / most * (HEIGHT - 4));
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const now = text(rates.at(-1)?.rate ?? 0);
  return html`
    <figure>
      <figcaption>${name} <b>${now}</b> <small>at most ${text(most)}</small></figcaption>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" class=${isBad && most > 0 ? "bad" : ""}
        aria-label=${`${name} over the last hour: now ${now}, at most ${text(most)}`}>
        <polyline points=${points.join(" ")} />
      </svg>
    </figure>
  `;
}
