// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { badImports, importCircles } from "../../tools/imports.ts";

/** `[importing file, line of code, whether the rules allow it]` */
const EDGES: readonly (readonly [string, string, boolean])[] = [
  ["net/capture/preload/ring_reader.ts", 'import { PAGE } from "../record/layout.ts";', true],
  ["net/capture/preload/ring_reader.ts", 'import { libc } from "../../ffi/libc.ts";', true],
  ["net/capture/preload/ring_reader.ts", 'import { Flow } from "../../mirror/flow.ts";', false],
  ["net/capture/preload/ring_reader.ts", 'import type { Flow } from "../../mirror/flow.ts";', false],
  ["net/capture/target.ts", 'import type { Direction } from "../../codecs/direction.ts";', true],
  ["net/capture/target.ts", 'import type { Codec } from "../../codecs/codec.ts";', false],
  ["codecs/raw.ts", 'import type { Codec } from "./codec.ts";', true],
  ["codecs/raw.ts", 'import type { Flow } from "../net/mirror/flow.ts";', false],
  ["codecs/http2/frame.ts", 'import { Head } from "../http1/head.ts";', true],
  ["codecs/raw.ts", 'const text = Deno.readTextFileSync("x");', false],
  ["codecs/raw.ts", "// Deno.readTextFileSync is not for codecs", true],
  ["net/wire/tcp.ts", 'import { checksum } from "./checksum.ts";', true],
  ["net/wire/tcp.ts", 'import type { Flow } from "../mirror/flow.ts";', false],
  ["net/ffi/pcap.ts", 'const library = Deno.dlopen("libpcap.so", {});', true],
  ["net/sinks/interface.ts", 'const library = Deno.dlopen("libpcap.so", {});', false],
  ["net/sinks/file.ts", 'import type { PacketBatch } from "../forge/packet_batch.ts";', true],
  ["net/sinks/file.ts", 'import type { ForgeSettings } from "../forge/settings.ts";', false],
  ["net/forge/connection.ts", 'import type { Flow } from "../mirror/flow.ts";', false],
  ["net/mirror/pipeline.ts", 'import type { CaptureTarget } from "../capture/target.ts";', true],
  ["net/mirror/pipeline.ts", 'import { parse } from "../capture/target.ts";', false],
  ["net/mirror/pipeline.ts", 'import type { Region } from "../capture/preload/region.ts";', false],
  ["net/mirror/pipeline.ts", 'import { raw } from "../../codecs/raw.ts";', true],
  ["net/mirror/pipeline.ts", 'import { log } from "../../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'export { log } from "../../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'export * from "../../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'import "../../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'import {\n  log,\n  print,\n} from "../../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'const { log } = await import("../../cli/log.ts");', false],
  ["net/mirror/pipeline.ts", 'import * as v from "valibot";', true],
  ["net/link/remote_sink.ts", 'import type { SinkOptions } from "../sinks/sink_options.ts";', true],
  ["net/link/remote_sink.ts", 'import { FileSink } from "../sinks/file.ts";', false],
  ["net/link/remote_sink.ts", 'import { type FileSink, openFile } from "../sinks/file.ts";', false],
  ["net/link/remote_sink.ts", 'import { Intake } from "../collector/intake.ts";', false],
  ["net/status/recent.ts", 'import type { Sink } from "../sinks/sink.ts";', true],
  ["net/status/recent.ts", 'import { newSinkCounters } from "../sinks/sink.ts";', false],
  ["net/collector/collector.ts", 'import { openSink } from "../sinks/spec.ts";', true],
  ["net/collector/collector.ts", 'import type { Flow } from "../mirror/flow.ts";', false],
  ["net/agent/agent.ts", 'import { Pipeline } from "../mirror/pipeline.ts";', true],
  ["net/agent/agent.ts", 'import { Collector } from "../collector/collector.ts";', false],
  ["net/settings/sinks.ts", 'import { parseSinkSpec } from "../sinks/spec.ts";', true],
  ["net/settings/sinks.ts", 'import { Pipeline } from "../mirror/pipeline.ts";', false],
  ["net/agent/agent.ts", 'import { log } from "../settings/log.ts";', true],
  ["net/agent/agent.ts", 'import { log } from "../../cli/log.ts";', false],
  ["net/collector/collector.ts", 'import { printError } from "../../cli/log.ts";', false],
  ["cli/run.ts", 'import { startAgent } from "../net/agent/agent.ts";', true],
  ["cli/run.ts", 'import { Pipeline } from "../net/mirror/pipeline.ts";', false],
  ["cli/run.ts", 'import type { Counters } from "../net/mirror/counters.ts";', true],
  ["cli/collector.ts", 'import { RemoteSink } from "../net/link/remote_sink.ts";', false],
  ["mod.ts", 'export { Pipeline } from "./net/mirror/pipeline.ts";', true],
  ["mod.ts", 'export { runAgent } from "./cli/agent.ts";', false],
  ["tests/net/mirror/pipeline_test.ts", 'import { Mirror } from "../../../cli/mirror.ts";', true],
];

for (const [path, source, isAllowed] of EDGES) {
  Deno.test(`imports: ${path}: ${source.split("\n").join(" ")}`, () => {
    const bad = badImports(path, `/** A file. @module */\n${source}\n`);
    assert.equal(bad.length === 0, isAllowed, bad.join("; "));
    for (const line of bad) assert(line.startsWith(`${path}: `));
  });
}

const file = (...imports: string[]) => imports.map((path) => `import { x } from "${path}";`).join("\n");

Deno.test("imports: a circle over three files is told with its members, and what leads to it is not", () => {
  const files = new Map([
    ["net/a.ts", file("./b.ts")],
    ["net/b.ts", file("./wire/c.ts", "./leaf.ts")],
    ["net/wire/c.ts", file("../a.ts")],
    ["net/leaf.ts", ""],
    ["net/above.ts", file("./a.ts")],
  ]);
  assert.deepEqual(importCircles(files), ["circle: net/a.ts net/b.ts net/wire/c.ts"]);
});

Deno.test("imports: a circle of types is one, an import on demand is not", () => {
  const type = 'import type { X } from "./b.ts";';
  assert.equal(importCircles(new Map([["a.ts", type], ["b.ts", file("./a.ts")]])).length, 1);
  const onDemand = 'const { x } = await import("./b.ts");';
  assert.deepEqual(importCircles(new Map([["a.ts", onDemand], ["b.ts", file("./a.ts")]])), []);
});

Deno.test("imports: a C file and its header are one unit in a circle", () => {
  const files = new Map([
    ["hook/ring.c", '#include "ring.h"\n#include "region.h"\n'],
    ["hook/ring.h", ""],
    ["hook/region.h", '#include "ring.h"\n'],
    ["hook/region.c", '#include "region.h"\n'],
  ]);
  assert.deepEqual(importCircles(files), ["circle: hook/region.c hook/ring.c"]);
});
