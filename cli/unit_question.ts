// SPDX-License-Identifier: MIT
/** What a systemd service is set to: asked of systemd where it runs, else read from the files. @module */
import { ADVISED } from "./unit_advice.ts";
import { type Assignment, hasUnitFile, readUnit } from "./unit_files.ts";

/** Settings of `service` below `root`; `except` is a drop-in that does not count. */
export function askUnit(root: string, service: string, except: string): Assignment[] {
  return (root === "/" ? askSystemd(service) : undefined) ?? readUnit(root, service, except);
}

/** Whether there is a unit of this name below `root`: by its file, else by systemd's word where it runs. */
export function isUnit(root: string, service: string): boolean {
  return hasUnitFile(root, service) || (root === "/" && askSystemd(service) !== undefined);
}

/** Undefined where systemd does not run, does not answer, or does not know the service. */
function askSystemd(service: string): Assignment[] | undefined {
  try {
    Deno.statSync("/run/systemd/system");
    const args = ["show", `--property=LoadState,${ADVISED.join(",")}`, "--", service];
    const { success, stdout } = new Deno.Command("systemctl", { args, stdin: "null", stderr: "null" })
      .outputSync();
    const answers = parseAnswers(new TextDecoder().decode(stdout));
    return success && answers.some(({ name, value }) => name === "LoadState" && value === "loaded")
      ? answers
      : undefined;
  } catch {
    return undefined;
  }
}

/** Lines `Name=value` of `systemctl show`. */
export function parseAnswers(text: string): Assignment[] {
  return [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => ({ name, value }));
}
