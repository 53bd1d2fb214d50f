// SPDX-License-Identifier: MIT
/** An agent of root's that was left few capabilities, as under a hardened unit. */
import assert from "node:assert/strict";
import { processorSeconds } from "../../net/capture/preload/process_facts.ts";
import { missing } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { Child } from "./support/child.ts";
import { withFixture } from "./support/fixture.ts";
import { Agent, startSslcollector } from "./support/sslcollector.ts";

const TAKEN = "-dac_read_search,-dac_override,-sys_ptrace,-sys_admin,-checkpoint_restore";
const USER = 65534;
/** A TLS session that gets no answer, of a program that goes on. */
const WAITING = `
import ssl, time
session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x")
try: session.do_handshake()
except ssl.SSLWantReadError: pass
print("ready", flush=True)
time.sleep(60)
`;

Deno.test({
  name: "an agent that may not follow what other users' programs map does not ask for ever",
  ...skipIf(notRoot("another user's program"), missing("setpriv", "python3")),
  fn: () =>
    withFixture(async (fixture) => {
      const under = ["setpriv", "--bounding-set", TAKEN, "--inh-caps", TAKEN];
      await using agent = await Agent.startWith({
        fixture,
        capture: fixture.path("out.pcapng"),
        under,
        options: [],
      });
      await using program = new Child("setpriv", {
        args: ["--reuid", `${USER}`, "--clear-groups", "/usr/bin/python3", "-c", WAITING],
        env: agent.hookEnvironment,
      });
      await program.found("stdout", /ready/);
      const { pid } = agent.child;
      const mapsRegion = () => Deno.readTextFileSync(`/proc/${pid}/maps`).includes("/memfd:sslcollector:");
      await until("the agent to have the program's region", mapsRegion);
      const [startMs, before] = [performance.now(), processorSeconds(pid)!];
      await until("three seconds", () => performance.now() - startMs > 3000, 100);
      const used = processorSeconds(pid)! - before;
      assert(used < 1, `${used} s of processor time in 3 s`);
      await agent.stop();
    }),
});

Deno.test({
  name:
    "an agent that may load no kernel probes goes on with the hook where it may choose, and names what is missing",
  ...skipIf(notRoot("fewer rights"), missing("setpriv")),
  fn: () =>
    withFixture(async (fixture) => {
      const taken = `${TAKEN},-bpf,-perfmon`;
      const under = ["setpriv", "--bounding-set", taken, "--inh-caps", taken];
      const capture = fixture.path("out.pcapng");
      await using agent = await Agent.startWith({ fixture, capture, under, options: ["--capture", "auto"] });
      await agent.child.found(
        "stderr",
        /programs without the hook are not mirrored: kernel probes need .*CAP_BPF/,
      );
      await agent.stop();
      const args = ["--capture", "uprobes", "-o", capture, "--runtime-dir", fixture.path("runtime")];
      await using refused = await startSslcollector("source", fixture, args, { under });
      const { code, stderr } = await refused.ended;
      assert.equal(code, 2, stderr);
      assert.match(
        stderr,
        /--capture: kernel probes need .*run it as root, or with .* lacks CAP_BPF, CAP_PERFMON/,
      );
    }),
});
