// SPDX-License-Identifier: MIT
/**
 * Runs a program mirrored and prints each request that it sends, before TLS hides it:
 *
 *     deno run -A docs/examples/print_requests.ts curl --silent https://example.org
 */
import { formatSocketAddress, hookLibraryPath, hookSource, parseSegment, startAgent, totalOf } from "../../mod.ts";

const [program, ...args] = Deno.args;
const runtimeDir = await Deno.makeTempDir();
const decoder = new TextDecoder("latin1");

function printRequest(frame: Uint8Array): void {
  const segment = parseSegment(frame);
  const [line] = /^[A-Z]+ \S+ HTTP\/1\.1(?=\r\n)/.exec(decoder.decode(segment?.payload)) ?? [];
  if (segment && line) console.log(`${formatSocketAddress(segment.destination)} ${line}`);
}

const agent = await startAgent({
  sources: [hookSource({ runtimeDir })],
  codecs: ["http2to1"],
  sinks: [({ frame }) => printRequest(frame)],
});

const env = { LD_PRELOAD: await hookLibraryPath(), SSLCOLLECTOR_RUNTIME: runtimeDir };
await new Deno.Command(program, { args, env, stdout: "null" }).output();

const total = totalOf(await agent.finish());
console.log(`${total.flows} sessions, ${total.packets} packets`);
await Deno.remove(runtimeDir, { recursive: true });
