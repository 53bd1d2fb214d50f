// SPDX-License-Identifier: MIT
/** `sslcollector hook path | install | uninstall | status`. @module */
import { BadInput } from "./bad_input.ts";
import * as install from "./hook_install.ts";
import { hookLibraryPath } from "../net/agent/hook_library.ts";
import { describeAgent, hookedPrograms } from "../net/agent/hook_status.ts";
import { print } from "./log.ts";
import { defaultRuntimeDir } from "../net/agent/runtime_dir.ts";
import type { HookCommand } from "./options.ts";

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
function checkPlacement({ command, unit, system, root }: Placement): void {
  if (unit.length === 0 && !system) {
    throw new BadInput(`${command}: expected --unit NAME, for example --unit nginx, or --system`);
  }
  for (const name of unit) {
    try {
      install.serviceName(name);
    } catch (error) {
      throw new BadInput((error as Error).message);
    }
  }
  if (!isDirectory(root)) throw new BadInput(`--root: ${JSON.stringify(root)} is no directory`);
  if (root === "/" && Deno.uid() !== 0) {
    throw new BadInput(`${command}: root is needed to write below /etc and /usr/lib`);
  }
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

async function installHook(command: Extract<Placement, { command: "hook install" }>): Promise<number> {
  checkPlacement(command);
  const { unit, system, root } = command;
  const library = await install.installLibrary(root);
  if (!loads(library)) {
    print(`${library} does not load on this host: nothing was changed`);
    install.removeUnusedLibrary(root);
    return 1;
  }
  print(`library: ${library}`);
  const services = unit.map(install.serviceName);
  for (const name of services) print(`drop-in: ${install.installUnit(root, name)}`);
  if (services.length > 0) {
    print(`now run: systemctl daemon-reload && systemctl restart ${services.join(" ")}`);
  }
  if (system) {
    install.installSystem(root);
    print("ld.so.preload: every program that starts from now on has the hook");
  }
  return 0;
}

/** A library that cannot be loaded would be a message on standard error of every program. */
function loads(library: string): boolean {
  const { success, stderr } = new Deno.Command("/bin/sh", { args: ["-c", ":"], env: { LD_PRELOAD: library } })
    .outputSync();
  return success && stderr.length === 0;
}

function uninstallHook(command: Extract<Placement, { command: "hook uninstall" }>): number {
  checkPlacement(command);
  const { unit, system, root } = command;
  for (const name of unit.map(install.serviceName)) {
    const found = install.uninstallUnit(root, name);
    print(found ? `${name}: removed; it counts from its next start` : `${name}: was not installed`);
  }
  if (system) {
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
  const programs = hookedPrograms();
  print(`programs with the hook: ${programs.length > 0 ? "" : "none"}`);
  for (const { pid, comm } of programs) print(`  ${pid} ${comm}`);
  return 0;
}
