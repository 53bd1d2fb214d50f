// SPDX-License-Identifier: MIT
/** Programs that a systemd service starts and the hook does not reach, by their files. @module */
import { join } from "node:path";
import { reasonOfFile } from "../net/agent/unmirrored/classify.ts";
import { readExecutable } from "../net/agent/unmirrored/executable.ts";
import { reasonText } from "../net/agent/unmirrored/reasons.ts";
import { type Assignment, listOf } from "./unit_files.ts";

/** A command's path behind its prefixes (systemd.service(5)), also as `systemctl show` has it. */
const COMMAND = /^(?:\{ path=)?[-@:+!|]*(\/[^\s;]*)/;

/** Lines for people, without the service's name. Files are looked for below `root`. */
export function programAdvice(root: string, assignments: readonly Assignment[]): string[] {
  const paths = new Set(listOf(assignments, "ExecStart").map((command) => COMMAND.exec(command)?.[1]));
  return [...paths].flatMap((path) => {
    const reason = path === undefined ? undefined : reasonOfFile(readExecutable(join(root, path)));
    return reason === undefined ? [] : [`starts ${path}, which will not be mirrored: ${reasonText(reason)}`];
  });
}
