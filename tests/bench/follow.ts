// SPDX-License-Identifier: MIT
/** What it costs an agent, and the program that it mirrors, that exchanges are logged, and that somebody looks: one `top`, or one page that lists them. */
import { followExchanges } from "../../cli/top/feed_client.ts";
import { missing, withTempDir } from "../support/run.ts";
import { type Agent, startAgent } from "./agent.ts";
import { cpuNs, ratioText, spread } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import type { BenchRow } from "./row.ts";
import { runWrk } from "./wrk.ts";

const ROUNDS = 7;
const SECONDS = 3;
/** Each agent, before anything is measured: some 200,000 requests, after which the log is full and hardly any code is compiled. */
const WARM_UP_SECONDS = 60;
/** 4,000 small requests a second. */
const LOAD = { connections: 40, pauseMs: 10 };
const ASKED_UNWATCHED = 1.15;
const ASKED_WATCHED = 1.2;

interface Subject {
  readonly agent: Agent;
  /** Of the nginx that it mirrors. */
  readonly workerPid: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** What is compared with an agent that nobody looks at. */
interface Watched {
  readonly name: string;
  readonly subject: Subject;
  /** The most that it may cost of that. */
  readonly asked: number;
}

export async function benchFollow(): Promise<BenchRow[]> {
  const lacking = missing("nginx", "wrk");
  if (lacking !== undefined) return [{ name: "an agent that is looked at", value: `skipped: ${lacking}` }];
  return await withTempDir(async (folder) => {
    const [alone, logged, shown, followed] = [
      await start(`${folder}/alone`),
      await start(`${folder}/logged`, "--ui", "0"),
      await start(`${folder}/shown`, "--ui", "0"),
      await start(`${folder}/followed`),
    ];
    const page = (signal: AbortSignal) => pageRows(shown.agent.page!, signal);
    const socket = `${followed.agent.environment.SSLCOLLECTOR_RUNTIME}/status/agent.sock`;
    const top = (signal: AbortSignal) => followExchanges(socket, "", signal);
    const watched: Watched[] = [
      { name: "with --ui and nobody looking / without", subject: logged, asked: ASKED_UNWATCHED },
      { name: "with an open page / without", subject: shown, asked: ASKED_WATCHED },
      { name: "followed by one top / by nobody", subject: followed, asked: ASKED_WATCHED },
    ];
    try {
      return await whileRead(page, () => whileRead(top, () => compare(alone, watched)));
    } finally {
      for (const subject of [alone, logged, shown, followed]) await subject.stop();
    }
  });
}

async function start(folder: string, ...options: string[]): Promise<Subject> {
  Deno.mkdirSync(folder);
  const agent = await startAgent(folder, `${folder}/out.pcapng`, ...options);
  const nginx = await startNginx(`${folder}/nginx`, agent.environment);
  const stop = async () => {
    await nginx.stop();
    await agent.stop();
  };
  return { agent, workerPid: nginx.workerPid, url: `https://127.0.0.1:${nginx.port}/small`, stop };
}

/** All in turns, so that each is as warm as the one that it is compared with. */
async function compare(alone: Subject, watched: readonly Watched[]): Promise<BenchRow[]> {
  for (const subject of [alone, ...watched.map(({ subject }) => subject)]) {
    await costOf(subject, WARM_UP_SECONDS);
  }
  const ratios = watched.map((): Record<keyof Cost, number[]> => ({ agent: [], program: [] }));
  for (let round = 0; round < ROUNDS; round++) {
    const unwatched = await costOf(alone, SECONDS);
    for (const [at, { subject }] of watched.entries()) {
      const cost = await costOf(subject, SECONDS);
      for (const who of ["agent", "program"] as const) ratios[at][who].push(cost[who] / unwatched[who]);
    }
  }
  return watched.flatMap((each, at) => rowsOf(each, ratios[at]));
}

function rowsOf({ name, asked }: Watched, { agent, program }: Record<keyof Cost, number[]>): BenchRow[] {
  const ratio = spread(agent);
  return [
    {
      name: `the agent's CPU time a small request at 4,000 a second, ${name}`,
      value: ratioText(ratio),
      target: `at most ${asked}`,
      ok: ratio.median <= asked,
    },
    {
      name: "  the same of its nginx",
      value: ratioText(spread(program)),
      target: "1: it does not change",
    },
  ];
}

/** CPU time for a request. */
interface Cost {
  readonly agent: number;
  readonly program: number;
}

async function costOf({ agent, workerPid, url }: Subject, seconds: number): Promise<Cost> {
  const times = () => [cpuNs(agent.pid), cpuNs(workerPid)];
  const before = times();
  const requests = await runWrk({ ...LOAD, url, seconds });
  const [ofAgent, ofProgram] = times().map((ns, at) => (ns - before[at]) / requests);
  return { agent: ofAgent, program: ofProgram };
}

async function whileRead<T>(
  open: (signal: AbortSignal) => AsyncIterable<unknown>,
  call: () => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const reading = (async () => {
    for await (const _ of open(stop.signal));
  })();
  try {
    return await call();
  } finally {
    stop.abort();
    await reading.catch(() => {});
  }
}

/** What a browser reads for the list. */
async function* pageRows(address: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { origin, hash } = new URL(address);
  const headers = { authorization: `Bearer ${hash.slice("#token=".length)}` };
  const response = await fetch(`${origin}/api/rows`, { headers, signal });
  if (!response.ok) throw new Error(`the page answers ${response.status}`);
  yield* response.body!;
}
