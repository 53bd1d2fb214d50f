// SPDX-License-Identifier: MIT
/** Runs a program with the hook, and says what of it is in the capture. @module */
import { fileURLToPath } from "node:url";
import type { DebianService } from "../e2e/debian/services.ts";
import { freePort } from "../support/free_port.ts";
import { until } from "../support/until.ts";
import { reasonText } from "../../net/agent/unmirrored/reasons.ts";
import type { Fixture } from "../e2e/support/fixture.ts";
import { Agent, mirrorOptions, runSslcollector, summaryOf } from "../e2e/support/sslcollector.ts";
import { SystemNamespace } from "../e2e/debian/system_namespace.ts";
import { conversationWith } from "./conversations.ts";
import { connectionsIn, judge } from "./judge.ts";
import type { ClientRow, ServerRow, ServiceRow } from "./rows.ts";
import { clientEnvironment, startServer, whenServing } from "./started.ts";
import type { Outcome } from "./table.ts";
import { witnessClient, type Witnessed, WitnessServer } from "./witness.ts";

const WITNESS = fileURLToPath(new URL("service_witness.ts", import.meta.url));

/** Why it was not, in the words of `run`. */
function reasonIn(remarks: readonly string[]): string {
  const told = remarks.filter((line) => line.includes("not mirrored: "));
  // What a shell starts besides may be gone soon.
  const remark = told.find((line) => !line.includes("it ended before")) ?? told[0] ?? "";
  return remark.split("not mirrored: ")[1] ?? "it made no session";
}

export async function hookedClient(row: ClientRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  await using server = new WitnessServer(fixture.certificate, fixture.key, row);
  const env = clientEnvironment(fixture, server.port);
  const args = ["run", ...mirrorOptions(capture), "--", "/bin/sh", "-c", row.script];
  const ended = await runSslcollector("source", fixture, args, { cwd: fixture.folder, env });
  return judge(
    await connectionsIn(capture),
    "client",
    await server.witnessed(),
    reasonIn(summaryOf(ended).remarks),
  );
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

export async function hookedServer(row: ServerRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  const port = freePort();
  await using agent = await Agent.start("source", fixture, capture);
  await using server = startServer(row, fixture, port, agent.hookEnvironment);
  const answer = () => witnessClient(port, fixture.certificate, row);
  const seen = await whenServing(row, () => answer().catch(() => undefined));
  const reason = await reasonOfPs(fixture, server.pid);
  await server[Symbol.asyncDispose]();
  await agent.stop();
  return judge(await connectionsIn(capture), "server", [seen], reason);
}

/** Where every program has the hook. */
export async function hookedService({ program, service }: ServiceRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  await using system = await SystemNamespace.start(fixture, service, capture);
  const seen = await witnessService(system, service);
  const says = () => service.says.toClient.test(Deno.readTextFileSync(capture));
  await until(`what ${program} says in the capture`, says);
  await system.stop();
  return judge(await connectionsIn(capture), "server", [seen], "nothing is in the capture");
}

/** What passed of a conversation with it, by a program that nobody mirrors. */
export async function witnessService(system: SystemNamespace, service: DebianService): Promise<Witnessed> {
  const conversation = JSON.stringify(conversationWith(service));
  const { certificate } = system.fixture;
  const args = ["run", "-A", "--no-check", WITNESS, certificate, `${service.port}`, conversation];
  return JSON.parse(await system.inNetwork(Deno.execPath(), ...args));
}
