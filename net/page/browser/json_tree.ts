// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** JSON that opens level by level; what is closed is not made. @module */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { visible } from "../../wire/printable.ts";
import { html } from "./html.ts";

/** Open at first. */
const LEVELS_OPEN = 2;
const CHILDREN_STEP = 200;

interface JsonTreeProps {
  readonly value: unknown;
  readonly name?: string;
  readonly level?: number;
}

export function JsonTree({ value, name, level = 0 }: JsonTreeProps): VNode {
  const label = name === undefined ? "" : html`<span class="name">${visible(name)}: </span>`;
  if (typeof value !== "object" || value === null) {
    return html`<div class="leaf">${label}<span class=${typeof value}>${leafText(value)}</span></div>`;
  }
  return html`<${Branch} value=${value} label=${label} level=${level} />`;
}

const leafText = (value: unknown): string => visible(JSON.stringify(value));

interface BranchProps {
  readonly value: object;
  readonly label: VNode | string;
  readonly level: number;
}

function Branch({ value, label, level }: BranchProps): VNode {
  const [isOpen, setOpen] = useState(level < LEVELS_OPEN);
  const [count, setCount] = useState(CHILDREN_STEP);
  const children = Object.entries(value);
  const isList = Array.isArray(value);
  const size = `${children.length} ${isList ? "in a list" : "in an object"}`;
  return html`
    <details open=${isOpen} onToggle=${(event: Event) =>
      setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>${label}${isList ? "[" : "{"} <small>${size}</small></summary>
      ${isOpen &&
        children.slice(0, count).map(([name, child]) =>
          html`<${JsonTree} key=${name} value=${child} name=${name} level=${level + 1} />`
        )}
      ${isOpen && children.length > count &&
        html`<button onClick=${() => setCount(4 * count)}>${children.length - count} more</button>`}
    </details>
  `;
}
