// SPDX-License-Identifier: MIT
/** The compiled kernel probes: built in the checkout, or embedded in the binary. @module */
import { KERNEL_LEAST, KERNEL_MULTI } from "../capture/uprobes/requirements.ts";

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

/** By which people tell them from others: the beginning of their SHA-256, in hex. */
export async function probesHash(object: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", object)).toHex().slice(0, 16);
}

/** A line that says which they are, as far as they are built, and the kernels that take them. */
export async function probesLine(): Promise<string> {
  try {
    const hash = await probesHash(Deno.readFileSync(BUILT));
    const [least, multi] = [KERNEL_LEAST, KERNEL_MULTI].map((release) => release.join("."));
    return `kernel probes: object ${hash}, for Linux ${least} (one by one) and ${multi} (all of a file at once) and later`;
  } catch {
    return "kernel probes: none";
  }
}
