// SPDX-License-Identifier: MIT
/** The archive for systems with an older C library, in a root that has none at all. */
import assert from "node:assert/strict";
import { archiveEntries } from "../../tools/package/archive.ts";
import { placeEntries, systemEntries } from "../../tools/package/content.ts";
import { withOwnLibc } from "../../tools/package/own_libc.ts";
import { buildHook } from "../../tools/hook.ts";
import { missing, runOk, withTempDir } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";
import { baseMissing } from "./support/base.ts";
import { binary } from "./support/sslcollector.ts";

Deno.test({
  name: "own libc: the program runs in a root without any C library",
  ...skipIf(
    await baseMissing(),
    notRoot("another root"),
    missing("chroot", "busybox", "unshare", "mount", "ldd"),
  ),
  fn: () =>
    withTempDir(async (root) => {
      const date = new Date(0);
      const executable = await binary();
      const parts = { executable, hook: await buildHook(), packages: [], date };
      const entries = await archiveEntries(await systemEntries(parts));
      await placeEntries(`${root}/opt`, await withOwnLibc(entries, executable), date);
      for (const folder of ["bin", "proc", "tmp"]) await Deno.mkdir(`${root}/${folder}`);
      const busybox = (await runOk("sh", "-c", "command -v busybox")).trim();
      await Deno.copyFile(busybox, `${root}/bin/busybox`);
      for (const name of ["sh", "dirname", "readlink"]) await Deno.symlink("busybox", `${root}/bin/${name}`);
      const run = (...args: string[]) =>
        runOk(
          "unshare",
          "--mount",
          "sh",
          "-c",
          'mount -t proc proc $0/proc && exec chroot $0 "$@"',
          root,
          ...args,
        );
      assert.match(await run("/opt/sslcollector", "codecs"), /^http2to1 /m);
      assert.match(await run("/opt/sslcollector", "hook", "status"), /^system: not installed$/m);
    }),
});
