// SPDX-License-Identifier: MIT
/** The values of `-o`. @module */
import { type SinkKind, type SinkSpec, wrongForm } from "./kind.ts";
import { SINK_KINDS } from "./list.ts";

/** Looks at the text only. Throws a `RangeError` that quotes the value and says what would be right. */
export function parseSinkSpec(text: string, kinds: readonly SinkKind[] = SINK_KINDS): SinkSpec {
  for (const kind of kinds.toReversed()) {
    const spec = kind.parse(text);
    if (spec !== undefined) return spec;
  }
  throw wrongForm(sinkForms(kinds), text);
}

/** Every form that a value can have: `an interface, … or pcap-over-ip:[ADDR:]PORT`. */
export function sinkForms(kinds: readonly SinkKind[] = SINK_KINDS): string {
  const forms = kinds.map(({ form }) => form);
  return `${forms.slice(0, -1).join(", ")} or ${forms.at(-1)}`;
}
