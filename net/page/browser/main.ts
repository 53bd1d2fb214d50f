// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** The page. @module */
import { render } from "preact";
import { App } from "./app.ts";
import { html } from "./html.ts";

render(html`<${App} />`, document.getElementById("page")!);
