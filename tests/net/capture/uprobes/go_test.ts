// SPDX-License-Identifier: MIT
/** Probes in the kernel, at programs of Go that only these tests run, each met when it begins. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { CaptureOpen } from "../../../../net/capture/target.ts";
import { HostLibraries } from "../../../../net/capture/uprobes/libraries_found.ts";
import { ProbeSource } from "../../../../net/capture/uprobes/probe_source.ts";
import { buildProbes } from "../../../../tools/probes.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { CaptureLog } from "../../../support/capture_log.ts";
import { buildGo, goMissing } from "../../../support/go.ts";
import { withTempDir } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";
import { until } from "../../../support/until.ts";

const PAIRS = fileURLToPath(new URL("programs/pairs.go", import.meta.url));
const CONNECTIONS = Number(Deno.env.get("GO_CONNECTIONS") ?? 8);
const BYTES = 100_000;

/** A source that hears of programs as they begin, and looks at the one at `path` alone. */
async function probesAt(path: string, log: CaptureLog): Promise<ProbeSource> {
  let number = 0;
  const host = new HostLibraries();
  const isMeant = (pid: number) => executableOf(pid) === path;
  return new ProbeSource({
    object: await Deno.readFile(await buildProbes()),
    ringBytes: 16 << 20,
    target: log,
    nextProgram: () => ++number,
    timeBaseNs: 0n,
    libraries: { find: () => [], begun: (pid) => isMeant(pid) ? host.begun(pid) : [] },
    warn: (message) => assert.fail(message),
  });
}

function executableOf(pid: number): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

/** Runs it, and lets it begin when its probes are in place; answers what it says. */
async function runProbed(source: ProbeSource, program: string): Promise<string> {
  const child = new Deno.Command(program, {
    args: [`${CONNECTIONS}`, `${BYTES}`],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await until("probes at the program that has begun", () => source.counters.files > 0);
  await child.stdin.close();
  const { success, stdout } = await child.output();
  assert.ok(success);
  return new TextDecoder().decode(stdout);
}

/** A line for each flow, as the program itself writes them. */
function toldLines(log: CaptureLog): string[] {
  const hashes = new Map<unknown, ReturnType<typeof createHash>[]>();
  for (const [, , flow, direction, , bytes] of log.of("data")) {
    const both = hashes.get(flow) ?? [createHash("sha256"), createHash("sha256")];
    hashes.set(flow, both);
    both[direction as number].update(bytes as Uint8Array);
  }
  // The addresses may be told later than the flow.
  const opened = new Map(log.of("open").map(([, , flow, open]) => [flow, open as CaptureOpen]));
  return [...opened].map(([flow, { isServer, address, late }]) => {
    assert.ok(!late, "met from its handshake on");
    const { localIp, localPort, remoteIp, remotePort } = address!;
    const [toServer, toClient] = hashes.get(flow)!.map((hash) => hash.digest("hex"));
    return [
      ...[
        isServer ? "server" : "client",
        `${localIp.join(".")}:${localPort}`,
        `${remoteIp.join(".")}:${remotePort}`,
      ],
      ...(isServer ? [toClient, toServer] : [toServer, toClient]),
    ].join(" ");
  });
}

for (
  const [name, flags] of [["with its symbols", []], ["stripped, for any address", [
    "-s",
    "-w",
    "-buildmode=pie",
  ]]] as const
) {
  Deno.test({
    name:
      `probes tell both ends of ${CONNECTIONS} connections of a Go program ${name}, whole and with their addresses`,
    ...skipIf(await probesMissing() ?? goMissing()),
    fn: () =>
      withTempDir(async (folder) => {
        const program = `${folder}/pairs`;
        await buildGo(PAIRS, program, flags);
        const log = new CaptureLog();
        const source = await probesAt(program, log);
        const running = source.run();
        const said = await runProbed(source, program);
        await log.until(() => log.of("close").length === 2 * CONNECTIONS);
        await source.close();
        await running;
        assert.deepEqual(toldLines(log).sort(), said.trim().split("\n").sort());
        // Both ends of a connection have that of its ClientHello.
        const randoms = log.of("open").map(([, , , open]) => (open as CaptureOpen).clientRandom);
        assert.ok(randoms.every((random) => random.length === 64));
        assert.equal(new Set(randoms).size, CONNECTIONS);
        assert.deepEqual([...new Set(log.of("close").map(([, , , end]) => end))], ["orderly"]);
        assert.equal(source.counters.told, 2 * CONNECTIONS * 3 * BYTES);
      }),
  });
}
