// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { compile, run, WORK } from "./native.ts";

const SOURCES = new URL("../../hook/", import.meta.url).pathname;

/** Memory functions and sockets are the C library's for sanitizers anyway, and they set limits and look for symbols before they are ready. */
const LEFT_OUT = ["memory.c", "socket.c", "limit.c", "deepbind.c"];

/** All of the hook that sanitizers can look at. */
function hookSources(): string[] {
  const names = [...Deno.readDirSync(SOURCES)].map((entry) => entry.name);
  return names.filter((name) => name.endsWith(".c") && !LEFT_OUT.includes(name))
    .map((name) => SOURCES + name);
}

const BUILDS: Record<string, string[]> = {
  "without a sanitizer": [],
  "AddressSanitizer and UBSan": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  "ThreadSanitizer": ["-fsanitize=thread"],
};

for (const [name, flags] of Object.entries(BUILDS)) {
  Deno.test({
    name: `16 producing threads and forks, ${name}`,
    ...skipIf(missing("clang")),
    fn: async () => {
      const seed = crypto.getRandomValues(new Uint32Array(1))[0];
      console.log(`seed ${seed}`);
      const all = [...flags, "-fno-omit-frame-pointer"];
      await compile("libfake.so", ["fake_tls.c"], [...all, "-shared", "-fPIC"], "clang");
      const linked = [`-L${WORK}`, "-lfake", `-Wl,-rpath,${WORK}`, "-lpthread", "-rdynamic"];
      const sources = ["stress.c", "drain.c", ...hookSources()];
      const stress = await compile("stress", sources, [...all, ...linked], "clang");
      for (const room of ["full", "roomy"]) {
        const runtime = Deno.makeTempDirSync({ dir: WORK });
        const args = ["250", stress, runtime, String(seed), ...(room === "roomy" ? ["roomy"] : [])];
        const output = await run("timeout", args, { SSLCOLLECTOR_RUNTIME: runtime });
        assert.deepEqual([output.code, output.stderr], [0, ""], `${room}, seed ${seed}: ${output.stderr}`);
      }
    },
  });
}
