// SPDX-License-Identifier: MIT
/** Asks the agents and collectors of this host. @module */
import { statusFolder } from "./status_places.ts";

/** A process that takes longer is stopped. */
const ANSWER_MS = 5000;

/** Exit status of commands that ask, where this user may not. */
export const NOT_ALLOWED = 4;

/** Sockets below a runtime directory, of processes that run or ran; a line where this user may not ask them. */
export function statusSockets(runtimeDir: string): string[] | string {
  const folder = statusFolder(runtimeDir);
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (!(error instanceof Deno.errors.PermissionDenied)) {
      return `cannot look into ${folder}: ${(error as Error).message}`;
    }
    const owner = ownerOf(folder);
    const who = owner === undefined || owner === 0 ? "" : ` and uid ${owner}`;
    return `only root${who} may ask what runs below ${runtimeDir}`;
  }
}

function ownerOf(folder: string): number | undefined {
  try {
    return Deno.statSync(folder).uid ?? undefined;
  } catch {
    return undefined;
  }
}

/** What is answered to `page`; a line when somebody is there and does not answer that; undefined where nobody is. */
export async function ask<T>(path: string, page: string): Promise<T | string | undefined> {
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`http://localhost${page}`, { client, signal });
    if (!response.ok) return `${path}: ${(await response.text()).trim()}`;
    return await response.json();
  } catch (error) {
    // Asked behind the question: a busy agent has two connections to take else.
    return await isListenedOn(path) ? `${path} does not answer: ${(error as Error).message}` : undefined;
  }
}

async function isListenedOn(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch {
    return false;
  }
}
