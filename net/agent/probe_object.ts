// SPDX-License-Identifier: MIT
/** The compiled kernel probes: built in the checkout, or embedded in the binary. @module */

/** Where `deno task hook` puts them; in the binary, where they are embedded. */
const BUILT = new URL("../../dist/sslcollector_probes.o", import.meta.url);

/** Their bytes. Throws an Error of one line when there are none. */
export async function readProbes(): Promise<Uint8Array<ArrayBuffer>> {
  if (!Deno.build.standalone) {
    const { buildProbes } = await import("../../tools/probes.ts");
    await buildProbes();
  }
  try {
    return Deno.readFileSync(BUILT);
  } catch {
    throw new Error("this program was built without them");
  }
}
