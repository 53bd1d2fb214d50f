// SPDX-License-Identifier: MIT
/** Where the page of a running agent or collector is. @module */
import * as v from "valibot";
import type { Page } from "../page/listen.ts";
import { PORT_MAX } from "../wire/tcp.ts";
import { BadSetting } from "./bad_setting.ts";
import { wholeNumber } from "./schema.ts";

/** A page for browsers. */
export interface PageSettings {
  /**
   * Where it listens, on an address of the loopback interface; port 0 is any free one. Who opens it needs the token that is made at the
   * start. Default: nowhere.
   */
  readonly ui?: { readonly hostname: string; readonly port: number };
  /** Names besides `localhost` by which it may be asked for, as those of a proxy before it. Default: none. */
  readonly uiHosts?: readonly string[];
}

/** Entries of a schema. */
export const pageEntries = {
  ui: v.optional(v.strictObject({ hostname: v.string(), port: wholeNumber(0, PORT_MAX) })),
  uiHosts: v.optional(v.array(v.string()), () => []),
};

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** Throws {@linkcode BadSetting} where strangers could listen to what is shown. */
export function checkPage({ ui, uiHosts = [] }: PageSettings): void {
  if (ui !== undefined && !LOOPBACK.test(ui.hostname)) {
    throw new BadSetting(
      "ui",
      `${ui.hostname} is not loopback, and the page has no TLS: reach it by ssh -L, or by a proxy with TLS on this host`,
    );
  }
  for (const name of uiHosts) {
    if (!/^[\w.-]+$/.test(name)) {
      throw new BadSetting("uiHosts", `expected a name without port, got ${JSON.stringify(name)}`);
    }
  }
}

/** Listens; undefined where there is no page. Throws {@linkcode BadSetting}. */
export async function openPage({ ui, uiHosts = [] }: PageSettings): Promise<Page | undefined> {
  if (ui === undefined) return undefined;
  // Most agents have no page.
  const { Page } = await import("../page/listen.ts");
  try {
    return await Page.listen({ ...ui, names: uiHosts });
  } catch (error) {
    throw new BadSetting("ui", (error as Error).message);
  }
}
