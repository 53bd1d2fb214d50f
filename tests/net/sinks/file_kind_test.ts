// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileKind } from "../../../net/sinks/file_kind.ts";
import { withTempDir } from "../../support/run.ts";
import { notLinux, skipIf } from "../../support/skip.ts";

const OPTIONS = { application: "test", interfaceName: "any", mtu: 9000 };

Deno.test("files: pcapng unless the name ends in .pcap", () => {
  const files: [string, string][] = [
    ["out.pcapng", "pcapng"],
    ["out.PCAP", "pcap"],
    ["./eth0", "pcapng"],
    ["/tmp/x.pcap", "pcap"],
    ["a name with.pcapng", "pcapng"],
  ];
  for (const [path, format] of files) assert.deepEqual(fileKind.parse(path)?.file, { path, format });
  assert.equal(fileKind.parse("eth0"), undefined);
  assert.throws(() => fileKind.parse("folder/"), /^RangeError: expected a file name, got "folder\/"/);
});

Deno.test("files: the directory must be there and writable; nothing is left behind", () =>
  withTempDir((folder) => {
    const check = (path: string) => fileKind.parse(path)!.check();
    check(`${folder}/out.pcapng`);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    check("/dev/null");
    const bad: [string, RegExp][] = [
      [
        `${folder}/none/out.pcapng`,
        /cannot write ".*none\/out\.pcapng": the directory .*none does not exist/,
      ],
      ["/dev/null/out.pcapng", /\/dev\/null is not a directory/],
    ];
    Deno.mkdirSync(`${folder}/out.pcap`);
    bad.push([`${folder}/out.pcap`, /it is a directory, add a file name/]);
    for (const [path, message] of bad) assert.throws(() => check(path), message);
  }));

Deno.test(
  "files: a directory that is not writable is refused",
  skipIf(notLinux("/proc"), Deno.uid() === 0 && "root may write anywhere"),
  () => assert.throws(() => fileKind.parse("/proc/out.pcapng")!.check(), /not writable/),
);

Deno.test("files: opened where they were asked for, and gone on with only if they grow", () =>
  withTempDir(async (folder) => {
    const file = fileKind.parse(`${folder}/out.pcap`)!.open(OPTIONS);
    assert.deepEqual([file.name, file.mtu], [`${folder}/out.pcap`, 9000]);
    assert.equal(file.files?.progress.path, `${folder}/out.pcap`);
    await file.close();
    assert.equal(Deno.statSync(`${folder}/out.pcap`).size, 24);
    const device = fileKind.parse("/dev/null")!.open(OPTIONS);
    assert.equal(device.files, undefined);
    await device.close();
    assert.throws(() => fileKind.parse(`${folder}/none/x.pcap`)!.open(OPTIONS), /cannot write/);
  }));

Deno.test("files: a relative name stays the sink's, its place is absolute", async () => {
  const folder = Deno.makeTempDirSync({ dir: "." });
  try {
    const sink = fileKind.parse(`${folder}/out.pcap`)!.open(OPTIONS);
    assert.equal(sink.name, `${folder}/out.pcap`);
    assert.equal(sink.files?.progress.path, Deno.realPathSync(`${folder}/out.pcap`));
    await sink.close();
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
