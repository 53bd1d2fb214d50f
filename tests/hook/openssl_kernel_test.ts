// SPDX-License-Identifier: MIT
/** What OpenSSL lets the kernel encrypt: the bytes are seen by nobody, their number is. @module */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Collector, compile, hooked, run, WORK } from "./native.ts";

Deno.test(
  "OpenSSL: of a file that the kernel encrypts what was sent is a gap",
  skipIf(missing("cc")),
  async () => {
    await compile("libsendfile.so", ["tiny_tls.c"], ["-shared", "-fPIC"]);
    const linked = [`-L${WORK}`, "-lsendfile", `-Wl,-rpath,${WORK}`];
    const program = await compile("openssl_kernel", ["openssl_kernel.c"], linked);
    const collector = await Collector.start();
    const { code } = await run(program, [], await hooked(collector.runtime));
    await collector.stop();
    assert.equal(code, 0);
    assert.deepEqual(collector.flows.map(({ bytes, gaps }) => [bytes, gaps]), [[[10, 0], [7000, 0]]]);
  },
);
