// SPDX-License-Identifier: MIT
/** What a command that mirrors is to do: options checked as far as the machine can tell, and nothing opened yet. @module */
import { checkFile } from "../sinks/file_kind.ts";
import type { SinkSpec } from "../sinks/kind.ts";
import { BadInput } from "../../cli/bad_input.ts";
import { loadCodecs } from "../../cli/codecs.ts";
import { hasAddress, interfaceAddresses } from "./interfaces.ts";
import { configureLog, log } from "../../cli/log.ts";
import type { MirrorCommand } from "../../cli/options.ts";
import { checkSinks, fileOf } from "../../cli/sink_options.ts";
import { planTargets, type TargetPlan } from "./targets.ts";

/** What a command hands over: options that are checked, codecs that are loaded, and nothing opened yet. */
export interface MirrorPlan {
  readonly targets: TargetPlan;
  readonly command: MirrorCommand;
  readonly sinks: readonly SinkSpec[];
  readonly codecs: Awaited<ReturnType<typeof loadCodecs>>;
  readonly localAddresses: ReadonlySet<string> | undefined;
  readonly portMap: ReadonlyMap<number, number>;
}

/** Checks everything that can be wrong before anything starts. Throws {@linkcode BadInput}. */
export async function planMirror(command: MirrorCommand, defaultSink: () => SinkSpec): Promise<MirrorPlan> {
  configureLog(command.logLevel ?? "info");
  const codecs = await loadCodecs(command.codec ?? ["raw"]);
  const name = "interface" in command ? command.interface ?? "any" : "any";
  const localAddresses = name === "any" ? undefined : interfaceAddresses(name);
  const sinks = command.output.length > 0 || command.target.length > 0 ? command.output : [defaultSink()];
  checkSinks(sinks, command);
  checkRecording(command, sinks);
  if (command.mtu !== undefined) checkMtu(command.mtu, sinks);
  const portMap = planPorts(command.portMap.flat());
  return { command, sinks, codecs, localAddresses, portMap, targets: await planTargets(command) };
}

function planPorts(pairs: readonly (readonly [number, number])[]): Map<number, number> {
  const map = new Map<number, number>();
  for (const [real, forged] of pairs) {
    const other = map.get(real);
    if (other !== undefined && other !== forged) {
      throw new BadInput(`--port-map: ${real} is to be ${other} and ${forged}, choose one`);
    }
    map.set(real, forged);
  }
  return map;
}

function checkRecording(command: MirrorCommand, sinks: readonly SinkSpec[]): void {
  if (!("record" in command) || command.record === undefined) return;
  const path = command.record;
  if (fileOf(sinks, path) !== undefined) {
    throw new BadInput(`--record: ${JSON.stringify(path)} is a sink already, give another file`);
  }
  try {
    checkFile(path);
  } catch (error) {
    throw new BadInput(`--record: ${(error as Error).message}`);
  }
}

/** Throws {@linkcode BadInput} where an interface would drop every full packet. */
function checkMtu(mtu: number, sinks: readonly SinkSpec[]): void {
  for (const sink of sinks) {
    const most = sink.mtuMax?.() ?? mtu;
    if (most < mtu) {
      throw new BadInput(`--mtu: expected at most the ${most} that ${sink.name} takes, got ${mtu}`);
    }
  }
}

/** An IDS tells flows by 5-tuple: the encrypted one and its mirror on one interface are one flow to it, and no HTTP. */
export function warnOfMeeting({ command, sinks }: MirrorPlan): void {
  if (command.portMap.length > 0 || command.vlan !== undefined) return;
  const observed = "interface" in command ? command.interface : undefined;
  for (const sink of sinks) {
    const { interfaceName } = sink;
    if (interfaceName === undefined || (interfaceName !== observed && !hasAddress(interfaceName))) continue;
    log.warn(
      `${interfaceName} carries this host's own traffic: an IDS there sees the encrypted flow on the same 5-tuple and ` +
        "nothing of the mirror; give --port-map 443=80, --vlan ID or an interface of its own",
    );
  }
}
