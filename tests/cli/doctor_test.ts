// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Finding } from "../../net/agent/doctor/finding.ts";
import { runCommand } from "../support/command.ts";
import { freePort } from "../support/free_port.ts";
import { netnsMissing, withVeth } from "../support/netns.ts";
import { missing, runOk, withTempDir } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";

Deno.test("doctor: what is broken in the configuration is found, with status 1; each has what mends it", () =>
  withTempDir(async (folder) => {
    const config = `${folder}/sslcollector.toml`;
    const port = freePort();
    await Deno.writeTextFile(
      config,
      `output = "nosuch0"\ntarget = ["127.0.0.1:${port}", "tcp://127.0.0.1:${port}"]\npki = "${folder}"\n`,
    );
    const env = { SSLCOLLECTOR_CONFIG: config };
    const { code, stdout } = await runCommand(["doctor", "--json", "--runtime-dir", folder], { env });
    assert.equal(code, 1);
    const { findings }: { findings: Finding[] } = JSON.parse(stdout);
    const of = (subject: string) => findings.find((finding) => finding.subject === subject);
    assert.equal(of("kernel")?.state, "ok");
    assert.equal(of("interface nosuch0")?.state, "broken");
    assert.match(of(`collector 127.0.0.1:${port}`)!.text, /^nothing to show it: .*ca\.crt/);
    assert.match(of(`collector tcp://127.0.0.1:${port}`)!.text, /ECONNREFUSED/);
    assert.equal(of("agent")?.state, "warning");
    assert.equal(
      of("agent")?.fix,
      `sslcollector --runtime-dir ${folder} -o out.pcapng; where agents of other hosts mirror to: ` +
        `sslcollector --runtime-dir ${folder} -C -o out.pcapng`,
    );
    for (const { state, fix } of findings) {
      assert.equal(fix !== undefined, state === "warning" || state === "broken");
    }

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
    assert.doesNotMatch(stdout, /^ok {7}kernel probes: cannot/m);
  }));

Deno.test({
  name: "doctor: what an interface and its other end do to a mirror is found, and the commands mend it",
  ...skipIf(netnsMissing(), missing("ethtool")),
  fn: () =>
    withVeth(({ namespace }) =>
      withTempDir(async (folder) => {
        const config = `${folder}/sslcollector.toml`;
        await Deno.writeTextFile(config, `output = "mirror0"\n`);
        const inside = ["ip", "netns", "exec", namespace];
        const sh = (command: string) => runOk(inside[0], ...inside.slice(1), "sh", "-ec", command);
        await sh("ip link add mirror0 type veth peer name mirror1; ethtool -K mirror1 gro on");
        const look = async () => {
          const { stdout } = await runCommand(["doctor", "--json", "--runtime-dir", folder], {
            env: { SSLCOLLECTOR_CONFIG: config },
            under: inside,
          });
          const { findings }: { findings: Finding[] } = JSON.parse(stdout);
          return findings.filter(({ subject }) => subject.startsWith("interface "));
        };
        const [down, merging] = await look();
        assert.deepEqual([down.state, merging.subject, merging.state], [
          "broken",
          "interface mirror1",
          "warning",
        ]);
        await sh(`${down.fix}; ip link set mirror1 up; ${merging.fix}`);
        const [small] = await look();
        assert.match(small.text, /MTU of 1500/);
        await sh(`ip link set mirror1 mtu 9000; ${small.fix!.split(",")[0]}`);
        assert.deepEqual((await look()).map(({ state }) => state), ["ok", "ok"]);
      })
    ),
});
