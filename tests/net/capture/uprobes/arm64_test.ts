// SPDX-License-Identifier: MIT
/** Libraries and programs for arm64, which are looked through here and run nowhere. */
import assert from "node:assert/strict";
import { openElf } from "../../../../net/elf/elf_file.ts";
import { readerOf } from "../../../../net/elf/reader.ts";
import { definedFunctions } from "../../../../net/elf/symbols.ts";
import { isForwarded, returnsIn } from "../../../../net/capture/uprobes/arm64.ts";
import { cookieOf } from "../../../../net/capture/uprobes/layout.ts";
import { libraryOf } from "../../../../net/capture/uprobes/libraries.ts";
import { lookThrough } from "../../../../net/capture/uprobes/look.ts";
import { MACHINES } from "../../../../net/capture/uprobes/machine.ts";
import { ProbeObject } from "../../../../net/capture/uprobes/object.ts";
import { targetOf } from "../../../../tools/build/target.ts";
import { buildProbes } from "../../../../tools/probes.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";

const GCC = "aarch64-linux-gnu-gcc";
const SOURCE = `
long SSL_read(long a) { return a + 1; }
long SSL_write(long a) { return a + 2; }
long SSL_new(long a) { return a + 3; }
void SSL_free(long a) {}
long gnutls_record_send2(long a, long b, long c, long d, long e) { return a + e; }
long gnutls_record_send(long a, long b, long c) { return gnutls_record_send2(a, b, c, 0, 0); }
long gnutls_record_recv(long a) { return a; }
`;

/** What is found for a library of that name, and the offsets of its functions. */
async function lookAt(folder: string, name: string) {
  await Deno.writeTextFile(`${folder}/library.c`, SOURCE);
  const path = `${folder}/${name}`;
  await runOk(GCC, "-O2", "-shared", "-fPIC", "-nostdlib", "-o", path, `${folder}/library.c`);
  const library = libraryOf(name)!;
  using file = Deno.openSync(path);
  const look = lookThrough(readerOf(file), library, 1, MACHINES.aarch64);
  const elf = openElf(readerOf(file))!;
  const [segment] = elf.segments.filter(({ isExecutable }) => isExecutable);
  const functions = definedFunctions(elf, Object.keys(library.functions));
  const placeOf = (name: string) => ({
    offset: functions.get(name)!.address - segment.address + segment.offset,
    cookie: cookieOf(1, library.functions[name], 0),
  });
  return { look, placeOf };
}

const byOffset = (one: { offset: number }, other: { offset: number }) => one.offset - other.offset;

Deno.test({
  name: "arm64: functions are met where they begin and return, and who received the hello is the server",
  ...skipIf(missing(GCC)),
  fn: () =>
    withTempDir(async (folder) => {
      const { look, placeOf } = await lookAt(folder, "libssl.so.3");
      const { begins, ends, returns } = look.places;
      assert.deepEqual(
        begins.toSorted(byOffset),
        ["SSL_read", "SSL_write", "SSL_free"].map(placeOf).sort(byOffset),
      );
      assert.deepEqual(
        returns.toSorted(byOffset),
        ["SSL_read", "SSL_write", "SSL_new"].map(placeOf).sort(byOffset),
      );
      assert.deepEqual([ends, look.facts.roleByHello, look.facts.role], [[], true, undefined]);
    }),
});

Deno.test({
  name:
    "arm64: of a function that only jumps to another the other is met, and GnuTLS's sessions say which side they are",
  ...skipIf(missing(GCC)),
  fn: () =>
    withTempDir(async (folder) => {
      const { look, placeOf } = await lookAt(folder, "libgnutls.so.30");
      const met = ["gnutls_record_recv", "gnutls_record_send2"].map(placeOf).sort(byOffset);
      assert.deepEqual(look.places.returns.toSorted(byOffset), met);
      assert.equal(look.facts.role?.offset, 0);
    }),
});

const words = (...instructions: number[]) => new Uint8Array(Uint32Array.from(instructions).buffer);
const [NOP, RET, JUMP] = [0xd503201f, 0xd65f03c0, 0x17ffffff];

Deno.test("arm64: returns are where their instruction stands, and a jump at the end of a small function is one to another", () => {
  const code = words(NOP, RET, NOP, RET, RET);
  assert.deepEqual(returnsIn({ at: (address) => code.subarray(address) }, 0, 16), [4, 12]);
  assert.deepEqual(returnsIn({ at: (address) => code.subarray(address) }, 0, 2 ** 40), [4, 12, 16]);
  assert.equal(isForwarded(words(NOP, NOP, JUMP)), true);
  for (
    const other of [words(NOP, RET), words(JUMP, RET), words(NOP, NOP, NOP, NOP, JUMP), words(), undefined]
  ) {
    assert.equal(isForwarded(other), false);
  }
});

Deno.test({
  name: "arm64: the probes are built for it, with the same maps",
  ...skipIf(missing("clang")),
  fn: async () => {
    const [own, other] = await Promise.all([
      buildProbes(),
      buildProbes(targetOf("aarch64-unknown-linux-gnu")),
    ].map(async (path) => new ProbeObject(await Deno.readFile(await path))));
    assert.deepEqual(other.maps, own.maps);
    const maps = new Map(other.maps.map(({ name }, number) => [name, number]));
    assert.deepEqual(
      other.link(maps).map(({ section }) => section),
      own.link(maps).map(({ section }) => section),
    );
  },
});
