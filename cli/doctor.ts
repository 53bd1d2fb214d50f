// SPDX-License-Identifier: MIT
/** `sslcollector doctor`: looks at the host and at what is set up, and says what to do. @module */
import { resolve } from "node:path";
import { broken, type Finding, ok, warning } from "../net/agent/doctor/finding.ts";
import { collectorFindings } from "../net/agent/doctor/collector.ts";
import * as host from "../net/agent/doctor/host.ts";
import { probesFinding } from "../net/agent/doctor/probes.ts";
import * as setup from "../net/agent/doctor/setup.ts";
import { findLink } from "../net/agent/interfaces.ts";
import { readProbes } from "../net/agent/probe_object.ts";
import { defaultRuntimeDir } from "../net/agent/runtime_dir.ts";
import { parseTarget } from "../net/link/target.ts";
import type { Credentials } from "../net/pki/credentials.ts";
import { loadCredentials } from "../net/pki/load.ts";
import { CONFIG_PATH, PKI_DIRECTORY } from "../net/pki/places.ts";
import { listCertificates } from "../net/pki/store.ts";
import { VERSION } from "../net/settings/version.ts";
import { parseSinkSpec } from "../net/sinks/spec.ts";
import type { StatusReport } from "../net/status/report.ts";
import { printableLine } from "../net/wire/printable.ts";
import { BadInput } from "./bad_input.ts";
import { findSettings } from "./config.ts";
import { mendOf } from "./doctor_health.ts";
import { hookFindings } from "./doctor_hook.ts";
import { surveyHost } from "./host_survey.ts";
import { print } from "./output.ts";
import { hasUnitFile } from "./unit_files.ts";
import { ask, statusSockets } from "./status_client.ts";
import type { DoctorCommand } from "./status_options.ts";

/** Answers the exit status: 1 when something is broken. */
export async function runDoctor({ json, runtimeDir }: DoctorCommand): Promise<number> {
  const findings = await lookAround(runtimeDir);
  if (json) print(JSON.stringify({ version: VERSION, findings }));
  else for (const line of findings.flatMap(linesOf)) print(line);
  return findings.some(({ state }) => state === "broken") ? 1 : 0;
}

function linesOf({ subject, state, text, fix }: Finding): string[] {
  const line = `${state.padEnd(8)} ${subject}: ${printableLine(text)}`;
  return fix === undefined ? [line] : [line, `         ${"mend".padEnd(5)}${printableLine(fix)}`];
}

async function lookAround(given: string | undefined): Promise<Finding[]> {
  const { values, mistakes } = settingsInFile();
  const runtimeDir = given ?? resolve(values("runtime-dir")[0] ?? defaultRuntimeDir());
  const running = await askRunning(runtimeDir);
  return [
    host.kernelFinding(Deno.osRelease(), Deno.build.arch),
    host.glibcFinding(),
    host.pcapFinding(),
    host.clockFinding(),
    host.rightsFinding(Deno.readTextFileSync("/proc/self/status")),
    ...mistakes,
    ...await hookFindings(runtimeDir),
    await probesFinding(await readProbes().catch((error: Error) => error.message)),
    ...runningFindings(running, runtimeDir),
    ...interfaceFindings(values("output"), values("interface")),
    ...await certificateFindings(values("pki")[0]),
    ...await targetFindings(values),
    ...setup.programFindings(surveyHost(runtimeDir, capturesOf(running)), runtimeDir),
  ];
}

/** What is set for an option; empty: nothing is. */
type Values = (name: string) => readonly string[];

/** What environment and file say for the agent. */
function settingsInFile(): { values: Values; mistakes: Finding[] } {
  try {
    const found = findSettings("agent", Deno.env.toObject(), CONFIG_PATH, () => false);
    const mistakes = [ok("settings", `${found.length} in environment and file`)];
    return { values: (name) => found.find((setting) => setting.name === name)?.values ?? [], mistakes };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    const mistake = broken("settings", error.message, "sslcollector config check");
    return { values: () => [], mistakes: [mistake] };
  }
}

/** Where the collector of the package's unit is asked. */
const COLLECTOR_UNIT_RUNTIME_DIR = "/run/sslcollector-collector/sslcollector";

/** What the agents and collectors that run say, and a line of one that does not answer; only a line where they may not be asked. */
async function askRunning(runtimeDir: string): Promise<(StatusReport | string)[] | string> {
  const sockets = statusSockets(runtimeDir);
  if (typeof sockets === "string") return sockets;
  const more = runtimeDir === defaultRuntimeDir() ? statusSockets(COLLECTOR_UNIT_RUNTIME_DIR) : [];
  const all = [...sockets, ...typeof more === "string" ? [] : more];
  const answers = await Promise.all(all.map((path) => ask<StatusReport>(path, "/status")));
  return answers.filter((answer) => answer !== undefined);
}

/** What the agent tells programs by; empty where none is known to run. */
function capturesOf(running: Awaited<ReturnType<typeof askRunning>>): readonly string[] {
  return typeof running === "string"
    ? []
    : running.flatMap((answer) =>
      typeof answer === "object" && answer.role === "agent" ? answer.captures ?? [] : []
    );
}

function noneFinding(runtimeDir: string): Finding {
  const elsewhere = runtimeDir === defaultRuntimeDir() ? "" : ` --runtime-dir ${runtimeDir}`;
  const startOf = (unit: string, options: string) =>
    elsewhere === "" && hasUnitFile("/", `${unit}.service`)
      ? `systemctl start ${unit}`
      : `sslcollector${elsewhere} ${options}`;
  const agent = startOf("sslcollector-agent", "-o out.pcapng");
  const collector = startOf("sslcollector-collector", "-C -o out.pcapng");
  return warning(
    "agent",
    `none runs in ${runtimeDir}, nor a collector`,
    `${agent}; where agents of other hosts mirror to: ${collector}`,
  );
}

function runningFindings(running: Awaited<ReturnType<typeof askRunning>>, runtimeDir: string): Finding[] {
  if (typeof running === "string") return [warning("agent", running, "ask as one of them")];
  return running.length === 0 ? [noneFinding(runtimeDir)] : running.flatMap(answerFindings);
}

function answerFindings(answer: StatusReport | string): Finding[] {
  if (typeof answer === "string") return [broken("agent", answer, "start it again")];
  const { role, pid, version, health } = answer;
  const text = `pid ${pid}, ${version}, ${health.state}`;
  if (health.reasons.length === 0) return [ok(role, text)];
  return health.reasons.map((reason) => warning(role, `${text}: ${reason}`, mendOf(reason)));
}

function interfaceFindings(outputs: readonly string[], observed: readonly string[]): Finding[] {
  const written = outputs.flatMap((output) => {
    try {
      return parseSinkSpec(output).interfaceName ?? [];
    } catch {
      return [];
    }
  });
  return [
    ...written.map(findLink).flatMap((facts, at) => [
      setup.interfaceFinding(written[at], facts, true),
      ...setup.otherEndFindings(facts),
    ]),
    ...observed.filter((name) => name !== "any")
      .map((name) => setup.interfaceFinding(name, findLink(name), false)),
  ];
}

/** Collectors, as the agent of these settings would find them. */
async function targetFindings(values: Values): Promise<Finding[]> {
  const [mtu] = values("mtu").map(Number);
  const application = `sslcollector ${VERSION}`;
  const findings = values("target").map(parseTarget).map(async (target) => {
    try {
      const credentials = target.isPlaintext ? undefined : await ownCredentials(values);
      return await collectorFindings(target, { application, mtu, credentials });
    } catch (error) {
      const fix = "docs/certificates.md says how it is made";
      return [broken(`collector ${target.name}`, `nothing to show it: ${(error as Error).message}`, fix)];
    }
  });
  return (await Promise.all(findings)).flat();
}

function ownCredentials(values: Values): Promise<Credentials> {
  const [directory = PKI_DIRECTORY] = values("pki");
  const place = { directory, name: values("identity")[0], keyGroup: values("key-group")[0] };
  return loadCredentials({ role: "agent", ...place });
}

async function certificateFindings(pki = PKI_DIRECTORY): Promise<Finding[]> {
  try {
    return setup.certificateFindings(await listCertificates(pki), Date.now());
  } catch {
    return []; // Without certificates nothing goes to other hosts, or comes from them.
  }
}
