// SPDX-License-Identifier: MIT
/** Recordings of earlier versions give the packets that they gave then, byte for byte. */
import assert from "node:assert/strict";
import { RecordingReader } from "../../../net/capture/recording/reader.ts";
import { PipelineHarness } from "../../support/pipeline_harness.ts";
import { sha256 } from "../../support/tshark.ts";

const FOLDER = new URL("../../vectors/recordings/", import.meta.url).pathname;
const PACKETS = {
  "every_entry_v1.sslc": "9e58a26a59a0192d24ee414bca844ea18ec8be2997ff2216a92db18314389cbb",
  "forks_v1.sslc": "3fec2c3e7f51b6de9ffd051d772d55c935f82ec0c8d11ffd33a734a080f275c1",
};

for (const [name, expected] of Object.entries(PACKETS)) {
  Deno.test(`${name} gives the packets that it always gave`, async () => {
    const harness = new PipelineHarness();
    const reader = await RecordingReader.open(FOLDER + name);
    await reader.replay(harness.pipeline);
    harness.pipeline.drain();
    assert.equal(harness.total().imbalance(), 0);
    assert.equal(sha256(harness.bytes()), expected);
  });
}
