// SPDX-License-Identifier: MIT
/** Runs a program with the hook, and says what of it is in the capture. @module */
import { freePort } from "../support/free_port.ts";
import { forgedConnections } from "../support/forged.ts";
import { sha256 } from "../support/tshark.ts";
import { until } from "../support/until.ts";
import { reasonText } from "../../net/agent/unmirrored/reasons.ts";
import { Child } from "../e2e/support/child.ts";
import { type Fixture, withFixture } from "../e2e/support/fixture.ts";
import { Agent, mirrorOptions, runSslcollector, summaryOf } from "../e2e/support/sslcollector.ts";
import type { DebianService } from "../e2e/debian/services.ts";
import { SystemNamespace } from "../e2e/debian/system_namespace.ts";
import type { Coverage, Seen } from "./table.ts";
import { witnessClient, type Witnessed, WitnessServer } from "./witness.ts";

/** A program of a table's row. */
export interface Row {
  readonly program: string;
  readonly library: string;
  /** Executables that must be installed. */
  readonly needs: readonly string[];
}

export interface ClientRow extends Row {
  /** For `/bin/sh`: asks `URL`, whose certificate is `CERTIFICATE`; its status does not matter. */
  readonly script: string;
}

export interface ServerRow extends Row {
  /** For `/bin/sh`: listens at 127.0.0.1, `PORT`, with `CERTIFICATE` and `KEY`, in a folder of its own until it is ended. */
  readonly script: string;
  /** What a client sends; absent: an HTTP request. */
  readonly request?: string;
  /** Bytes after which a client goes; absent: when the server closes. */
  readonly answerBytes?: number;
}

/** For so long a server may take to serve, before it is started again: another program may have got its port. */
const START_MS = 20_000;
const STARTS_MOST = 3;

const REQUEST = "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const sorted = (texts: readonly string[]) => texts.toSorted().join(" ");

/** Holds the capture against what the other end saw. */
async function judge(
  { program, library }: Row,
  role: Coverage["role"],
  capture: string,
  witnessed: readonly Witnessed[],
  reason: string,
): Promise<Coverage> {
  const connections = forgedConnections(await Deno.readFile(capture));
  if (connections.length === 0) return { program, role, library, seen: { state: "not captured", reason } };
  const hashes = connections.map(({ streams }) => streams.map(sha256).join(","));
  const comments = connections.map(({ comments }) => comments[0] ?? "");
  const grades = comments.map((comment) => /attribution=(\S+)/.exec(comment)?.[1] ?? "?");
  return {
    program,
    role,
    library,
    seen: {
      state: "captured",
      isComplete: sorted(hashes) === sorted(witnessed.map(({ hashes }) => hashes.join(","))),
      isAddressed: sorted(connections.map(({ name }) => name)) === sorted(witnessed.map(({ name }) => name)),
      hasRole: comments.every((comment) => comment.includes(` role=${role} `)),
      grades: [...new Set(grades)],
    },
  };
}

/** Why it was not, in the words of `run`. */
function reasonIn(remarks: readonly string[]): string {
  const told = remarks.filter((line) => line.includes("not mirrored: "));
  // What a shell starts besides may be gone soon.
  const remark = told.find((line) => !line.includes("it ended before")) ?? told[0] ?? "";
  return remark.split("not mirrored: ")[1] ?? "it made no session";
}

export function measureClient(row: ClientRow): Promise<Coverage> {
  return measured(async (fixture) => {
    const capture = fixture.path("out.pcapng");
    await using server = new WitnessServer(fixture.certificate, fixture.key);
    const url = `https://127.0.0.1:${server.port}/page`;
    const env = { URL: url, PORT: String(server.port), CERTIFICATE: fixture.certificate };
    const args = ["run", ...mirrorOptions(capture), "--", "/bin/sh", "-c", row.script];
    const ended = await runSslcollector("source", fixture, args, { cwd: fixture.folder, env });
    return await judge(row, "client", capture, await server.witnessed(), reasonIn(summaryOf(ended).remarks));
  });
}

/** The reason that `ps` gives while it runs. */
async function reasonOfPs(fixture: Fixture, group: number): Promise<string> {
  const args = ["ps", "--json", "--runtime-dir", fixture.path("runtime")];
  const env = { XDG_CACHE_HOME: fixture.path("cache") };
  const { stdout } = await runSslcollector("source", fixture, args, { env });
  const lines = new TextDecoder().decode(stdout).trim().split("\n").filter((line) => line !== "");
  for (const { pid, reason } of lines.map((line) => JSON.parse(line))) {
    if (reason !== undefined && processGroup(pid) === group) return reasonText(reason);
  }
  return "ps does not list it";
}

function processGroup(pid: number): number | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
  } catch {
    return undefined;
  }
}

export async function measureServer(row: ServerRow): Promise<Coverage> {
  for (let starts = 1;; starts++) {
    try {
      return await measureStarted(row);
    } catch (error) {
      if (starts === STARTS_MOST) throw error;
    }
  }
}

function measureStarted(row: ServerRow): Promise<Coverage> {
  return measured(async (fixture) => {
    const capture = fixture.path("out.pcapng");
    const port = freePort();
    const { certificate: CERTIFICATE, key: KEY } = fixture;
    await using agent = await Agent.start("source", fixture, capture);
    const env = { ...agent.hookEnvironment, PORT: String(port), CERTIFICATE, KEY, HOME: fixture.folder };
    await using server = new Child("/bin/sh", { args: ["-c", row.script], cwd: fixture.folder, env });
    const { request = REQUEST, answerBytes } = row;
    const endMs = performance.now() + START_MS;
    const seen = await until(`an answer of ${row.program}`, async () => {
      if (performance.now() > endMs) throw new Error(`${row.program} does not serve`);
      return await witnessClient(port, CERTIFICATE, request, answerBytes).catch(() => undefined);
    }, 20);
    const reason = await reasonOfPs(fixture, server.pid);
    await server[Symbol.asyncDispose]();
    await agent.stop();
    return await judge(row, "server", capture, [seen], reason);
  });
}

/** A service as Debian starts it, where every program has the hook; its client logs nothing. */
export function measureService(row: Row & { readonly service: DebianService }): Promise<Coverage> {
  const { service } = row;
  return measured(async (fixture) => {
    const capture = fixture.path("out.pcapng");
    await using system = await SystemNamespace.start(fixture, capture, service);
    await system.inNetwork(...service.client);
    const says = () => service.says.toClient.test(Deno.readTextFileSync(capture));
    await until(`what ${row.program} says in the capture`, says);
    await system.stop();
    const coverage = await judge(row, "server", capture, [], "nothing is in the capture");
    return coverage.seen.state === "captured"
      ? { ...coverage, seen: await said(coverage.seen, service, capture) }
      : coverage;
  });
}

async function said(seen: Seen, { says, port }: DebianService, capture: string): Promise<Seen> {
  const [{ name, streams }, ...others] = forgedConnections(await Deno.readFile(capture));
  const [toServer, toClient] = streams.map((stream) => new TextDecoder().decode(stream));
  const isSaid = others.length === 0 && says.toServer.test(toServer) && says.toClient.test(toClient);
  return {
    ...seen,
    isComplete: isSaid && "said",
    isAddressed: name.endsWith(`>127.0.0.1:${port}`) && "server",
  };
}

async function measured(measure: (fixture: Fixture) => Promise<Coverage>): Promise<Coverage> {
  let row: Coverage | undefined;
  await withFixture(async (fixture) => {
    row = await measure(fixture);
  });
  return row!;
}
