// SPDX-License-Identifier: MIT
/** HTTPS requests by wrk. @module */

export interface Visits {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Each connection rests so long before a request; without it the server is driven to saturation. */
  readonly pauseMs?: number;
}

/** Requests that wrk finished; throws when one failed. */
export async function runWrk({ url, connections, seconds, pauseMs }: Visits): Promise<number> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  await Deno.writeTextFile(script, `function delay() return ${pauseMs ?? 0} end`);
  const pause = pauseMs === undefined ? [] : ["-s", script];
  const { stdout, success } = await new Deno.Command("wrk", {
    args: ["-t1", `-c${connections}`, `-d${seconds}s`, ...pause, url],
  }).output();
  await Deno.remove(script);
  const text = new TextDecoder().decode(stdout);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  if (!success || requests === 0 || /Non-2xx|Socket errors/.test(text)) throw new Error(`wrk: ${text}`);
  return requests;
}
