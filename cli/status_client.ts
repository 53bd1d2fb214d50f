// SPDX-License-Identifier: MIT
/** Asks the agents and collectors of this host. @module */
import { printError } from "./output.ts";
import { statusFolder } from "./status_places.ts";

/** A process that takes longer is stopped. */
const ANSWER_MS = 5000;

/** Sockets below a runtime directory, of processes that run or ran. */
export function statusSockets(runtimeDir: string): string[] {
  const folder = statusFolder(runtimeDir);
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    printError(`sslcollector: cannot look into ${folder}: ${(error as Error).message}`);
    return [];
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
