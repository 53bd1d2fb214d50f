// SPDX-License-Identifier: MIT
/**
 * crowded.ts LIBRARY COUNT FOLDER: probes so many copies of OpenSSL's library, as far as this process may have them open, and once more
 * when one of them has been written to. Prints how many were probed each time, and why others were not.
 */
import { libraryOf } from "../../../../../net/capture/uprobes/libraries.ts";
import { LoadedProbes } from "../../../../../net/capture/uprobes/loader.ts";
import { ProbedFiles } from "../../../../../net/capture/uprobes/probed_files.ts";
import { buildProbes } from "../../../../../tools/probes.ts";

const [library, count, folder] = Deno.args;
// The runtime opens sockets of its own when it first listens for a signal, which else comes at any time.
const ignore = () => {};
Deno.addSignalListener("SIGUSR2", ignore);
const probes = new LoadedProbes(await Deno.readFile(await buildProbes()), 1 << 20);
const files = new ProbedFiles(probes);
const paths = Array.from({ length: Number(count) }, (_, index) => `${folder}/${index}`);
for (const path of paths) await Deno.copyFile(library, path);
const addAll = () => {
  const states = paths.flatMap((path) =>
    files.add({ path, name: path, libraries: [libraryOf("libssl.so.3")!] })
  );
  return { size: files.size, refused: states.find((state) => typeof state === "object")?.refused };
};
const first = addAll();
const known = addAll();
await Deno.writeFile(paths[0], new Uint8Array(1), { append: true });
files.detachChanged();
await files.settled();
const again = addAll();
await files.close();
probes.close();
Deno.removeSignalListener("SIGUSR2", ignore);
console.log(JSON.stringify([first, known, again]));
