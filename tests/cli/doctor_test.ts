// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Finding } from "../../net/agent/doctor/finding.ts";
import { runCommand } from "../support/command.ts";
import { freePort } from "../support/free_port.ts";
import { withTempDir } from "../support/run.ts";

Deno.test("doctor: what is broken in the configuration is found, with status 1; each has what mends it", () =>
  withTempDir(async (folder) => {
    const config = `${folder}/sslcollector.toml`;
    const port = freePort();
    await Deno.writeTextFile(config, `output = "nosuch0"\ntarget = "127.0.0.1:${port}"\npki = "${folder}"\n`);
    const env = { SSLCOLLECTOR_CONFIG: config };
    const { code, stdout } = await runCommand(["doctor", "--json", "--runtime-dir", folder], { env });
    assert.equal(code, 1);
    const { findings }: { findings: Finding[] } = JSON.parse(stdout);
    const of = (subject: string) => findings.find((finding) => finding.subject === subject);
    assert.equal(of("kernel")?.state, "ok");
    assert.deepEqual([of("interface nosuch0")?.state, of(`collector 127.0.0.1:${port}`)?.state], [
      "broken",
      "broken",
    ]);
    assert.equal(of("agent")?.state, "warning");
    for (const { state, fix } of findings) assert.equal(fix !== undefined, state !== "ok");

    const text = await runCommand(["doctor", "--runtime-dir", folder], { env });
    assert.match(
      text.stdout,
      /^broken {3}interface nosuch0: there is none of this name\n {9}mend ip link add nosuch0 /m,
    );
    await Deno.writeTextFile(config, "outputs = 1\n");
    const wrong = await runCommand(["doctor", "--runtime-dir", folder], { env });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stdout, /^broken {3}settings: .*outputs/m);
  }));

Deno.test("doctor: where nothing is set up nothing is broken", () =>
  withTempDir(async (folder) => {
    const env = { SSLCOLLECTOR_CONFIG: "/dev/null", SSLCOLLECTOR_PKI: folder };
    const { code, stdout } = await runCommand(["doctor", "--runtime-dir", folder], { env });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ok {7}kernel: Linux /m);
  }));
