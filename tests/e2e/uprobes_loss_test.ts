// SPDX-License-Identifier: MIT
/** What the ring of kernel probes could not take is counted to the byte, and the capture has gaps of its length. */
import assert from "node:assert/strict";
import { startAgent } from "../../net/agent/agent.ts";
import { totalOf } from "../../net/agent/books.ts";
import type { CaptureSource } from "../../net/agent/source.ts";
import { libraryOf } from "../../net/capture/uprobes/libraries.ts";
import { ProbeSource } from "../../net/capture/uprobes/probe_source.ts";
import { buildProbes } from "../../tools/probes.ts";
import { concat } from "../support/bytes.ts";
import { forgedConnections } from "../support/forged.ts";
import { copyLibrary, copyMissing, LIBRARY } from "../support/probed_copy.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { checkGaps } from "./support/check_gaps.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Nginx, nginxMissing } from "./support/nginx.ts";
import { probesMissing } from "./support/probes.ts";

const RING_BYTES = 1 << 20;
const QUIET_BYTES = 20_000;
const BURST_BYTES = 8 * RING_BYTES;

/** Probes at a copy of OpenSSL that nobody but this test's nginx maps: nothing else comes into the ring. */
async function probesAtCopy(folder: string): Promise<CaptureSource> {
  const object = await Deno.readFile(await buildProbes());
  const path = `${folder}/${LIBRARY}`;
  const found = [{ path, name: path, libraries: [libraryOf(LIBRARY)!], isGuess: false }];
  return {
    name: "any",
    open: (target, { timeBaseNs, nextProgram, look, flush, warn }) => {
      const source = new ProbeSource({
        ...{ object, ringBytes: RING_BYTES, target, nextProgram, timeBaseNs, warn },
        ...{ libraries: { find: () => found }, onLook: look, onBatch: flush },
      });
      return { run: () => source.run(), close: () => source.close() };
    },
  };
}

interface Download {
  readonly client: string;
  readonly sent: number;
  readonly received: Uint8Array;
}

/** One connection for all of them. Nothing else of this process runs meanwhile, the agent among it. */
function downloadAlone(fixture: Fixture, port: number, names: readonly string[]): Download {
  const outputs = names.map((_, number) => fixture.path(`got-${number}`));
  const { success, stdout } = new Deno.Command("curl", {
    args: [
      ...["--silent", "--insecure", "--http1.1", "--include"],
      ...["--write-out", "%{local_ip}:%{local_port} %{size_request}\n"],
      ...names.flatMap((name, at) => ["-o", outputs[at], `https://127.0.0.1:${port}/${name}`]),
    ],
  }).outputSync();
  assert.ok(success);
  const lines = new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.split(" "));
  assert.equal(new Set(lines.map(([client]) => client)).size, 1);
  const received = concat(outputs.map((path) => Deno.readFileSync(path)));
  return { client: lines[0][0], sent: lines.reduce((sum, [, bytes]) => sum + Number(bytes), 0), received };
}

Deno.test({
  name:
    "loss of kernel probes: eight times their ring, which nobody reads meanwhile, is told or a gap of the capture, to the byte",
  ...skipIf(await probesMissing() ?? nginxMissing() ?? copyMissing() ?? missing("curl", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      const capture = fixture.path("loss.pcapng");
      const names = [QUIET_BYTES, BURST_BYTES, QUIET_BYTES].map((length) => fixture.body(length).name);
      const copy = await copyLibrary(fixture);
      await using nginx = await Nginx.start(fixture, copy);
      const source = await probesAtCopy(copy.LD_LIBRARY_PATH);
      const agent = await startAgent({ sources: [source], sinks: [capture] });
      const { client, sent, received } = downloadAlone(fixture, nginx.port, names);
      await nginx.stop();
      const total = totalOf(await agent.finish());
      const { captured, lost, forged } = total;
      assert.deepEqual([captured, total.imbalance()], [[sent, received.length], 0]);
      assert.deepEqual([...lost.keys()], ["ring-full"]);
      const [toServer, toClient] = lost.get("ring-full")!;
      assert.ok(toClient > BURST_BYTES - 2 * RING_BYTES, `${toClient} bytes lost`);
      assert.deepEqual(forged, [sent - toServer, received.length - toClient]);
      const [connection, ...others] = forgedConnections(await Deno.readFile(capture));
      assert.deepEqual([connection.name, others], [`${client}>127.0.0.1:${nginx.port}`, []]);
      checkGaps(connection, received, toClient);
    }),
});
