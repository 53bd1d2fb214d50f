// SPDX-License-Identifier: MIT
/** From the options of a command that mirrors to the settings of an agent. @module */
import { checkAgent } from "../net/agent/plan.ts";
import type { AgentSettings } from "../net/agent/settings.ts";
import type { SinkSpec } from "../net/sinks/kind.ts";
import { BadInput } from "./bad_input.ts";
import { datedFile, pipeOrDatedFile } from "./default_sink.ts";
import { printingObserver } from "./flow_lines.ts";
import { configureLog } from "./log.ts";
import type { MirrorCommand, RunCommand } from "./options.ts";
import { print } from "./output.ts";
import { runPrints } from "./readers.ts";
import { type Printing, printingBeside, viewSettings } from "./view_settings.ts";

/** `any` is none in particular. Throws {@linkcode BadInput} when others are given beside it. */
function interfacesOf(names: readonly string[]): readonly string[] {
  if (!names.includes("any")) return names;
  if (names.length > 1) throw new BadInput("--interface: any takes all, give no other beside it");
  return [];
}

/** Standard output is the program's. Throws {@linkcode BadInput} where something else is to go there. */
function checkOutputs({ output, events }: RunCommand): void {
  if (output.some(({ takesStdout }) => takesStdout)) {
    throw new BadInput(
      "--output: - would mix the capture with the program's own output; give a file such as out.pcapng",
    );
  }
  if (events === "-") {
    throw new BadInput(
      "--events: - would mix events with the program's own output; give a file such as eve.json",
    );
  }
}

/** What is printed of requests where the command line does not say. */
function printingOf(command: MirrorCommand): Printing {
  if (command.command !== "run") return printingBeside(command);
  return { to: Deno.stderr, isDefault: runPrints(command) };
}

const defaultSinkOf = (command: MirrorCommand): SinkSpec =>
  command.command === "run" ? datedFile() : pipeOrDatedFile(command);

/**
 * The settings of a command that mirrors, but for its sources. Shows messages of the level asked for from now on. Throws
 * {@linkcode BadInput}.
 */
export function mirrorSettings(command: MirrorCommand, defaultSink = defaultSinkOf): AgentSettings {
  configureLog(command);
  if (command.command === "run") checkOutputs(command);
  const printing = printingOf(command);
  const { output, target } = command;
  const isPrinted = command.print !== undefined || printing.isDefault;
  return {
    sinks: output.length > 0 || target.length > 0 ? output : [defaultSink(command)],
    ...viewSettings(command, printing),
    ui: command.ui,
    uiHosts: command.uiHost,
    metrics: "metrics" in command ? command.metrics : undefined,
    rotateBytes: command.rotateSize,
    rotateMs: command.rotateTime,
    keep: command.keep,
    targets: target,
    queueBytes: command.queue,
    compress: command.compress,
    spool: command.spool,
    spoolMaxBytes: command.spoolMax,
    pki: command.pki,
    identity: command.identity,
    keyGroup: command.keyGroup,
    record: "record" in command ? command.record : undefined,
    codecs: command.codec,
    interfaces: "interface" in command ? interfacesOf(command.interface) : undefined,
    mtu: command.mtu,
    portMap: new Map(command.portMap.flat()),
    vlan: command.vlan,
    markMac: command.markMac,
    only: command.only,
    skip: command.skip,
    requireAttribution: command.requireAttribution,
    attributionWaitMs: command.attributionWait,
    attributionHoldBytes: command.attributionHold,
    unix: command.unix,
    starttls: command.starttls,
    idleMs: command.idleTimeout,
    observer: printingObserver(!command.quiet && !isPrinted && Deno.stderr.isTerminal()),
  };
}

/** What `--dry-run` does instead of mirroring; answers the exit status. A mistake is thrown as it is when mirroring starts. */
export async function tellMirror(settings: AgentSettings): Promise<number> {
  await checkAgent(settings);
  const places = [...settings.sinks ?? [], ...settings.targets ?? []].map((place) =>
    typeof place === "object" ? place.name : String(place)
  );
  print(`would mirror to ${places.join(", ")}, with the codec ${(settings.codecs ?? ["raw"]).join(",")}`);
  return 0;
}
