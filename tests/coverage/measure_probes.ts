// SPDX-License-Identifier: MIT
/** Runs a program without the hook beside an agent with kernel probes, and says what of it is in the capture. @module */
import { freePort } from "../support/free_port.ts";
import { runOk } from "../support/run.ts";
import { until } from "../support/until.ts";
import { Child } from "../e2e/support/child.ts";
import type { Fixture } from "../e2e/support/fixture.ts";
import { ProbeAgent } from "../e2e/support/probes.ts";
import { summaryOf } from "../e2e/support/sslcollector.ts";
import { SystemNamespace } from "../e2e/debian/system_namespace.ts";
import { judge, judgeService } from "./judge.ts";
import { type ClientRow, REQUEST, type ServerRow, type ServiceRow } from "./rows.ts";
import type { Outcome } from "./table.ts";
import { witnessClient, WitnessServer } from "./witness.ts";

/** For so long a server may take to serve. */
const START_MS = 20_000;

/** Ends the agent; answers what it says of files that it cannot probe. */
async function stop(agent: ProbeAgent): Promise<string> {
  agent.child.kill("SIGTERM");
  const { remarks } = summaryOf(await agent.child.ended);
  const refused = remarks.find((line) => line.includes(" is not probed: "));
  return refused?.split(" is not probed: ")[1] ?? "no probes for its library";
}

export async function probedClient(row: ClientRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  await using server = new WitnessServer(fixture.certificate, fixture.key);
  await using agent = await ProbeAgent.start({ fixture, capture, port: server.port });
  const url = `https://127.0.0.1:${server.port}/page`;
  const env = { URL: url, PORT: String(server.port), CERTIFICATE: fixture.certificate };
  const { ended } = new Child("/bin/sh", { args: ["-c", row.script], cwd: fixture.folder, env });
  await ended;
  const witnessed = await server.witnessed();
  return await judge(capture, "client", witnessed, await stop(agent));
}

/** The server runs before the agent does. */
export async function probedServer(row: ServerRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  const port = freePort();
  const { certificate: CERTIFICATE, key: KEY } = fixture;
  const env = { PORT: String(port), CERTIFICATE, KEY, HOME: fixture.folder };
  await using server = new Child("/bin/sh", { args: ["-c", row.script], cwd: fixture.folder, env });
  const endMs = performance.now() + START_MS;
  await until(`${row.program} at port ${port}`, async () => {
    if (performance.now() > endMs) throw new Error(`${row.program} does not serve`);
    return await runOk("ss", "-tlnH", `sport = :${port}`) !== "";
  }, 20);
  await using agent = await ProbeAgent.start({ fixture, capture, port });
  const seen = await witnessClient(port, CERTIFICATE, row.request ?? REQUEST, row.answerBytes);
  await server[Symbol.asyncDispose]();
  return await judge(capture, "server", [seen], await stop(agent));
}

/** The service runs in namespaces of its own before the agent does. */
export async function probedService({ service }: ServiceRow, fixture: Fixture): Promise<Outcome> {
  const capture = fixture.path("out.pcapng");
  await using system = await SystemNamespace.start(fixture, service);
  await using agent = await ProbeAgent.start({ fixture, capture, port: service.port });
  await system.inNetwork(...service.client);
  await system.end();
  return await judgeService(capture, service, await stop(agent));
}
