// SPDX-License-Identifier: MIT
/** What an agent is to do: settings checked as far as the machine can tell, and nothing opened yet. @module */
import type { Codec, CodecPlugin } from "../../codecs/codec.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import { checkListeners } from "../settings/listeners.ts";
import { log } from "../settings/log.ts";
import { checkFiles, type InputFile } from "../settings/files.ts";
import { checkPage } from "../settings/page.ts";
import { checkSinkPlaces, checkSinks } from "../settings/sinks.ts";
import { checkFile } from "../sinks/file_kind.ts";
import type { SinkSpec } from "../sinks/kind.ts";
import type { Flow } from "../mirror/flow.ts";
import type { CaptureProgram } from "../capture/target.ts";
import { IS_LINUX } from "../ffi/platform.ts";
import { chooserOf, foresightOf } from "./choice.ts";
import { loadChain, pluginPath } from "./codec_loader.ts";
import { checkInterface, hasAddress } from "./interfaces.ts";
import { type AgentSettings, type CheckedSettings, checkSettings } from "./settings.ts";
import { type CaptureSource, hookSource } from "./source.ts";
import { checkView, checkViewFiles, viewFiles, writesFile } from "./view.ts";
import { checkTargets, planTargets, type TargetPlan } from "./targets.ts";

/** Settings that are checked, codecs that are loaded, and nothing opened yet. */
export interface MirrorPlan {
  readonly settings: CheckedSettings;
  readonly sources: readonly CaptureSource[];
  readonly codecs: readonly Codec[];
  /** Which flows are mirrored; undefined: all. */
  readonly isWanted: ((flow: Flow) => boolean) | undefined;
  /** Whether any session of a program may be mirrored. */
  readonly mayBeWanted: (program: CaptureProgram) => boolean;
  readonly targets: TargetPlan;
}

/** Checks everything that can be wrong before anything starts. Throws {@linkcode BadSetting}. */
export async function planMirror(given: AgentSettings): Promise<MirrorPlan> {
  const settings = checkSettings(given);
  const { interfaces, mtu, record, sinks, sources = [hookSource()] } = settings;
  const values = await checkedValues(settings);
  for (const name of interfaces) checkInterface(name);
  checkSinkPlaces(sinks);
  checkViewFiles(settings);
  if (record !== undefined) checkRecording(record);
  if (mtu !== undefined) checkMtu(mtu, sinks);
  const targets = await planTargets(settings);
  try {
    // Last: to find out whether an agent could serve here keeps others from it for a moment.
    for (const source of sources) source.check?.();
  } catch (error) {
    targets.credentials?.close();
    throw error;
  }
  return { settings, sources, ...values, targets };
}

/**
 * Checks what settings say by themselves and together, and of the machine no more than plugins of codecs, which are loaded.
 *
 * @throws {BadSetting} for the first setting that is wrong on any machine.
 */
export async function checkAgentValues(given: AgentSettings): Promise<void> {
  await checkedValues(checkSettings(given));
}

async function checkedValues(
  settings: CheckedSettings,
): Promise<Pick<MirrorPlan, "codecs" | "isWanted" | "mayBeWanted">> {
  const { record, sinks, sources = [] } = settings;
  const codecs = await codecsOf(settings.codecs);
  const isWanted = chooserOf(settings);
  // A recording has what was told: it may be replayed with another choice.
  const mayBeWanted = record === undefined && foresightOf(settings) || (() => true);
  checkFiles({ inputs: inputsOf(settings), sinks, outputs: { record, ...viewFiles(settings) } });
  checkSinks(sinks, settings, writesFile(settings));
  checkView(settings, sinks);
  checkPage(settings);
  checkTargets(settings);
  if (sources.filter(({ timeBaseNs }) => timeBaseNs !== undefined).length > 1) {
    throw new BadSetting("sources", "only one may have a time base of its own");
  }
  return { codecs, isWanted, mayBeWanted };
}

/**
 * Checks everything that `startAgent` checks before it opens anything, and where it would listen, and leaves it at that.
 *
 * @throws {BadSetting} for the first setting that is wrong or cannot be had on this machine.
 */
export async function checkAgent(given: AgentSettings): Promise<void> {
  try {
    const { settings, targets } = await planMirror(given);
    targets.credentials?.close();
    checkListeners(settings);
  } finally {
    for (const source of given.sources ?? []) source.discard?.();
  }
}

async function codecsOf(given: readonly (string | CodecPlugin)[]): Promise<Codec[]> {
  try {
    return await loadChain(given);
  } catch (error) {
    throw new BadSetting("codecs", (error as Error).message);
  }
}

function inputsOf({ sources = [], codecs }: CheckedSettings): InputFile[] {
  const inputs = (kind: InputFile["kind"], paths: readonly (string | undefined)[]) =>
    paths.filter((path) => path !== undefined).map((path) => ({ path, kind }));
  return [
    ...inputs("recording", sources.map(({ file }) => file)),
    ...inputs("plugin", codecs.map(pluginPath)),
  ];
}

function checkRecording(path: string): void {
  try {
    checkFile(path);
  } catch (error) {
    throw new BadSetting("record", (error as Error).message);
  }
}

/** Throws {@linkcode BadSetting} where an interface would drop every full packet. */
function checkMtu(mtu: number, sinks: readonly SinkSpec[]): void {
  for (const sink of sinks) {
    const most = sink.mtuMax?.() ?? mtu;
    if (most < mtu) {
      throw new BadSetting("mtu", `expected at most the ${most} that ${sink.name} takes, got ${mtu}`);
    }
  }
}

/** An IDS tells flows by 5-tuple: the encrypted one and its mirror on one interface are one flow to it, and no HTTP. */
export function warnOfMeeting({ settings }: MirrorPlan): void {
  if (settings.portMap.size > 0 || settings.vlan !== undefined) return;
  for (const { interfaceName } of settings.sinks) {
    if (interfaceName === undefined) continue;
    if (!settings.interfaces.includes(interfaceName) && !hasAddress(interfaceName)) continue;
    log.warn(
      `${interfaceName} carries this host's own traffic: an IDS there sees the encrypted flow on the same 5-tuple and ` +
        "nothing of the mirror; map the server's port (443=80), tag frames with a VLAN, or write to an interface of its own",
    );
  }
}

/** On Ethernet most equipment takes frames that carry so many bytes. */
const ROOMY_MTU = 9000;

/** What an interface costs goes by packets: on one that is the mirror's own they may be larger. */
export function warnOfSmallPackets({ settings }: MirrorPlan): void {
  // Other systems do not tell how large they are.
  if (settings.mtu !== undefined || !IS_LINUX) return;
  for (const { interfaceName, mtuMax } of settings.sinks) {
    const most = mtuMax?.() ?? ROOMY_MTU;
    if (interfaceName === undefined || most >= ROOMY_MTU || hasAddress(interfaceName)) continue;
    log.warn(
      `${interfaceName} takes packets of ${most} bytes: with ${ROOMY_MTU} at both of its ends (ip link set ${interfaceName} mtu ` +
        `${ROOMY_MTU}) the mirror loses less under load`,
    );
  }
}
