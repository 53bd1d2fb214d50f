// SPDX-License-Identifier: MIT
/** gRPC itself with `--codec http2to1`, mirrored on either side: four kinds of calls, their messages and trailers. */
import assert from "node:assert/strict";
import { fieldOf } from "../support/http1_reader.ts";
import { missing } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { Child, runChild } from "./support/child.ts";
import { withFixture } from "./support/fixture.ts";
import { type Captured, checkHttp2, type Served } from "./support/http2.ts";
import { jsonLines, mirrorClient, MirroredServer } from "./support/http2_mirrored.ts";
import { python, pythonLacks } from "./support/python.ts";

const lacking = missing("openssl") ?? pythonLacks("grpc") ?? judgeMissing();

const LISTENING = /^listening (\d+)$/m;
/** Calls of each of the four kinds. */
const TIMES = 10;

interface Call extends Served {
  readonly trailers: readonly (readonly [name: string, value: string])[];
}

/** Every trailer that a peer tells of is behind the body of its call; one that failed has no body, and they are its head. */
function checkTrailers({ exchanges }: Captured, calls: readonly Call[]): void {
  for (const { path, requestFields, responseBytes, trailers } of calls) {
    const [, number] = requestFields!.find(([name]) => name === "x-number")!;
    const { response } = exchanges.find(({ target, request }) =>
      target === path && fieldOf(request, "x-number") === number
    )!;
    const place = responseBytes > 0 ? response!.trailers : response!.fields;
    const seen = new Map(place.map(([name, value]) => [name.toLowerCase(), value]));
    for (const [name, value] of trailers) assert.equal(seen.get(name), value, `${name} of ${path}`);
  }
}

Deno.test({
  name: "http2to1: a gRPC client, mirrored, with 40 calls on one connection",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      const [command, ...args] = python("grpc_server.py", fixture.certificate, fixture.key);
      await using server = new Child(command, { args });
      const [, port] = await server.found("stdout", LISTENING);
      const client = python("grpc_client.py", port, fixture.certificate, `${TIMES}`);
      const { capture, summary, stdout } = await mirrorClient("source", fixture, client);
      server.kill("SIGTERM");
      const served = jsonLines<Call>(new TextDecoder().decode((await server.ended).stdout));
      assert.equal(served.length, 4 * TIMES);
      const captured = await checkHttp2(capture, summary, served);
      checkTrailers(captured, served);
      checkTrailers(captured, jsonLines<Call>(stdout));
    }),
});

Deno.test({
  name: "http2to1: a gRPC server, mirrored, with 40 calls on one connection",
  ...skipIf(lacking),
  fn: () =>
    withFixture(async (fixture) => {
      await using server = await MirroredServer.start(fixture, {
        mode: "source",
        command: python("grpc_server.py", fixture.certificate, fixture.key),
        listening: LISTENING,
      });
      const [command, ...args] = python("grpc_client.py", `${server.port}`, fixture.certificate, `${TIMES}`);
      const { stdout } = await runChild(command, { args });
      const { summary, stdout: told } = await server.stop();
      const served = jsonLines<Call>(told);
      assert.equal(served.length, 4 * TIMES);
      const captured = await checkHttp2(server.capture, summary, served);
      checkTrailers(captured, served);
      checkTrailers(captured, jsonLines<Call>(new TextDecoder().decode(stdout)));
    }),
});
