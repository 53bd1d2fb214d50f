// SPDX-License-Identifier: MIT
/**
 * Prometheus' text format, version 0.0.4.
 *
 * @module
 */

/** A metric with its values. */
export interface Metric {
  /** With unit and, for a counter, `_total`; without the program's prefix. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** One line. */
  readonly help: string;
  readonly values: readonly MetricValue[];
}

/** One value with its labels. */
export interface MetricValue {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

const PREFIX = "sslcollector_";

/** The page; metrics without a value are left out. */
export function metricsText(metrics: readonly Metric[]): string {
  return metrics.filter(({ values }) => values.length > 0).map(({ name, type, help, values }) =>
    `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${type}\n` +
    values.map(({ labels, value }) => `${PREFIX}${name}${labelText(labels)} ${value}\n`).join("")
  ).join("");
}

function labelText(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => ESCAPES[character]);
}
