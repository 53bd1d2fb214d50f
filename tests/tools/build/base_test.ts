// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { checkBase, firstFile } from "../../../tools/build/base.ts";
import { formatOf, targetOf } from "../../../tools/build/target.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const X64 = targetOf("x86_64-unknown-linux-gnu");
const ARM64 = targetOf("aarch64-unknown-linux-gnu");
const WINDOWS = targetOf("x86_64-pc-windows-msvc");

/** As much of an ELF file as is looked at, with `text` in it. */
function elf(machine: number, text = ""): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(64 + text.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  new DataView(file.buffer).setUint16(18, machine, true);
  file.set(new TextEncoder().encode(text), 64);
  return file;
}

/** As much of a PE file. */
function pe(machine: number, text = ""): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(136 + text.length);
  file.set([0x4d, 0x5a]);
  const view = new DataView(file.buffer);
  view.setUint32(60, 128, true);
  view.setUint32(128, 0x50450000);
  view.setUint16(132, machine, true);
  file.set(new TextEncoder().encode(text), 136);
  return file;
}

const { deno } = Deno.version;

Deno.test("base: one of this version is taken, as its constants stand in files for Linux and for Windows", () => {
  checkBase(elf(62, `rcltsweb_cache${deno}denover${deno}\0`), X64, "base");
  checkBase(elf(183, `denover of none, denover${deno}`), ARM64, "base");
  checkBase(pe(0x8664, `denover${deno}${deno}+14eea31`), WINDOWS, "base");
});

Deno.test("base: one of another version is refused in one line that names both", () => {
  const expected = { message: `DENORT_BIN: /b is of Deno 2.7.11, this is Deno ${deno}` };
  assert.throws(() => checkBase(elf(62, "denover2.7.11\0"), X64, "DENORT_BIN: /b"), expected);
  assert.throws(
    () => checkBase(pe(0x8664, "denover2.7.112.7.11+6ddbb"), WINDOWS, "DENORT_BIN: /b"),
    expected,
  );
  assert.throws(() => checkBase(elf(62), X64, "base"), /is of Deno without a version, this is Deno/);
});

Deno.test("base: one for another machine or system is refused", () => {
  for (const [file, target] of [[elf(183), X64], [elf(62), WINDOWS], [pe(0x8664), ARM64]] as const) {
    assert.throws(() => checkBase(file, target, "base"), {
      message: `base is no executable for ${target.name}`,
    });
  }
});

Deno.test("base: a file cut anywhere in its headers has no format, and does no harm", () => {
  for (const whole of [elf(62), pe(0x8664)]) {
    for (let length = 0; length < 20; length++) assert.equal(formatOf(whole.subarray(0, length)), undefined);
  }
  assert.equal(formatOf(pe(0x8664).subarray(0, 130)), undefined);
});

Deno.test("target: an unknown one names those that there are", () => {
  assert.throws(
    () => targetOf("sparc"),
    /there is no target "sparc": one of x86_64-unknown-linux-gnu, aarch64/,
  );
});

for (const option of ["-9", "-0"]) {
  Deno.test({
    name: `base: the first file of an archive, as zip ${option} makes it`,
    ...skipIf(missing("zip")),
    fn: () =>
      withTempDir(async (folder) => {
        const content = crypto.getRandomValues(new Uint8Array(3000)).toHex();
        Deno.writeTextFileSync(`${folder}/denort`, content);
        await runOk("zip", "-q", "-j", option, `${folder}/a.zip`, `${folder}/denort`);
        const file = firstFile(Deno.readFileSync(`${folder}/a.zip`));
        assert.equal(new TextDecoder().decode(file), content);
        assert.throws(() => firstFile(file), /no zip archive/);
      }),
  });
}
