// SPDX-License-Identifier: MIT
/** A collector in a network namespace that it was put in from outside: `/sys` there is still that of the host. @module */
import assert from "node:assert/strict";
import { inNamespace, netnsMissing, withVeth } from "../support/netns.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { withFixture } from "./support/fixture.ts";
import { startSslcollector } from "./support/sslcollector.ts";

/** Starts a collector for the interface under these words, and ends it. */
async function checkCollecting(under: readonly string[], name: string): Promise<void> {
  await withFixture(async (fixture) => {
    const state = ["--state", fixture.path("state"), "--runtime-dir", fixture.path("runtime")];
    const options = ["-C", "-L", "127.0.0.1:0", "--insecure-plaintext", "-o", name, ...state];
    await using collector = await startSslcollector("source", fixture, options, { under });
    await collector.found("stderr", new RegExp(`collecting on 127\\.0\\.0\\.1:\\d+ into ${name};`));
    collector.kill("SIGTERM");
    const { code, stderr } = await collector.ended;
    assert.equal(code, 0, stderr);
  });
}

Deno.test({
  name: "a collector finds the interface of a namespace that nsenter put it in",
  ...skipIf(netnsMissing(), missing("nsenter")),
  fn: () =>
    withVeth(async (veth) => {
      await inNamespace(veth, "ip", "link", "set", "lo", "up");
      await checkCollecting(["nsenter", `--net=/run/netns/${veth.namespace}`], veth.far);
    }),
});

Deno.test({
  name: "a collector finds the interface that was made in a namespace of unshare",
  ...skipIf(netnsMissing(), missing("unshare")),
  fn: () => {
    const make = "ip link set lo up && ip link add own0 type veth peer name own1 && ip link set own0 up && " +
      'ip link set own1 up && exec "$@"';
    return checkCollecting(["unshare", "--net", "sh", "-c", make, "sh"], "own0");
  },
});
