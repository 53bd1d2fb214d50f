// SPDX-License-Identifier: MIT
/** What it costs an agent, and the program that it mirrors, that exchanges are logged, and that somebody looks: one `top`, or one page that lists them. */
import { followExchanges } from "../../cli/top/feed_client.ts";
import { missing, withTempDir } from "../support/run.ts";
import { type Agent, startAgent } from "./agent.ts";
import { cpuNs, ratioText, spread } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import type { BenchRow } from "./row.ts";
import { runWrk } from "./wrk.ts";

const ROUNDS = 5;
const SECONDS = 3;
/** Of each kind so many: V8 compiles each in its own way, by which they differ by up to a tenth. */
const AGENTS = 3;
/** Each agent, before anything is measured: some 280,000 requests, after which the log is full and hardly any code is compiled. */
const WARM_UPS = 24;
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

/** Agents of one kind, one for each number below {@linkcode AGENTS}. */
type Kind = readonly Subject[];

/** What is compared with agents that nobody looks at. */
interface Watched {
  readonly name: string;
  readonly kind: Kind;
  /** The most that it may cost of that. */
  readonly asked: number;
}

export async function benchFollow(): Promise<BenchRow[]> {
  const lacking = missing("nginx", "wrk");
  if (lacking !== undefined) return [{ name: "an agent that is looked at", value: `skipped: ${lacking}` }];
  return await withTempDir(async (folder) => {
    const started: Subject[] = [];
    const startKind = async (name: string, ...options: string[]): Promise<Kind> => {
      const kind: Subject[] = [];
      for (let number = 0; number < AGENTS; number++) {
        kind.push(await start(`${folder}/${name}${number}`, ...options));
      }
      started.push(...kind);
      return kind;
    };
    try {
      const alone = await startKind("alone");
      const logged = await startKind("logged", "--ui", "0");
      const shown = await startKind("shown", "--ui", "0");
      const followed = await startKind("followed");
      const watched: Watched[] = [
        { name: "with --ui and nobody looking / without", kind: logged, asked: ASKED_UNWATCHED },
        { name: "with an open page / without", kind: shown, asked: ASKED_WATCHED },
        { name: "followed by one top / by nobody", kind: followed, asked: ASKED_WATCHED },
      ];
      const readers = [...shown.map(pageOf), ...followed.map(topOf)];
      return await whileRead(readers, () => compare(alone, watched));
    } finally {
      for (const subject of started) await subject.stop();
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
async function compare(alone: Kind, watched: readonly Watched[]): Promise<BenchRow[]> {
  for (const kind of [alone, ...watched.map(({ kind }) => kind)]) {
    await Promise.all(kind.map(warmUp));
  }
  const ratios = watched.map((): Record<keyof Cost, number[]> => ({ agent: [], program: [] }));
  for (let turn = 0; turn < ROUNDS * AGENTS; turn++) {
    const number = turn % AGENTS;
    const unwatched = await costOf(alone[number]);
    for (const [at, { kind }] of watched.entries()) {
      const cost = await costOf(kind[number]);
      for (const who of ["agent", "program"] as const) ratios[at][who].push(cost[who] / unwatched[who]);
    }
  }
  return watched.flatMap((each, at) => rowsOf(each, ratios[at]));
}

/** As it is measured: what connections do when they begin and end is compiled too. */
async function warmUp(subject: Subject): Promise<void> {
  for (let run = 0; run < WARM_UPS; run++) await costOf(subject);
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

async function costOf({ agent, workerPid, url }: Subject): Promise<Cost> {
  const times = () => [cpuNs(agent.pid), cpuNs(workerPid)];
  const before = times();
  const requests = await runWrk({ ...LOAD, url, seconds: SECONDS });
  const [ofAgent, ofProgram] = times().map((ns, at) => (ns - before[at]) / requests);
  return { agent: ofAgent, program: ofProgram };
}

type Reader = (signal: AbortSignal) => AsyncIterable<unknown>;

/** Reads all of them meanwhile. */
async function whileRead<T>(readers: readonly Reader[], call: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const reading = readers.map(async (open) => {
    for await (const _ of open(stop.signal));
  });
  try {
    return await call();
  } finally {
    stop.abort();
    await Promise.allSettled(reading);
  }
}

const pageOf = ({ agent }: Subject): Reader => (signal) => pageRows(agent.page!, signal);

const topOf = ({ agent }: Subject): Reader => (signal) => {
  const socket = `${agent.environment.SSLCOLLECTOR_RUNTIME}/status/agent.sock`;
  return followExchanges(socket, "", signal);
};

/** What a browser reads for the list. */
async function* pageRows(address: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { origin, hash } = new URL(address);
  const headers = { authorization: `Bearer ${hash.slice("#token=".length)}` };
  const response = await fetch(`${origin}/api/rows`, { headers, signal });
  if (!response.ok) throw new Error(`the page answers ${response.status}`);
  yield* response.body!;
}
