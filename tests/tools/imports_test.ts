import assert from "node:assert/strict";
import { badImports } from "../../tools/imports.ts";

/** `[importing file, line of code, whether the rules allow it]` */
const EDGES: readonly (readonly [string, string, boolean])[] = [
  ["net/capture/preload/ring_reader.ts", 'import { PAGE } from "./record.ts";', true],
  ["net/capture/preload/ring_reader.ts", 'import { libc } from "../net/ffi/libc.ts";', true],
  ["net/capture/preload/ring_reader.ts", 'import { Flow } from "../net/flow.ts";', false],
  ["net/capture/preload/ring_reader.ts", 'import type { Flow } from "../net/flow.ts";', false],
  ["codecs/raw.ts", 'import type { Codec } from "./codec.ts";', true],
  ["codecs/raw.ts", 'import type { Flow } from "../net/flow.ts";', false],
  ["codecs/http2/frame.ts", 'import { Head } from "../http1/head.ts";', true],
  ["codecs/raw.ts", 'const text = Deno.readTextFileSync("x");', false],
  ["codecs/raw.ts", "// Deno.readTextFileSync is not for codecs", true],
  ["net/wire/tcp.ts", 'import { checksum } from "./checksum.ts";', true],
  ["net/wire/tcp.ts", 'import type { Flow } from "../flow.ts";', false],
  ["net/ffi/pcap.ts", 'const library = Deno.dlopen("libpcap.so", {});', true],
  ["net/sinks/interface.ts", 'const library = Deno.dlopen("libpcap.so", {});', false],
  ["net/mirror/pipeline.ts", 'import type { CaptureTarget } from "../hook/capture.ts";', true],
  ["net/mirror/pipeline.ts", 'import { parse } from "../hook/record.ts";', false],
  ["net/mirror/pipeline.ts", 'import { raw } from "../codecs/raw.ts";', false],
  ["net/mirror/pipeline.ts", 'import { log } from "../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'export { log } from "../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'export * from "../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'import "../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'import {\n  log,\n  print,\n} from "../cli/log.ts";', false],
  ["net/mirror/pipeline.ts", 'const { log } = await import("../cli/log.ts");', false],
  ["net/mirror/pipeline.ts", 'import * as v from "valibot";', true],
  ["mod.ts", 'export { Pipeline } from "./net/pipeline.ts";', true],
  ["mod.ts", 'export { runAgent } from "./cli/agent.ts";', false],
  ["cli/agent.ts", 'import { Pipeline } from "../net/pipeline.ts";', true],
  ["tests/net/mirror/pipeline_test.ts", 'import { Mirror } from "../../cli/mirror.ts";', true],
];

for (const [path, source, isAllowed] of EDGES) {
  Deno.test(`imports: ${path}: ${source.split("\n").join(" ")}`, () => {
    const bad = badImports(path, `/** A file. @module */\n${source}\n`);
    assert.equal(bad.length === 0, isAllowed, bad.join("; "));
    for (const line of bad) assert(line.startsWith(`${path}: `));
  });
}
