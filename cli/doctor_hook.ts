// SPDX-License-Identifier: MIT
/** Whether the hook that programs start with is there, and is this program's own. @module */
import { broken, type Finding, note, ok, warning } from "../net/agent/doctor/finding.ts";
import { readLibrary } from "../net/agent/hook_library.ts";
import { DEFAULT_RUNTIME, environmentOf } from "../net/agent/unmirrored/reasons.ts";
import { installedUnits, isSystemInstalled, LIBRARY_PATH } from "./hook_install.ts";

/** For programs of an agent in `runtimeDir`. */
export async function hookFindings(runtimeDir: string): Promise<Finding[]> {
  const isSystem = isSystemInstalled("/");
  const units = installedUnits("/");
  const where = [...isSystem ? ["/etc/ld.so.preload"] : [], ...units].join(", ");
  const installed = read(LIBRARY_PATH);
  if (where === "" && installed === undefined) {
    const elsewhere = runtimeDir === DEFAULT_RUNTIME ? "" : `${environmentOf(runtimeDir)} `;
    return [
      note(
        "hook",
        `is not installed: programs have it that are started with ${elsewhere}LD_PRELOAD=$(sslcollector hook path)`,
      ),
    ];
  }
  const again = `sslcollector hook install ${
    [...isSystem ? ["--system"] : [], ...units.map((unit) => `--unit ${unit}`)].join(" ")
  }`;
  if (installed === undefined) {
    return [broken("hook", `${where}: ${LIBRARY_PATH} is not there`, again)];
  }
  const own = await readLibrary();
  const isOwn = own.length === installed.length && own.every((byte, at) => byte === installed[at]);
  const text = `${LIBRARY_PATH}, for ${where === "" ? "nobody" : where}`;
  return [
    isOwn ? ok("hook", text) : warning("hook", `${text}, is of another version than this program`, again),
  ];
}

function read(path: string): Uint8Array | undefined {
  try {
    return Deno.readFileSync(path);
  } catch {
    return undefined;
  }
}
