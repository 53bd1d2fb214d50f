// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** The keys. @module */
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { html } from "./html.ts";

const KEYS: readonly (readonly [keys: string, effect: string])[] = [
  ["↑ ↓, j k", "the row before, the next one"],
  ["Page up, Page down", "a page of rows"],
  ["Home, g", "the oldest row"],
  ["End, G", "the newest row, and follow"],
  ["Enter", "show all of the row"],
  ["Esc", "close it"],
  ["/", "write a filter"],
  ["click on a value", "only rows with it"],
  ["Shift and click", "only rows without it"],
  ["?", "this help"],
];

export function KeyHelp(
  { isOpen, onClose }: { readonly isOpen: boolean; readonly onClose: () => void },
): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current!.showModal();
  }, [isOpen]);
  return html`
    <dialog ref=${dialog} onClose=${onClose} aria-labelledby="keys">
      <h2 id="keys">Keys</h2>
      <dl>${KEYS.map(([keys, effect]) =>
        html`
          <dt>${keys}</dt>
          <dd>${effect}</dd>
        `
      )}</dl>
      <form method="dialog"><button>Close</button></form>
    </dialog>
  `;
}
