// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** Where the filter is written, and what is wrong with it. @module */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { FilterMistake } from "../messages.ts";
import { html } from "./html.ts";
import { goTo } from "./session.ts";

interface FilterBarProps {
  /** The one that is in force. */
  readonly filter: string;
  readonly mistake: FilterMistake | undefined;
}

export function FilterBar({ filter, mistake }: FilterBarProps): VNode {
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  const apply = (next: string) => goTo({ view: "requests", filter: next.trim() });
  const onSubmit = (event: Event) => {
    event.preventDefault();
    apply(text);
  };
  return html`
    <form class="filter" role="search" onSubmit=${onSubmit}>
      <label for="filter">Filter</label>
      <input id="filter" value=${text} spellcheck=${false} autocomplete="off"
        placeholder='status >= 400 and host contains "shop" and not program == "curl"'
        aria-invalid=${mistake !== undefined} aria-describedby=${mistake && "mistake"}
        onInput=${(event: InputEvent) => setText((event.target as HTMLInputElement).value)} />
      <button>Apply</button>
      <button type="button" disabled=${filter === "" && text === ""}
        onClick=${() => {
          setText("");
          apply("");
        }}>Clear</button>
      ${mistake && html`<pre id="mistake" role="alert">${mistakeText(filter, mistake)}</pre>`}
    </form>
  `;
}

/** The expression, a caret below the place, and what is wrong there. */
function mistakeText(filter: string, { message, position }: FilterMistake): string {
  return `${filter}\n${" ".repeat(position)}^ ${message}`;
}
