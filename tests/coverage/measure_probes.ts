// SPDX-License-Identifier: MIT
/** Runs a program without the hook beside an agent with kernel probes, and says what of it is in the capture. @module */
import { freePort } from "../support/free_port.ts";
import { runOk } from "../support/run.ts";
import { Child } from "../e2e/support/child.ts";
import type { Fixture } from "../e2e/support/fixture.ts";
import { ProbeAgent } from "../e2e/support/probes.ts";
import { summaryOf } from "../e2e/support/sslcollector.ts";
import { SystemNamespace } from "../e2e/debian/system_namespace.ts";
import { connectionsIn, judge, NOT_MET } from "./judge.ts";
import { witnessService } from "./measure.ts";
import type { ClientRow, ServerRow, ServiceRow } from "./rows.ts";
import { clientEnvironment, startServer, whenServing } from "./started.ts";
import type { Outcome } from "./table.ts";
import { witnessClient, WitnessServer } from "./witness.ts";

/** Ends the agent; answers what it says of files that it cannot probe. */
async function stop(agent: ProbeAgent): Promise<string> {
  agent.child.kill("SIGTERM");
  const { remarks } = summaryOf(await agent.child.ended);
  const refused = remarks.find((line) => line.includes(" is not probed: "));
  return refused?.split(" is not probed: ")[1] ?? NOT_MET;
}

/** It runs twice: the first run may be over before it was met. */
export async function probedClient(row: ClientRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  await using first = new WitnessServer(fixture.certificate, fixture.key, row);
  await using second = new WitnessServer(fixture.certificate, fixture.key, row);
  await using agent = await ProbeAgent.start({ fixture, capture, ports: [first.port, second.port] });
  for (const { port } of [first, second]) {
    const cwd = fixture.path(`run-${port}`);
    await Deno.mkdir(cwd);
    const env = clientEnvironment(fixture, port);
    await new Child("/bin/sh", { args: ["-c", row.script], cwd, env }).ended;
  }
  const reason = await stop(agent);
  const connections = await connectionsIn(capture);
  const outcomeAt = async (server: WitnessServer) => {
    const own = connections.filter(({ name }) => name.endsWith(`:${server.port}`));
    return judge(own, "client", await server.witnessed(), reason);
  };
  const outcome = await outcomeAt(first);
  if (outcome.state === "captured") return outcome;
  const again = await outcomeAt(second);
  return again.state === "captured" ? { ...again, isSecondRun: true } : again;
}

/** The server runs before the agent does. */
export async function probedServer(row: ServerRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  const port = freePort();
  await using server = startServer(row, fixture, port);
  await whenServing(row, async () => await runOk("ss", "-tlnH", `sport = :${port}`) !== "");
  await using agent = await ProbeAgent.start({ fixture, capture, ports: [port] });
  const seen = await witnessClient(port, fixture.certificate, row);
  await server[Symbol.asyncDispose]();
  const reason = await stop(agent);
  return judge(await connectionsIn(capture), "server", [seen], reason);
}

/** The service runs in namespaces of its own before the agent does. */
export async function probedService({ service }: ServiceRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  await using system = await SystemNamespace.start(fixture, service);
  await using agent = await ProbeAgent.start({
    fixture,
    capture,
    ports: [service.port],
  });
  const seen = await witnessService(system, service);
  await system.end();
  const reason = await stop(agent);
  return judge(await connectionsIn(capture), "server", [seen], reason);
}
