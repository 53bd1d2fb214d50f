// SPDX-License-Identifier: MIT
/** Regions that nobody handed over, found in the maps of processes. */
import assert from "node:assert/strict";
import { RegionScan } from "../../../../net/capture/preload/region_scan.ts";
import { regionName, rendezvousOf } from "../../../../net/capture/record/layout.ts";
import { startProgram } from "../../../support/ringing.ts";
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
