// SPDX-License-Identifier: MIT
/**
 * For systems whose C library is older than what the executable wants (glibc 2.27): the executable with a loader and a C library
 * of its own, which are this machine's.
 *
 * @module
 */
import { basename } from "node:path";
import type { Entry } from "./content.ts";
import { isFile } from "../../net/ffi/stat.ts";

/** The loader is the program that the system starts; it finds the libraries beside itself. */
const LAUNCHER = `#!/bin/sh
# SPDX-License-Identifier: MIT
here=$(dirname "$(readlink -f "$0")")
exec "$here/lib/LOADER" --library-path "$here/lib" "$here/lib/sslcollector" "$@"
`;

/** Debian's packages of what is taken, for their licences. */
const LICENCES = ["libc6", "libgcc-s1"].map((name) => `/usr/share/doc/${name}/copyright`);

/** The entries of an archive, changed so that nothing of the system's C library is needed. */
export async function withOwnLibc(entries: readonly Entry[], executable: string): Promise<Entry[]> {
  const libraries = await librariesOf(executable);
  const loader = libraries.map((path) => basename(path)).find((name) => name.startsWith("ld-linux"));
  if (loader === undefined) throw new Error(`${executable} names no loader`);
  return [
    ...entries.filter(({ path }) => path !== "sslcollector"),
    { path: "sslcollector", mode: 0o755, content: LAUNCHER.replace("LOADER", loader) },
    { path: "lib/sslcollector", mode: 0o755, content: { from: executable } },
    ...libraries.map((from) => ({ path: `lib/${basename(from)}`, mode: 0o755, content: { from } })),
    ...LICENCES.filter(isFile).map((from) => ({
      path: `lib/${from.split("/").at(-2)}.copyright`,
      mode: 0o644,
      content: { from },
    })),
  ];
}

/** Paths of the loader and of the libraries that it loads for an executable of this machine. */
async function librariesOf(executable: string): Promise<string[]> {
  const { success, stdout } = await new Deno.Command("ldd", { args: [executable] }).output();
  if (!success) throw new Error(`ldd knows nothing of ${executable}`);
  return [...new TextDecoder().decode(stdout).matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path)
    .sort();
}
