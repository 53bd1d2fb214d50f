// SPDX-License-Identifier: MIT
/** What it costs an agent, and the program that it mirrors, that exchanges are logged, and that somebody looks: one `top`, or one page that lists them. */
import { followExchanges } from "../../cli/top/feed_client.ts";
import { missing, withTempDir } from "../support/run.ts";
import { type Agent, startAgent } from "./agent.ts";
import { cpuNs, median, ratioText, spread } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import type { BenchRow } from "./row.ts";
import { runWrk } from "./wrk.ts";

/** Agents of each kind: V8 compiles each in its own way, by which they differ by up to a tenth. */
const PASSES = 3;
const ROUNDS = 9;
const SECONDS = 3;
/**
 * Rounds before those that count: some 560,000 requests of each agent. The log is full after half of them, but what runs for a message in
 * two seconds is compiled later than what runs for each request: 28 to 76 functions in the 30 seconds from then on where somebody looks,
 * 10 where nobody can.
 */
const WARM_UPS = 48;
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
interface Kind {
  readonly name: string;
  readonly options: readonly string[];
  /** Who looks. */
  readonly reader?: (subject: Subject) => Reader;
  /** The most that it may cost of that. */
  readonly asked: number;
}

const KINDS: readonly Kind[] = [
  { name: "with --ui and nobody looking / without", options: ["--ui", "0"], asked: ASKED_UNWATCHED },
  { name: "with an open page / without", options: ["--ui", "0"], reader: pageOf, asked: ASKED_WATCHED },
  { name: "followed by one top / by nobody", options: [], reader: topOf, asked: ASKED_WATCHED },
];

/** What it costs of the agent that nobody looks at, in each pass. */
type Ratios = Record<keyof Cost, number[]>;

export async function benchFollow(): Promise<BenchRow[]> {
  const lacking = missing("nginx", "wrk");
  if (lacking !== undefined) return [{ name: "an agent that is looked at", value: `skipped: ${lacking}` }];
  const ratios = KINDS.map((): Ratios => ({ agent: [], program: [] }));
  await withTempDir(async (folder) => {
    for (let pass = 0; pass < PASSES; pass++) {
      Deno.mkdirSync(`${folder}/${pass}`);
      await comparePass(`${folder}/${pass}`, ratios);
    }
  });
  return KINDS.flatMap((kind, at) => rowsOf(kind, ratios[at]));
}

/** One agent of each kind. */
async function comparePass(folder: string, ratios: readonly Ratios[]): Promise<void> {
  const subjects: Subject[] = [];
  try {
    subjects.push(await start(`${folder}/alone`));
    for (const [at, { options }] of KINDS.entries()) {
      subjects.push(await start(`${folder}/${at}`, ...options));
    }
    const [alone, ...watched] = subjects;
    const readers = KINDS.flatMap(({ reader }, at) => reader === undefined ? [] : [reader(watched[at])]);
    await whileRead(readers, () => compare(alone, watched, ratios));
  } finally {
    for (const subject of subjects) await subject.stop();
  }
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

/** All at the same time: one that rests, if only for ten seconds, gives back memory and compiled code, and makes both again. */
async function compare(
  alone: Subject,
  watched: readonly Subject[],
  ratios: readonly Ratios[],
): Promise<void> {
  const subjects = [alone, ...watched];
  const costs: Cost[][] = [];
  for (let round = 0; round < WARM_UPS + ROUNDS; round++) costs.push(await Promise.all(subjects.map(costOf)));
  const counted = costs.slice(WARM_UPS);
  for (const who of ["agent", "program"] as const) {
    const [unwatched, ...medians] = subjects.map((_, at) => median(counted.map((costs) => costs[at][who])));
    for (const [at, each] of medians.entries()) ratios[at][who].push(each / unwatched);
  }
}

function rowsOf({ name, asked }: Kind, { agent, program }: Ratios): BenchRow[] {
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

function pageOf({ agent }: Subject): Reader {
  return (signal) => pageRows(agent.page!, signal);
}

function topOf({ agent }: Subject): Reader {
  const socket = `${agent.environment.SSLCOLLECTOR_RUNTIME}/status/agent.sock`;
  return (signal) => followExchanges(socket, "", signal);
}

/** What a browser reads for the list. */
async function* pageRows(address: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { origin, hash } = new URL(address);
  const headers = { authorization: `Bearer ${hash.slice("#token=".length)}` };
  const response = await fetch(`${origin}/api/rows`, { headers, signal });
  if (!response.ok) throw new Error(`the page answers ${response.status}`);
  yield* response.body!;
}
