// SPDX-License-Identifier: MIT
/** Where a running agent or collector is asked how it goes, by programs and by people. @module */
import type { Page } from "../page/listen.ts";
import { cannotListen } from "../status/cannot_listen.ts";
import type { StatusServer } from "../status/server.ts";
import { BadSetting } from "./bad_setting.ts";
import { openPage, type PageSettings } from "./page.ts";
import { openStatus, type StatusSettings } from "./status.ts";

interface Listeners {
  readonly status: StatusServer | undefined;
  readonly page: Page | undefined;
}

/**
 * Finds out whether addresses and ports are this host's and this user's to listen on, which takes them for a moment. One that is taken is
 * right: its holder may be who is to be replaced. Throws {@linkcode BadSetting}.
 */
export function checkListeners({ metrics, ui }: StatusSettings & PageSettings): void {
  for (const [setting, place] of Object.entries({ metrics, ui })) {
    if (place === undefined) continue;
    try {
      Deno.listen(place).close();
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) continue;
      throw new BadSetting(setting, cannotListen(place, error).message);
    }
  }
}

/** Listens on what is asked for; who asks before there is an answer is told so. Throws a `BadSetting`. */
export async function openListeners(settings: StatusSettings & PageSettings): Promise<Listeners> {
  const status = await openStatus(settings);
  try {
    return { status, page: await openPage(settings) };
  } catch (error) {
    await status?.close();
    throw error;
  }
}

export async function closeListeners(
  status: StatusServer | undefined,
  page: Page | undefined,
): Promise<void> {
  await Promise.all([status?.close(), page?.close()]);
}
