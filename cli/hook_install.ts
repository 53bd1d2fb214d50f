// SPDX-License-Identifier: MIT
/** Makes services start with the hook, and undoes it. @module */
import { dirname, join } from "node:path";
import { INSTALLED_FOLDER, LIBRARY_NAME, put, readLibrary } from "../net/agent/hook_library.ts";
import { unitPreload } from "./unit_preload.ts";
import { exists } from "../net/ffi/stat.ts";

export const LIBRARY_PATH = `${INSTALLED_FOLDER}/${LIBRARY_NAME}`;
/** Beside the library where that came with a package, which brings newer ones and takes it away. */
const PACKAGE_MARK = `${INSTALLED_FOLDER}/packaged`;
const LIBRARY_PATTERN = LIBRARY_PATH.replaceAll(".", "\\.");
export const PRELOAD = "/etc/ld.so.preload";
const UNITS = "/etc/systemd/system";
const DROP_IN = "sslcollector.conf";

const dropInText = (preload: string): string =>
  `# Made by sslcollector hook install; sslcollector hook uninstall removes it.
[Service]
Environment="LD_PRELOAD=${preload}"
`;

const OTHER_UNITS = /\.(socket|target|timer|mount|automount|path|slice|scope|device|swap)$/;

/** `nginx` and `nginx.service` name the same unit. Throws a `RangeError` on what is no service. */
export function serviceName(unit: string): string {
  const name = unit.endsWith(".service") ? unit : `${unit}.service`;
  if (!/^[A-Za-z0-9:_.@\\-]+\.service$/.test(name) || OTHER_UNITS.test(unit)) {
    throw new RangeError(
      `--unit: ${JSON.stringify(unit)} is not the name of a systemd service, for example nginx`,
    );
  }
  return name;
}

/** Puts the library in place below `root`, unless a package has, and returns its path. */
export async function installLibrary(root: string): Promise<string> {
  if (exists(join(root, PACKAGE_MARK))) return join(root, LIBRARY_PATH);
  return put(join(root, INSTALLED_FOLDER), await readLibrary());
}

/**
 * Adds the drop-in of a service; it counts from the service's next start. What the service preloads already (an allocator, say)
 * it still does, before the hook.
 */
export function installUnit(root: string, unit: string): string {
  const path = dropInPath(root, unit);
  const others = unitPreload(root, serviceName(unit), path);
  Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  Deno.writeTextFileSync(path, dropInText(others === undefined ? LIBRARY_PATH : `${others}:${LIBRARY_PATH}`));
  return path;
}

/** Whether there was a drop-in to remove. */
export function uninstallUnit(root: string, unit: string): boolean {
  const path = dropInPath(root, unit);
  if (!exists(path)) return false;
  Deno.removeSync(path);
  try {
    Deno.removeSync(dirname(path));
  } catch {
    // Other drop-ins are in there.
  }
  return true;
}

/**
 * Adds the library to ld.so.preload: every program that starts from now on has it. What stands there already is left as
 * it is, so that {@linkcode uninstallSystem} can restore it to the byte.
 */
export function installSystem(root: string): void {
  const text = readPreload(root);
  if (names(text)) return;
  const isLineOpen = text !== undefined && !text.endsWith("\n");
  writePreload(root, isLineOpen ? `${text}\n${LIBRARY_PATH}` : `${text ?? ""}${LIBRARY_PATH}\n`);
}

/** Whether it was there. */
export function uninstallSystem(root: string): boolean {
  const text = readPreload(root);
  if (!names(text)) return false;
  if (text === `${LIBRARY_PATH}\n`) Deno.removeSync(join(root, PRELOAD));
  else writePreload(root, without(text!));
  return true;
}

/** Whether ld.so.preload names the library. */
export function isSystemInstalled(root: string): boolean {
  return names(readPreload(root));
}

/** When ld.so.preload was last written, milliseconds since 1970; undefined: it does not name the library. */
export function systemSinceMs(root: string): number | undefined {
  if (!isSystemInstalled(root)) return undefined;
  return Deno.statSync(join(root, PRELOAD)).mtime?.getTime();
}

/** Services that have the drop-in. */
export function installedUnits(root: string): string[] {
  const folder = join(root, UNITS);
  if (!exists(folder)) return [];
  return [...Deno.readDirSync(folder)]
    .filter(({ name }) => name.endsWith(".service.d") && exists(join(folder, name, DROP_IN)))
    .map(({ name }) => name.slice(0, -2)).sort();
}

/** Removes the library unless something still names it, or it is a package's. */
export function removeUnusedLibrary(root: string): boolean {
  if (isSystemInstalled(root) || installedUnits(root).length > 0 || !exists(join(root, LIBRARY_PATH))) {
    return false;
  }
  if (exists(join(root, PACKAGE_MARK))) return false;
  Deno.removeSync(join(root, INSTALLED_FOLDER), { recursive: true });
  return true;
}

/** Where the drop-in of a service is. */
export function dropInPath(root: string, unit: string): string {
  return join(root, UNITS, `${serviceName(unit)}.d`, DROP_IN);
}

/** `undefined` when there is no such file. */
function readPreload(root: string): string | undefined {
  const path = join(root, PRELOAD);
  return exists(path) ? Deno.readTextFileSync(path) : undefined;
}

/** Names in ld.so.preload are separated by white space or colons; `#` begins a comment (ld.so(8), glibc's rtld.c). */
function names(text = ""): boolean {
  return text.replaceAll(/#.*/g, "").split(/[\s:]+/).includes(LIBRARY_PATH);
}

/** The text as it was before; wherever else the library is named by now, only the name goes. */
function without(text: string): string {
  if (text.endsWith(`\n${LIBRARY_PATH}`)) return text.slice(0, -LIBRARY_PATH.length - 1);
  const word = new RegExp(`(^|[\\s:])${LIBRARY_PATTERN}(?=[\\s:]|$)`, "g");
  return text.replaceAll(new RegExp(`^${LIBRARY_PATTERN}\n`, "gm"), "")
    .replaceAll(/^[^#\n]+/gm, (names) => names.replaceAll(word, ""));
}

/** By rename: a program that starts meanwhile reads the old file or the new one, never half of it. */
function writePreload(root: string, text: string): void {
  const path = join(root, PRELOAD);
  const partial = `${path}.sslcollector`;
  const mode = exists(path) ? (Deno.statSync(path).mode ?? 0o644) & 0o7777 : 0o644;
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(partial, text);
  Deno.chmodSync(partial, mode);
  Deno.renameSync(partial, path);
}
