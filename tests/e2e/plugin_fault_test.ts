// SPDX-License-Identifier: MIT
/** A plugin that throws on data, in a real run: its flow is downgraded and counted, and no other notices. */
import assert from "node:assert/strict";
import { forgedConnections } from "../support/forged.ts";
import { type Http1Exchange, readHttp1 } from "../support/http1_reader.ts";
import { textOf } from "../support/http2_frames.ts";
import { judge, judgeMissing } from "../ids/judge.ts";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { type Mode, modeMissing, MODES, runSslcollector, summaryOf } from "./support/sslcollector.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { hash, NodeServer, type Served } from "./support/http2.ts";

const lacking = missing("curl", "node", "openssl") ?? judgeMissing();

/** Passes everything on until it sees the word. */
const TOUCHY = `
export default {
  name: "touchy",
  contract: 1,
  probe: () => "accept",
  open: (_flow, output) => ({
    data(direction, bytes) {
      if (new TextDecoder().decode(bytes).includes("touch-me")) throw new Error("touched\\nhere");
      output.write(0, direction, bytes);
    },
    gap: (direction, length) => output.gap(0, direction, length),
    end() {},
  }),
};
`;

/** Three clients at a time with a connection each; the second one sends the word between two good requests. */
const PATHS = [1, 2, 3].map((client) =>
  ["first?size=3000", client === 2 ? "touch-me?size=70" : "second?size=70", "third?size=900"].map((path) =>
    `/${client}/${path}`
  )
);

function clients(fixture: Fixture, port: number): string {
  const curl = `curl --silent --show-error --http2 --cacert ${fixture.certificate}`;
  const urls = (paths: string[]) => paths.map((path) => `-o /dev/null 'https://localhost:${port}${path}'`);
  return PATHS.map((paths) => `${curl} ${urls(paths).join(" ")} &`).join("\n") + "\nwait\n";
}

const exchangeLine = ({ method, target, status, response }: Http1Exchange) =>
  `${method} ${target} ${status} ${hash(response!.body)}`;
const servedLine = ({ method, path, status, responseBody }: Served) =>
  `${method} ${path} ${status} ${responseBody}`;

async function checkFault(mode: Mode, fixture: Fixture): Promise<void> {
  await Deno.writeTextFile(fixture.path("touchy.ts"), TOUCHY);
  await using server = await NodeServer.start(fixture);
  const capture = fixture.path("fault.pcapng");
  const options = ["--summary", "json", "-o", capture, "--codec", "http2to1:stream-after=1h,./touchy.ts"];
  const command = ["sh", "-c", clients(fixture, server.port)];
  const ended = await runSslcollector(mode, fixture, ["run", ...options, "--", ...command], {
    cwd: fixture.folder,
  });
  assert.equal(ended.code, 0, ended.stderr);
  const warnings = ended.stderr.split("\n").filter((line) => line.includes("touchy"));
  assert.match(
    warnings[0],
    /: warning: codec touchy failed on flow curl.*, which goes on as raw: touched_here$/,
  );
  const { total } = summaryOf(ended);
  assert.deepEqual([total.flows, total.imbalance, total.lost, total.unforged, total.events], [3, 0, {}, {}, {
    "codec-touchy-failed": 1,
  }]);

  const served = (await server.served()).map(servedLine);
  const connections = forgedConnections(await Deno.readFile(capture));
  const [before, after, ...more] = connections.filter(({ streams }) => textOf(streams[0]).includes(" /2/"));
  const others = connections.filter((connection) => connection !== before && connection !== after);
  assert.deepEqual([others.length, more], [2, []]);
  for (const [index, { streams, end }] of others.entries()) {
    const lines = readHttp1(...streams).exchanges.map(exchangeLine);
    const client = lines[0].split("/")[1];
    assert.deepEqual(lines, served.filter((line) => line.startsWith(`GET /${client}/`)), `client ${index}`);
    assert.equal(end, "fin");
  }
  // What was written before is whole and its connection reset; what came behind the word is as it was.
  assert.deepEqual([before.end, after.name], ["reset", before.name]);
  const [first] = PATHS[1];
  assert.deepEqual(
    readHttp1(...before.streams).exchanges.map(exchangeLine),
    served.filter((line) => line.startsWith(`GET ${first} `)),
  );
  assert.match(textOf(after.streams[0]), /^GET \/2\/third/);
  assert.match(textOf(after.streams[1]), /X-Path: \/2\/touch-me[^]*X-Path: \/2\/third/);

  const { http } = await judge(capture);
  const [client] = before.name.split(">");
  const unharmed = http.filter(({ flow }) => !flow.includes(client)).map(({ url, status }) =>
    `${url} ${status}`
  );
  assert.deepEqual(unharmed.sort(), [...PATHS[0], ...PATHS[2]].map((path) => `${path} 200`).sort());
}

for (const mode of MODES) {
  Deno.test({
    name: `a plugin that throws on data (${mode}) costs its flow the rest of its codec, and others nothing`,
    ...skipIf(lacking, modeMissing(mode)),
    fn: () => withFixture((fixture) => checkFault(mode, fixture)),
  });
}

/** Has the runtime's brotli decoder write to file descriptor 1, as it does for some damaged bodies. */
const NOISY = `
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { Random } from ${JSON.stringify(new URL("../support/random.ts", import.meta.url).href)};
const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
function makeNoise() {
  for (let seed = 0; seed < 500; seed++) {
    const random = new Random(seed);
    const letters = 1 + random.below(40);
    const body = brotliCompressSync(random.bytes(random.below(300)).map((byte) => 97 + byte % letters), quick);
    try {
      brotliDecompressSync(random.mutated(body));
    } catch {}
  }
}
export default {
  name: "noisy",
  contract: 1,
  probe: () => (makeNoise(), "reject"),
  open: () => { throw new Error("never"); },
};
`;

Deno.test({
  name: "what the runtime writes to standard output does not reach that of the program under run",
  ...skipIf(missing("curl", "node", "openssl")),
  fn: () =>
    withFixture(async (fixture) => {
      await Deno.writeTextFile(fixture.path("noisy.ts"), NOISY);
      await using server = await NodeServer.start(fixture);
      const url = `https://localhost:${server.port}/a?size=30`;
      const script = `curl -sS --http2 --cacert ${fixture.certificate} -o /dev/null '${url}'; echo alone`;
      const args = ["run", "--summary", "json", "-o", fixture.path("out.pcapng"), "--codec", "./noisy.ts"];
      const ended = await runSslcollector("source", fixture, [...args, "--", "sh", "-c", script], {
        cwd: fixture.folder,
      });
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(new TextDecoder().decode(ended.stdout), "alone\n");
      assert.equal(summaryOf(ended).total.flows, 1, ended.stderr);
    }),
});
