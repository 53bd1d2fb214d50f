// SPDX-License-Identifier: MIT
/** The files of the page: its script is bundled out of `browser/`, in the binary beforehand, in a checkout when it is asked for. @module */
import html from "./browser/page.html" with { type: "text" };
import css from "./browser/page.css" with { type: "text" };
import icon from "./browser/icon.svg" with { type: "text" };
import type { PageFile } from "./server.ts";

/** Where a build puts the script; a bundle in one file has it as a text in this place. */
const SCRIPT = new URL("../../dist/page.js", import.meta.url);

/** By path. */
export async function pageFiles(): Promise<Map<string, PageFile>> {
  return new Map([
    ["/", { type: "text/html; charset=utf-8", text: html }],
    ["/page.css", { type: "text/css; charset=utf-8", text: css }],
    ["/page.js", { type: "text/javascript; charset=utf-8", text: await script() }],
    ["/icon.svg", { type: "image/svg+xml", text: icon }],
  ]);
}

async function script(): Promise<string> {
  if (SCRIPT.protocol === "data:") return await (await fetch(SCRIPT)).text();
  if (!Deno.build.standalone) await build();
  return Deno.readTextFileSync(SCRIPT);
}

/** Makes the script of a checkout when its sources are newer. */
async function build(): Promise<void> {
  const { buildPage } = await import("../../tools/page.ts");
  await buildPage();
}
