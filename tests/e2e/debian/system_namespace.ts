// SPDX-License-Identifier: MIT
/** A server in namespaces of its own, and an agent beside it, where every program that starts has the hook. @module */
import { fileURLToPath } from "node:url";
import { hookLibraryPath } from "../../../net/agent/hook_library.ts";
import { runOk } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import { Child, type Ended } from "../support/child.ts";
import type { Fixture } from "../support/fixture.ts";
import { mirrorOptions, type Summary, summaryOf } from "../support/sslcollector.ts";
import type { DebianService } from "./services.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/**
 * Starts the agent of the system if there is to be one, and does what `hook install --system` does, but only for what is started in here.
 * Then starts the server. The end of the folder's pipe ends the agent, and with this script everything else.
 */
const SCRIPT = `set -e
ip link set lo up
cp -a /etc "$FOLDER/etc"
mount --bind "$FOLDER/etc" /etc
mount -t tmpfs none /run
mkfifo "$FOLDER/end"
if [ $# -gt 0 ]; then
  "$@" &
  agent=$!
  until test -S /run/sslcollector/hook.sock; do kill -0 $agent; done
  echo "$LIBRARY" >/etc/ld.so.preload
fi
eval "$START" 2>&1 </dev/null
echo started
cat "$FOLDER/end"
if [ $# -gt 0 ]; then
  kill $agent
  wait $agent
fi
`;

export class SystemNamespace implements AsyncDisposable {
  private constructor(readonly fixture: Fixture, readonly child: Child) {}

  /** Resolves when the server listens. Without a `capture` there is neither agent nor hook. */
  static async start(fixture: Fixture, service: DebianService, capture?: string): Promise<SystemNamespace> {
    const separate = ["--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child"];
    const agent = capture === undefined
      ? []
      : [Deno.execPath(), "run", "-A", "--no-check", MAIN, "-I", "any", ...mirrorOptions(capture)];
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

  /** Ends everything; asks the agent to drain where there is one. */
  async end(): Promise<Ended> {
    await Deno.writeTextFile(this.fixture.path("end"), "");
    return await this.child.ended;
  }

  /** Ends everything; answers what the agent says at its end. */
  async stop(): Promise<Summary> {
    return summaryOf(await this.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.ended;
  }
}
