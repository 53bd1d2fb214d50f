// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** A value that a click makes a condition of the filter. @module */
import type { VNode } from "preact";
import type { Condition } from "./filter_text.ts";
import { html } from "./html.ts";

interface ValueProps extends Condition {
  /** As it is shown. */
  readonly text?: string | number;
  readonly onFilter: (condition: Condition, isOpposite: boolean) => void;
  /** The list's own keys reach all of it: its values are no stops of the Tab key. */
  readonly isInList?: boolean;
}

export function Value({ field, value, text = value, onFilter, isInList = false }: ValueProps): VNode {
  const onClick = (event: MouseEvent) => {
    event.stopPropagation();
    onFilter({ field, value }, event.shiftKey);
  };
  return html`
    <button class="value" tabindex=${isInList ? -1 : 0} onClick=${onClick}
      title=${`Only ${field} ${value}; with Shift, all but these`}>${text}</button>
  `;
}
