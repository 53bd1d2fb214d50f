// SPDX-License-Identifier: MIT
/** Where the hook library is: built in the checkout, or embedded in the binary and put on disk when needed. @module */
import { dirname, join } from "node:path";

export const LIBRARY_NAME = "libsslcollector_hook.so";

/** Where `deno task hook` puts it; in the binary, where it is embedded. */
const BUILT = new URL(`../../dist/${LIBRARY_NAME}`, import.meta.url);

/** The library's bytes. Throws when it was never built. */
export async function readLibrary(): Promise<Uint8Array<ArrayBuffer>> {
  if (!Deno.build.standalone) await build();
  return Deno.readFileSync(BUILT);
}

/** Rebuilds the library of a checkout when its sources are newer. */
async function build(): Promise<void> {
  const { buildHook } = await import("../../tools/hook.ts");
  await buildHook();
}

/** Where `hook install` and packages put it: not under a folder that is emptied at boot. */
export const INSTALLED_FOLDER = "/usr/lib/sslcollector";

/**
 * A path of the library that any program of any user can load: in a checkout its own, else a file named by its content
 * in the first folder that may be written to and allows execution.
 */
export async function hookLibraryPath(): Promise<string> {
  if (!Deno.build.standalone) {
    await build();
    if (isOpenToAll(BUILT.pathname)) return BUILT.pathname;
  }
  const bytes = await readLibrary();
  if (isInstalled(bytes)) return join(INSTALLED_FOLDER, LIBRARY_NAME);
  const name = `sslcollector-${await digest(bytes)}`;
  const folders = Deno.uid() === 0
    ? ["/var/cache", "/run", "/tmp"]
    : [Deno.env.get("XDG_RUNTIME_DIR"), "/tmp"];
  for (const folder of folders) {
    if (!folder || isNoExec(folder)) continue;
    try {
      return put(join(folder, Deno.uid() === 0 ? name : `${name}-${Deno.uid()}`), bytes);
    } catch {
      continue;
    }
  }
  throw new Error(`no folder to put ${LIBRARY_NAME} in: tried ${folders.filter(Boolean).join(", ")}`);
}

/** Whether this very library is installed on this host. */
function isInstalled(bytes: Uint8Array): boolean {
  try {
    const installed = Deno.readFileSync(join(INSTALLED_FOLDER, LIBRARY_NAME));
    return installed.length === bytes.length && installed.every((byte, at) => byte === bytes[at]);
  } catch {
    return false;
  }
}

/** Writes the library into `folder`, made if need be; a running program keeps the one it has mapped. */
export function put(folder: string, bytes: Uint8Array): string {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o755 });
  // A folder that somebody else prepared could have the file exchanged under us.
  const owner = Deno.lstatSync(folder);
  if (!owner.isDirectory || owner.uid !== Deno.uid()) throw new Error(`${folder} belongs to another user`);
  // Whatever the umask: programs of every user load it, and one that cannot says so on its standard error.
  Deno.chmodSync(folder, 0o755);
  const path = join(folder, LIBRARY_NAME);
  const partial = `${path}.${crypto.randomUUID()}`;
  Deno.writeFileSync(partial, bytes, { mode: 0o755 });
  Deno.chmodSync(partial, 0o755);
  Deno.renameSync(partial, path);
  return path;
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}

/** Whether every folder on the way lets other users through: nginx's workers are not root. */
function isOpenToAll(path: string): boolean {
  for (let folder = dirname(path); folder !== "/"; folder = dirname(folder)) {
    const { mode } = Deno.statSync(folder);
    if (((mode ?? 0) & 0o001) === 0) return false;
  }
  return true;
}

/** Whether the mount that holds `folder` forbids mapping programs. */
function isNoExec(folder: string): boolean {
  let best = { point: "", options: "" };
  for (const line of Deno.readTextFileSync("/proc/self/mounts").split("\n")) {
    const [, point, , options] = line.split(" ");
    if (!point || !(folder === point || folder.startsWith(point === "/" ? "/" : `${point}/`))) continue;
    if (point.length >= best.point.length) best = { point, options };
  }
  return best.options.split(",").includes("noexec");
}
