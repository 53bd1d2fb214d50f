// SPDX-License-Identifier: MIT
/** Regions that nobody handed over, found in the maps of processes. */
import assert from "node:assert/strict";
import { RegionScan } from "../../../../net/capture/preload/region_scan.ts";
import { regionName, rendezvousOf } from "../../../../net/capture/record/layout.ts";
import { startProgram } from "../../../support/ringing.ts";
import { runOk, withTempDir } from "../../../support/run.ts";
import { until } from "../../../support/until.ts";

Deno.test("a process that was searched is searched again once it maps something else, or while its region is not held", async () => {
  const directory = await Deno.makeTempDir();
  await using program = await startProgram(directory);
  const held = new Set<string>();
  /** Keys of the regions found in the program, each time that it was searched. */
  const searches: string[][] = [];
  const scan = new RegionScan({
    name: regionName(rendezvousOf(directory)),
    isWide: true,
    isKnown: () => false,
    isHeld: (key) => held.has(key),
    found: (pid, mappings) => {
      if (pid === program.child.pid) searches.push(mappings!.map(({ key }) => key));
    },
  });
  const running = scan.run();
  try {
    await until("it to be searched again", () => searches.length >= 2, 20);
    assert.deepEqual(searches[0], searches[1]);
    assert.equal(searches[0].length, 1);
    held.add(searches[0][0]);
    await program.do("region");
    await until("both regions to be found", () => searches.at(-1)!.length === 2, 20);
    assert(searches.at(-1)!.includes(searches[0][0]));
  } finally {
    scan.close();
    await running;
    await Deno.remove(directory, { recursive: true });
  }
});

/** Maps a memory file of the name that it is given, and uses little else. */
const SMALL_PROGRAM = `
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    int fd = memfd_create(argv[argc - 1], 0);
    if (ftruncate(fd, 4096) != 0 || mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
        return 1;
    return write(1, "mapped", 6) != 6 || pause();
}
`;

Deno.test("a process with little memory, begun since, is found once it is there for longer", () =>
  withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/small.c`, SMALL_PROGRAM);
    await runOk("cc", "-D_GNU_SOURCE", "-o", `${folder}/small`, `${folder}/small.c`);
    const name = regionName(rendezvousOf(folder));
    const found = new Set<number>();
    const scan = new RegionScan({
      name,
      isWide: true,
      isKnown: () => false,
      isHeld: () => true,
      found: (pid) => found.add(pid),
    });
    const begin = () =>
      new Deno.Command(`${folder}/small`, { args: [name], stdin: "null", stdout: "piped" }).spawn();
    const children = [begin()];
    const mapped = async ({ stdout }: Deno.ChildProcess) => await stdout.getReader().read();
    await mapped(children[0]);
    const running = scan.run();
    try {
      await until("the first pass", () => found.has(children[0].pid), 20);
      children.push(begin());
      await mapped(children[1]);
      await until("a later pass", () => found.has(children[1].pid), 20);
    } finally {
      scan.close();
      await running;
      for (const child of children) {
        child.kill();
        await child.status;
      }
    }
  }));
