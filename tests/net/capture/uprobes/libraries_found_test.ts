// SPDX-License-Identifier: MIT
/** What is found to be probed. */
import assert from "node:assert/strict";
import { statOf } from "../../../../net/ffi/stat.ts";
import { HostLibraries, librariesIn } from "../../../../net/capture/uprobes/libraries_found.ts";
import { OtherFile } from "../../../../net/capture/uprobes/look.ts";
import { GoneFile, PinnedFile } from "../../../../net/capture/uprobes/pinned_file.ts";
import { Child } from "../../../e2e/support/child.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { notRoot, skipIf } from "../../../support/skip.ts";

const MAPS = `
7f12b0000000-7f12b0021000 r--p 00000000 fd:00 1234                       /usr/lib/x86_64-linux-gnu/libssl.so.3
7f12b0021000-7f12b0080000 r-xp 00021000 fd:00 1234                       /usr/lib/x86_64-linux-gnu/libssl.so.3
00007f12c0000-00007f12c1000 r-xp 00000000 fd:00 99                       /opt/old/libssl.so.1.1 (deleted)
7f12d0000000-7f12d0021000 r-xp 00000000 fd:00 77                         /usr/lib/x86_64-linux-gnu/libssl3.so
7f12e0000000-7f12e0021000 r-xp 00000000 fd:00 78                         /usr/lib/python3/lib with blank/libssl-3e69114b.so.1.1
7f12e8000000-7f12e8021000 r-xp 00000000 fd:00 79                         /usr/lib/dovecot/modules/libssl_iostream_openssl.so
7f12f0000000-7f12f0021000 r-xp 00000000 00:00 0                          [vdso]
`;

Deno.test("a process's libraries are found by the mappings of their code, also those that were replaced", () => {
  assert.deepEqual(librariesIn(MAPS, 42).map(({ path, name }) => [path, name]), [
    ["/proc/42/map_files/7f12b0021000-7f12b0080000", "/usr/lib/x86_64-linux-gnu/libssl.so.3"],
    ["/proc/42/map_files/7f12c0000-7f12c1000", "/opt/old/libssl.so.1.1"],
    ["/proc/42/map_files/7f12d0000000-7f12d0021000", "/usr/lib/x86_64-linux-gnu/libssl3.so"],
    [
      "/proc/42/map_files/7f12e0000000-7f12e0021000",
      "/usr/lib/python3/lib with blank/libssl-3e69114b.so.1.1",
    ],
  ]);
});

const FOLDER = `/usr/lib/${Deno.build.arch}-linux-gnu`;
const IN_ROOT = "import os, signal, sys; os.chroot(sys.argv[1]); print('in', flush=True); signal.pause()";

Deno.test({
  name:
    "what programs in a root of their own may map is found when the first of them is met, and again when that has ended",
  ...skipIf(notRoot("a program in another root") ?? missing("python3")),
  fn: () =>
    withTempDir(async (folder) => {
      const library = `${folder}${FOLDER}/libssl.so.3`;
      await Deno.mkdir(`${folder}${FOLDER}`, { recursive: true });
      await Deno.writeTextFile(library, "");
      const { ino } = Deno.statSync(library);
      const host = new HostLibraries();
      const meets = (pid: number) => host.begun(pid).some(({ path }) => inodeOf(path) === ino);
      for (let round = 0; round < 2; round++) {
        const program = () => new Child("python3", { args: ["-c", IN_ROOT, folder] });
        await using one = program();
        await using other = program();
        for (const each of [one, other]) await each.found("stdout", /^in$/m);
        assert.deepEqual([one, other].map(({ pid }) => meets(pid)), [true, false]);
        assert.equal(meets(Deno.pid), false);
        for (const each of [one, other]) {
          each.kill("SIGKILL");
          await each.ended;
        }
        for (const _ of host.find());
      }
    }),
});

Deno.test({
  name: "a link in the root of a program leads within it, and nothing waits for who made that",
  ...skipIf(notRoot("a program in another root") ?? missing("python3")),
  fn: () =>
    withTempDir(async (folder) => {
      await Deno.mkdir(`${folder}/lib`);
      await Deno.writeTextFile(`${folder}/real`, "");
      for (const [name, to] of [["own", "/real"], ["outside", folder], ["magic", "/proc/self/exe"]]) {
        await Deno.symlink(to, `${folder}/lib/${name}`);
      }
      await runOk("mkfifo", `${folder}/lib/pipe`);
      await using program = new Child("python3", { args: ["-c", IN_ROOT, folder] });
      await program.found("stdout", /^in$/m);
      const inRoot = (name: string) => `/proc/${program.pid}/root/lib/${name}`;
      const own = PinnedFile.open(inRoot("own"));
      assert.equal(inodeOf(own.path), inodeOf(`${folder}/real`));
      own.close();
      for (const name of ["outside", "magic"]) assert.throws(() => PinnedFile.open(inRoot(name)), GoneFile);
      assert.throws(() => PinnedFile.open(inRoot("pipe")), OtherFile);
    }),
});

/** 0: there is no such file. */
function inodeOf(path: string): number {
  return statOf(path)?.ino ?? 0;
}
