// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runCommand } from "../support/command.ts";
import { mountMissing } from "../support/mount.ts";
import { missing, runOk, withTempDir } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Waiting } from "../net/agent/unmirrored/waiting.ts";

const CALLER = fileURLToPath(new URL("../net/agent/unmirrored/programs/caller.c", import.meta.url));

/** Runs its arguments where what is written to /etc and /usr/lib goes to memory, and away with the last process. */
const APART = `
set -e
mount -t tmpfs none "$0"
for folder in /etc /usr/lib; do
  mkdir -p "$0$folder/upper" "$0$folder/work"
  mount -t overlay overlay -o "lowerdir=$folder,upperdir=$0$folder/upper,workdir=$0$folder/work" "$folder"
done
status=0
"$@" || status=$?
cat /etc/ld.so.preload 2>/dev/null || echo none
exit $status
`;

Deno.test({
  name: "hook install --system: not while a program runs that the hook would end, unless it is forced",
  ...skipIf(mountMissing(), missing("gcc")),
  fn: () =>
    withTempDir(async (folder) => {
      const program = `${folder}/sanitized`;
      await runOk("gcc", "-fsanitize=address", "-DPLAIN", "-o", program, CALLER);
      await using running = await Waiting.start({ command: [program] });
      await Deno.mkdir(`${folder}/memory`);
      const under = ["unshare", "--mount", "sh", "-c", APART, `${folder}/memory`];
      const install = (...more: string[]) => runCommand(["hook", "install", "--system", ...more], { under });
      const refused = await install();
      assert.equal(refused.code, 2, refused.stderr);
      assert.match(
        refused.stderr,
        new RegExp(`hook install: --system: .*sanitized\\[${running.pid}\\].*ASAN_OPTIONS`),
      );
      assert.equal(refused.stdout, "none\n");
      const forced = await install("--force");
      assert.equal(forced.code, 0, forced.stderr);
      assert.match(forced.stdout, /\n\/usr\/lib\/sslcollector\/libsslcollector_hook\.so\n$/);
    }),
});
