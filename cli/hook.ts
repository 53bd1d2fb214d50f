// SPDX-License-Identifier: MIT
/** `sslcollector hook path | install | uninstall | status`. @module */
import { join } from "node:path";
import { BadInput } from "./bad_input.ts";
import * as install from "./hook_install.ts";
import { hookLibraryPath } from "../net/agent/hook_library.ts";
import { describeAgent } from "../net/agent/hook_status.ts";
import { LIBRARY_NAMES } from "../net/agent/unmirrored/mapped.ts";
import { reasonText } from "../net/agent/unmirrored/reasons.ts";
import { servedBy } from "../net/agent/unmirrored/served.ts";
import { type Survey, type SurveyedProgram, surveyPrograms } from "../net/agent/unmirrored/survey.ts";
import { defaultRuntimeDir } from "../net/agent/runtime_dir.ts";
import type { HookCommand } from "./hook_options.ts";
import { print } from "./output.ts";
import { unitAdvice } from "./unit_advice.ts";
import { programAdvice } from "./unit_programs.ts";
import { askUnit, isUnit } from "./unit_question.ts";
import { statOf } from "../net/ffi/stat.ts";

/** Answers the exit status. */
export async function runHookCommand(command: HookCommand): Promise<number> {
  switch (command.command) {
    case "hook path":
      print(await hookLibraryPath());
      return 0;
    case "hook install":
      return await installHook(command);
    case "hook uninstall":
      return uninstallHook(command);
    case "hook status":
      return showStatus(command);
  }
}

type Placement = Extract<HookCommand, { command: "hook install" | "hook uninstall" }>;

/** Everything is checked before anything is changed. */
function checkPlacement({ command, unit, system, root, ...more }: Placement): void {
  const isAll = "all" in more && more.all;
  if (unit.length === 0 && !system && !isAll) {
    throw new BadInput(`${command}: expected --unit NAME, for example --unit nginx, or --system`);
  }
  for (const name of unit) {
    try {
      install.serviceName(name);
    } catch (error) {
      throw new BadInput((error as Error).message);
    }
  }
  if (statOf(root)?.isDirectory !== true) {
    throw new BadInput(`--root: ${JSON.stringify(root)} is no directory`);
  }
  if (root === "/" && Deno.uid() !== 0) {
    throw new BadInput(`${command}: root is needed to write below /etc and /usr/lib`);
  }
}

type Install = Extract<Placement, { command: "hook install" }>;

async function installHook(command: Install): Promise<number> {
  checkPlacement(command);
  if (command.dryRun) return tellInstall(command);
  const { unit, system, root } = command;
  if (system && root === "/" && !command.force) refuseSanitized();
  const library = await install.installLibrary(root);
  if (!loads(library)) {
    print(`${library} does not load on this host: nothing was changed`);
    install.removeUnusedLibrary(root);
    return 1;
  }
  print(`library: ${library}`);
  const services = unit.map(install.serviceName);
  for (const name of services) {
    print(`drop-in: ${install.installUnit(root, name)}`);
    warnOf(root, name);
  }
  if (services.length > 0) {
    print(`now run: systemctl daemon-reload && systemctl restart ${services.join(" ")}`);
  }
  if (system) {
    install.installSystem(root);
    print("ld.so.preload: every program that starts from now on has the hook");
  }
  return 0;
}

/** What an install would do; nothing is changed. */
function tellInstall({ unit, system, root }: Install): number {
  print(`would write the library: ${join(root, install.LIBRARY_PATH)}`);
  for (const name of unit.map(install.serviceName)) {
    print(`would write the drop-in: ${install.dropInPath(root, name)}`);
    warnOf(root, name);
  }
  if (!system) return 0;
  print(`would name the library in ${join(root, install.PRELOAD)}`);
  if (root !== "/") return 0;
  const survey = surveyPrograms(servedBy(defaultRuntimeDir()));
  printSurvey("running programs with TLS", survey);
  const sanitized = survey.programs.filter(({ hasSanitizer }) => hasSanitizer);
  if (sanitized.length > 0) print(`would refuse without --force: ${sanitizedText(sanitized)}`);
  return 0;
}

/** A program with the shared AddressSanitizer runtime ends as it starts when another library comes before that. */
function refuseSanitized(): void {
  const { programs } = surveyPrograms(servedBy(defaultRuntimeDir()));
  const sanitized = programs.filter(({ hasSanitizer }) => hasSanitizer);
  if (sanitized.length > 0) {
    throw new BadInput(
      `hook install: --system: ${sanitizedText(sanitized)}; --force installs it all the same`,
    );
  }
}

function sanitizedText(programs: readonly SurveyedProgram[]): string {
  const names = programs.map(({ comm, pid }) => `${comm}[${pid}]`).join(", ");
  return `${names} would end at the next start, as AddressSanitizer wants no library before its own, ` +
    "unless started with ASAN_OPTIONS=verify_asan_link_order=0";
}

function warnOf(root: string, service: string): void {
  if (!isUnit(root, service)) {
    print(`warning: ${service} names no unit: the drop-in counts once there is one`);
  }
  const unit = askUnit(root, service, install.dropInPath(root, service));
  for (const line of [...unitAdvice(service, unit, install.LIBRARY_PATH), ...programAdvice(root, unit)]) {
    print(`warning: ${service} ${line}`);
  }
}

/** A library that cannot be loaded would be a message on standard error of every program. */
function loads(library: string): boolean {
  const { success, stderr } = new Deno.Command("/bin/sh", { args: ["-c", ":"], env: { LD_PRELOAD: library } })
    .outputSync();
  return success && stderr.length === 0;
}

function uninstallHook(command: Extract<Placement, { command: "hook uninstall" }>): number {
  checkPlacement(command);
  const { root, all } = command;
  const unit = all ? install.installedUnits(root) : command.unit;
  for (const name of unit.map(install.serviceName)) {
    const found = install.uninstallUnit(root, name);
    print(found ? `${name}: removed; it counts from its next start` : `${name}: was not installed`);
  }
  if (command.system || (all && install.isSystemInstalled(root))) {
    print(install.uninstallSystem(root) ? "ld.so.preload: removed" : "ld.so.preload: was not installed");
  }
  if (install.removeUnusedLibrary(root)) {
    print("library: removed; running programs keep theirs until they end");
  }
  return 0;
}

function showStatus({ root, runtimeDir }: Extract<HookCommand, { command: "hook status" }>): number {
  const units = install.installedUnits(root);
  print(`system: ${install.isSystemInstalled(root) ? "installed in ld.so.preload" : "not installed"}`);
  print(`units: ${units.length > 0 ? units.join(", ") : "none"}`);
  print(`agent: ${describeAgent(runtimeDir ?? defaultRuntimeDir())}`);
  const served = servedBy(runtimeDir ?? defaultRuntimeDir(), install.systemSinceMs(root));
  printSurvey("programs with TLS or the hook", surveyPrograms(served));
  return 0;
}

function printSurvey(title: string, { programs, hidden }: Survey): void {
  print(`${title}: ${programs.length > 0 ? "" : "none seen"}`);
  for (const program of programs) print(`  ${surveyLine(program)}`);
  if (hidden > 0) print(`processes of others, at which this user may not look: ${hidden}`);
}

function surveyLine({ pid, comm, libraries, hasHook, reason }: SurveyedProgram): string {
  const names = [...libraries].map((library) => LIBRARY_NAMES[library]).join(", ");
  const hook = hasHook ? ", has the hook" : "";
  const what = reason === undefined
    ? "its region is there for the agent"
    : `not mirrored: ${reasonText(reason)}`;
  return `${pid} ${comm}${names === "" ? "" : ` (${names})`}${hook}: ${what}`;
}
