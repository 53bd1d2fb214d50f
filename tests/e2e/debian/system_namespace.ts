// SPDX-License-Identifier: MIT
/** A server and an agent in namespaces of their own, in which every program that starts has the hook. @module */
import { fileURLToPath } from "node:url";
import { hookLibraryPath } from "../../../net/agent/hook_library.ts";
import { runOk } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import { Child } from "../support/child.ts";
import type { Fixture } from "../support/fixture.ts";
import { mirrorOptions, type Summary, summaryOf } from "../support/sslcollector.ts";
import type { DebianService } from "./services.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/**
 * Starts the agent of the system, does what `hook install --system` does, but only for what is started in here, and starts the
 * server. The end of the folder's pipe ends the agent, and with this script everything else.
 */
const SCRIPT = `set -e
ip link set lo up
cp -a /etc "$FOLDER/etc"
mount --bind "$FOLDER/etc" /etc
mount -t tmpfs none /run
mkfifo "$FOLDER/end"
"$@" &
agent=$!
until test -S /run/sslcollector/hook.sock; do kill -0 $agent; done
echo "$LIBRARY" >/etc/ld.so.preload
eval "$START" 2>&1 </dev/null
echo started
cat "$FOLDER/end"
kill $agent
wait $agent
`;

export class SystemNamespace implements AsyncDisposable {
  private constructor(readonly fixture: Fixture, readonly child: Child) {}

  /** Resolves when the server listens. */
  static async start(fixture: Fixture, capture: string, service: DebianService): Promise<SystemNamespace> {
    const separate = ["--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child"];
    const agent = [Deno.execPath(), "run", "-A", "--no-check", MAIN, "-I", "any", ...mirrorOptions(capture)];
    const child = new Child("unshare", {
      args: [...separate, "--mount-proc", "/bin/sh", "-c", SCRIPT, "sh", ...agent],
      env: {
        FOLDER: fixture.folder,
        LIBRARY: await hookLibraryPath(),
        START: service.start,
        CERTIFICATE: fixture.certificate,
        KEY: fixture.key,
        PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin`,
        SSLCOLLECTOR_CONFIG: "/dev/null",
        NO_COLOR: "1",
      },
    });
    const started = new SystemNamespace(fixture, child);
    try {
      await child.found("stdout", /^started$/m);
      const isListening = async () =>
        await started.inNetwork("ss", "-tlnH", `sport = :${service.port}`) !== "";
      await until(`a server at port ${service.port}`, isListening, 20);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a program without the hook in the network of the server; answers its output. */
  inNetwork(...command: readonly string[]): Promise<string> {
    return runOk("nsenter", `--net=/proc/${this.child.pid}/ns/net`, ...command);
  }

  /** Asks the agent to drain, and ends everything. */
  async stop(): Promise<Summary> {
    await Deno.writeTextFile(this.fixture.path("end"), "");
    return summaryOf(await this.child.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.ended;
  }
}
