// SPDX-License-Identifier: MIT
/** Files that other programs move, remove and cut while they are written. @module */
import assert from "node:assert/strict";
import { FileSink } from "../../../net/sinks/file.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../support/link_packets.ts";
import { missing, run, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

const OPTIONS = { application: "sslcollector test", interfaceName: "any" };

/** A capture that is written, and what its sink said. */
class Written {
  readonly said: string[] = [];
  readonly begun: string[] = [];
  readonly sink: FileSink;
  readonly packets: NumberedPackets;

  constructor(readonly path: string, isPcapng = true, options: Record<string, number> = {}) {
    this.sink = new FileSink(path, isPcapng, {
      ...OPTIONS,
      ...options,
      info: (text) => this.said.push(text),
      warn: (text) => this.said.push(text),
      begun: () => this.begun.push(this.sink.path),
      stopped: (_, text) => this.said.push(text),
    });
    this.packets = new NumberedPackets((batch) => this.sink.write(batch));
  }

  /** Ends it; nothing was dropped. */
  async close(): Promise<void> {
    await this.sink.close();
    const { packets, written, dropped } = this.sink.counters;
    assert.deepEqual([packets, written, [...dropped]], [this.packets.count, this.packets.count, []]);
  }
}

const numbersOf = (path: string) => numbersIn(Deno.readFileSync(path));
const from = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);

Deno.test("what is written behind a copy and a cut is a capture of its own, without zeros before it", () =>
  withTempDir(async (folder) => {
    const file = new Written(`${folder}/out.pcapng`);
    file.packets.make(30);
    Deno.copyFileSync(file.path, `${file.path}.1`);
    Deno.truncateSync(file.path);
    file.packets.make(20);
    Deno.truncateSync(file.path, 1000);
    file.packets.make(10);
    await file.close();
    assert.deepEqual(numbersOf(`${file.path}.1`), from(0, 30));
    assert.deepEqual(numbersOf(file.path), from(50, 10));
    assert.match(file.said[0], /out\.pcapng was cut to 0 bytes by another program, with 30 packets/);
    assert.match(file.said[1], /cut to 1000 bytes by another program, with 20 packets/);
    assert.equal(file.begun.length, 2);
  }));

for (const isPcapng of [true, false]) {
  Deno.test(`what is written behind a rename or a removal is in a new file (pcapng: ${isPcapng})`, () =>
    withTempDir(async (folder) => {
      const file = new Written(`${folder}/out.cap`, isPcapng);
      file.said.length = 0;
      file.packets.make(10);
      Deno.renameSync(file.path, `${file.path}.1`);
      file.packets.make(20);
      Deno.removeSync(file.path);
      file.packets.make(30);
      // As logrotate does with `create`.
      Deno.renameSync(file.path, `${file.path}.2`);
      Deno.writeTextFileSync(file.path, "", { mode: 0o640 });
      file.packets.make(40);
      await file.close();
      if (isPcapng) {
        assert.deepEqual(numbersOf(`${file.path}.1`), from(0, 10));
        assert.deepEqual(numbersOf(`${file.path}.2`), from(30, 30));
        assert.deepEqual(numbersOf(file.path), from(60, 40));
      }
      assert.equal((Deno.statSync(file.path).mode ?? 0) & 0o777, 0o640);
      const said = [/moved by another program with 10 packets/, /removed .* with 20 /, /moved .* with 30 /];
      assert.equal(file.said.length, said.length, file.said.join("\n"));
      said.forEach((pattern, at) => assert.match(file.said[at], pattern));
    }));
}

Deno.test("another file that took the place of a capture is moved aside, not written into", () =>
  withTempDir(async (folder) => {
    const file = new Written(`${folder}/out.pcapng`);
    Deno.writeTextFileSync(`${folder}/other`, "another's");
    Deno.renameSync(`${folder}/other`, file.path);
    file.packets.make(5);
    await file.close();
    assert.equal(Deno.readTextFileSync(`${file.path}.old-1`), "another's");
    assert.deepEqual(numbersOf(file.path), from(0, 5));
  }));

Deno.test("a file of a series that others take away is followed by the next, and counts no more", () =>
  withTempDir(async (folder) => {
    const file = new Written(`${folder}/out.pcapng`, true, { rotateBytes: 20_000, keep: 2 });
    file.packets.make(10);
    Deno.renameSync(file.sink.path, `${folder}/taken`);
    const { oldest } = file.sink;
    for (let round = 0; round < 30; round++) file.packets.make(10);
    await file.close();
    assert.ok(file.sink.oldest > oldest);
    assert.deepEqual(numbersOf(`${folder}/taken`), from(0, 10));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name !== "taken");
    assert.equal(names.length, 2, names.join());
    const last = names.sort().flatMap((name) => numbersOf(`${folder}/${name}`));
    assert.deepEqual(last, from(310 - last.length, last.length));
  }));

Deno.test("a file that was moved while nothing came is begun anew when that is asked for", () =>
  withTempDir(async (folder) => {
    const file = new Written(`${folder}/out.pcapng`);
    file.packets.make(3);
    file.sink.reopen();
    assert.deepEqual(file.said, []);
    Deno.renameSync(file.path, `${file.path}.1`);
    file.sink.reopen();
    assert.deepEqual(numbersOf(file.path), []);
    await file.close();
    assert.deepEqual(numbersOf(`${file.path}.1`), from(0, 3));
  }));

Deno.test("a directory that is gone with the file stops the sink, once", () =>
  withTempDir((folder) => {
    Deno.mkdirSync(`${folder}/inner`);
    const file = new Written(`${folder}/inner/out.pcapng`);
    Deno.removeSync(`${folder}/inner`, { recursive: true });
    file.packets.make(7);
    file.packets.make(7);
    assert.equal(file.said.length, 2, file.said.join("\n"));
    assert.match(file.said[1], /writing stopped: No such file or directory/);
    assert.equal(file.sink.counters.dropped.get("write-failed"), 14);
  }));

Deno.test("pcap says once that it has no comments, pcapng says nothing", () =>
  withTempDir(async (folder) => {
    const said = [];
    for (const isPcapng of [false, true]) {
      const file = new Written(`${folder}/${isPcapng}`, isPcapng);
      file.packets.make(10);
      await file.close();
      said.push(file.said.length);
      if (!isPcapng) assert.match(file.said[0], /pcap has no room for comments: .*\.pcapng keeps it/);
    }
    assert.deepEqual(said, [1, 0]);
  }));

/** Packets of a capture of which a copy may have taken only a part of the last. */
async function numbersOfCopy(path: string): Promise<number[]> {
  const { stdout } = await run("tshark", ["-r", path, "-T", "fields", "-e", "frame.time_epoch"]);
  const times = stdout.split("\n").filter((line) => line !== "");
  return times.map((time) => Number(time.split(".")[1].slice(0, 6)));
}

/** Runs logrotate some times while packets are written all the time; answers where they are, the oldest first. */
async function rotate(file: Written, how: string, rotations: number): Promise<string[]> {
  const folder = file.path.slice(0, file.path.lastIndexOf("/"));
  Deno.writeTextFileSync(`${folder}/conf`, `${file.path} {\n rotate 20\n size 1\n ${how}\n}\n`, {
    mode: 0o600,
  });
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      file.packets.make(20);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  for (let times = 0; times < rotations; times++) {
    const { count } = file.packets;
    await until("more packets", () => file.packets.count > count + 100, 1);
    await runOk("logrotate", "-f", "-s", `${folder}/state`, `${folder}/conf`);
  }
  isOver = true;
  await writing;
  // The last file has some, however soon after its rotation that was over.
  file.packets.make(20);
  await file.close();
  return [...from(1, rotations).reverse().map((age) => `${file.path}.${age}`), file.path];
}

Deno.test({
  name: "logrotate with create: each packet is in one file, in order, and every file is a capture",
  ...skipIf(missing("logrotate")),
  fn: () =>
    withTempDir(async (folder) => {
      const file = new Written(`${folder}/out.pcapng`);
      const paths = await rotate(file, "create", 8);
      assertEachOnce(paths.flatMap(numbersOf), file.packets.count);
      assert.equal(file.said.length, 8);
    }),
});

Deno.test({
  name:
    "logrotate with copytruncate: every file is a capture; only what came between copy and cut is missing",
  ...skipIf(missing("logrotate", "tshark")),
  fn: () =>
    withTempDir(async (folder) => {
      const file = new Written(`${folder}/out.pcapng`);
      const paths = await rotate(file, "copytruncate", 8);
      const last = numbersOf(paths.pop()!);
      assert.deepEqual(last, from(last[0], last.length));
      assert.equal(last.at(-1), file.packets.count - 1);
      let next = 0;
      for (const path of paths) {
        const numbers = await numbersOfCopy(path);
        assert.ok(numbers.length > 0, `${path} has packets`);
        assert.ok(numbers[0] >= next, `${path} begins at ${numbers[0]}, after ${next}`);
        assert.deepEqual(numbers, from(numbers[0], numbers.length));
        next = numbers.at(-1)! + 1;
      }
      assert.ok(last[0] >= next);
      assert.equal(file.said.length, 8);
    }),
});
