// SPDX-License-Identifier: MIT
/** What agent and collector tell the service manager that started them: sd_notify(3). */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { missing, withTempDir } from "../support/run.ts";
import { notLinux, skipIf } from "../support/skip.ts";
import { Child } from "./support/child.ts";
import { MAIN_ARGS } from "./support/sslcollector.ts";

const LISTENER = fileURLToPath(new URL("../support/datagrams.py", import.meta.url));
/** Signs of life come twice as often. */
const WATCHDOG_US = "100000";

const COMMANDS: Record<string, string[]> = {
  agent: ["--runtime-dir", "run", "-o", "./x.pcapng"],
  collector: ["-C", "-L", "127.0.0.1:0", "-o", "./x.pcapng", "--insecure-plaintext", "--state", "state"],
};

for (const [name, args] of Object.entries(COMMANDS)) {
  for (const kind of ["a path", "an abstract name"]) {
    Deno.test({
      name: `service: the ${name} tells ${kind} that it is ready, that it lives, and that it stops`,
      ...skipIf(notLinux("systemd"), missing("python3")),
      fn: () =>
        withTempDir(async (folder) => {
          const socket = kind === "a path" ? `${folder}/notify` : `@sslcollector-test-${crypto.randomUUID()}`;
          await using listener = new Child("python3", { args: [LISTENER, socket] });
          await listener.found("stdout", /^bound$/m);
          await using service = new Child(Deno.execPath(), {
            args: [...MAIN_ARGS, ...args],
            cwd: folder,
            env: {
              NOTIFY_SOCKET: socket,
              WATCHDOG_USEC: WATCHDOG_US,
              SSLCOLLECTOR_CONFIG: "/dev/null",
            },
          });
          await listener.found("stdout", /^READY=1\nSTATUS=(mirroring to|collecting on) .*x\.pcapng\n/m);
          await listener.found("stdout", /^WATCHDOG=1\nWATCHDOG=1\n/m);
          service.kill("SIGTERM");
          await listener.found("stdout", /^STOPPING=1$/m);
          const { code, stderr } = await service.ended;
          assert.equal(code, 0, stderr);
        }),
    });
  }
}

Deno.test({
  name: "service: a manager that is gone costs a line, and nothing else",
  ...skipIf(notLinux("systemd")),
  fn: () =>
    withTempDir(async (folder) => {
      await using service = new Child(Deno.execPath(), {
        args: [...MAIN_ARGS, ...COMMANDS.agent],
        cwd: folder,
        env: { NOTIFY_SOCKET: `${folder}/gone`, SSLCOLLECTOR_CONFIG: "/dev/null" },
      });
      await service.found("stderr", /cannot tell the service manager at .*\/gone: ENOENT$/m);
      service.kill("SIGTERM");
      assert.equal((await service.ended).code, 0);
    }),
});
