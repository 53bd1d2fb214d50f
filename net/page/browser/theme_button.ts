// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** Dark, light, or as the system has it. @module */
import type { VNode } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { html } from "./html.ts";

const KEY = "sslcollector theme";
const THEMES = ["auto", "dark", "light"];

export function ThemeButton(): VNode {
  const [theme, setTheme] = useState(localStorage.getItem(KEY) ?? THEMES[0]);
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  return html`<button onClick=${() =>
    setTheme(next)} title=${`Change to ${next}`}>Colours: ${theme}</button>`;
}
