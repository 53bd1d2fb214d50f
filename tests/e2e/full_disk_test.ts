// SPDX-License-Identifier: MIT
/** A full disk stops one sink with a message; what it wrote stays readable, and the other sink goes on. @module */
import assert from "node:assert/strict";
import { mountMissing } from "../support/mount.ts";
import { missing, runOk } from "../support/run.ts";
import { judgeMissing } from "../ids/judge.ts";
import { skipIf } from "../support/skip.ts";
import { checkMirror } from "./support/check_mirror.ts";
import { Download } from "./support/fault_curl.ts";
import { Agent, mirrorOptions, runSslcollector, summaryOf } from "./support/sslcollector.ts";
import { curlArguments } from "./support/curl.ts";
import { type Connection, get } from "./support/exchange.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { PeerServer } from "./support/peer_server.ts";

const lacking = mountMissing() ?? missing("curl", "openssl", "tshark", "mergecap") ?? judgeMissing();

const DISK_BYTES = 1 << 20;

/** A file system of 1 MiB for the call. */
async function withSmallDisk(fixture: Fixture, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = fixture.path("small-disk");
  await Deno.mkdir(folder);
  await runOk("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "none", folder);
  try {
    await use(folder);
  } finally {
    await runOk("umount", folder);
  }
}

/** The capture at `path`, or the files of a rotation in one. */
async function joined(fixture: Fixture, path: string): Promise<string> {
  const start = path.slice(fixture.folder.length + 1, -".pcapng".length);
  const parts = [...Deno.readDirSync(fixture.folder)].map((entry) => fixture.path(entry.name))
    .filter((part) => part.startsWith(fixture.path(start))).sort();
  if (parts.length > 1) await runOk("mergecap", "-a", "-w", path, ...parts);
  return path;
}

/** 2 MB in ten answers, which a hooked curl asks for; the capture goes to `disk/NAME` and whole to another file. */
async function checkFullDisk(
  fixture: Fixture,
  disk: string,
  name: string,
  more: readonly string[] = [],
): Promise<string[]> {
  const whole = fixture.path("whole.pcapng");
  const body = fixture.body(200_000);
  const connections: Connection[] = [
    [1, 2, 3, 4, 5].map(() => get(body)),
    [1, 2, 3, 4, 5].map(() => get(body)),
  ];
  await using server = new PeerServer(fixture);
  const target = { hostname: server.hostname, port: server.port };
  const options = [...mirrorOptions(`${disk}/${name}`), "-o", whole, ...more];
  const args = ["run", ...options, "--", "curl", ...curlArguments(connections, target, fixture)];
  const ended = await runSslcollector("source", fixture, args);
  assert.equal(ended.code, 0, ended.stderr);
  const summary = summaryOf(ended);
  const [full, other] = summary.sinks;
  assert.equal(full.name, `${disk}/${name}`);
  assert.deepEqual(Object.keys(full.dropped), ["disk-full"]);
  assert.equal(full.written + full.dropped["disk-full"], full.packets);
  assert(full.written > 0);
  assert.deepEqual([other.packets, other.written, other.dropped], [full.packets, full.packets, {}]);

  // What stopped is checked above; the rest is held against what the server saw.
  const seen = await server.seen();
  const sum = { ...summary, sinks: [other] };
  await checkMirror(await joined(fixture, whole), sum, seen, { program: "curl", role: "client" });

  const files = [...Deno.readDirSync(disk)].map((entry) => `${disk}/${entry.name}`).sort();
  let packets = 0;
  for (const file of files) {
    // Fails when a packet is cut short.
    const lines = await runOk("tshark", "-r", file, "-T", "fields", "-e", "frame.number");
    packets += lines.split("\n").filter((line) => line !== "").length;
  }
  assert.equal(packets, full.written, "packets that tshark finds");
  const messages = ended.stderr.split("\n").filter((line) => line.includes(" sslcollector: error: "));
  assert.equal(messages.length, 1, ended.stderr);
  assert.match(
    messages[0],
    new RegExp(` sslcollector: error: .*${disk}/${name}.*writing stopped: No space left on device`),
  );
  assert.match(messages[0], new RegExp(`the ${full.written} packets written before are whole`));
  return files;
}

for (const name of ["full.pcapng", "full.pcap"]) {
  Deno.test({
    name: `a full disk stops ${name}, which stays readable, and the other file is whole`,
    ...skipIf(lacking),
    fn: () =>
      withFixture((fixture) =>
        withSmallDisk(fixture, async (disk) => {
          const files = await checkFullDisk(fixture, disk, name);
          assert.deepEqual(files, [`${disk}/${name}`]);
        })
      ),
  });
}

Deno.test({
  name: "an agent whose only sink has stopped ends with status 1",
  ...skipIf(lacking),
  fn: () =>
    withFixture((fixture) =>
      withSmallDisk(fixture, async (disk) => {
        await using server = new PeerServer(fixture);
        await using agent = await Agent.start("source", fixture, `${disk}/full.pcapng`);
        const url = `https://localhost:${server.port}/${fixture.body(1_500_000).name}`;
        await using download = new Download(fixture, [url], agent.hookEnvironment);
        assert.equal((await download.ended).sha256, fixture.body(1_500_000).sha256);
        const ended = await agent.child.ended;
        assert.equal(ended.code, 1, ended.stderr);
        const { total, sinks } = summaryOf(ended);
        assert.equal(total.imbalance, 0);
        assert(sinks[0].dropped["disk-full"] > 0);
      })
    ),
});

Deno.test({
  name: "a disk that fills up at a later file of a rotation leaves all of them readable",
  ...skipIf(lacking),
  fn: () =>
    withFixture((fixture) =>
      withSmallDisk(fixture, async (disk) => {
        const files = await checkFullDisk(fixture, disk, "part.pcapng", ["--rotate-size", "300k"]);
        assert(files.length >= 3, files.join(", "));
      })
    ),
});
