// SPDX-License-Identifier: MIT
/** A system of its own with systemd as its first process, by systemd-nspawn. @module */
import { missing, run, runOk } from "./run.ts";
import type { Reason } from "./skip.ts";
import { type SystemRoot, systemRootMissing } from "./system_root.ts";
import { awaited, until } from "./until.ts";

/** The reason to skip what needs systemd to run, when it cannot here. */
export function bootMissing(): Reason {
  return systemRootMissing() ?? missing("systemd-nspawn", "nsenter");
}

/** nspawn mounts /proc and /dev itself. */
const LAUNCH = 'log=$0; umount -l $1/proc $1/dev; shift; exec "$@" >$log 2>&1 </dev/null';

export class BootedRoot implements AsyncDisposable {
  readonly #nspawn: Deno.ChildProcess;
  readonly #log: string;
  #leader = 0;
  #isOver = false;

  private constructor(nspawn: Deno.ChildProcess, log: string) {
    this.#nspawn = nspawn;
    this.#log = log;
    nspawn.status.then(() => this.#isOver = true);
  }

  /** Boots a system as far as its basic target: no service is started by itself. */
  static async boot(root: SystemRoot): Promise<BootedRoot> {
    await Deno.writeTextFile(root.path("/etc/machine-id"), "");
    const log = `${root.folder}/nspawn.log`;
    const [program, ...words] = root.beside;
    const nspawn = ["--register=no", "--keep-unit", "--private-network", "--quiet"];
    const child = new Deno.Command(program, {
      args: [
        ...words,
        ...["sh", "-c", LAUNCH, log, root.root],
        ...["systemd-nspawn", ...nspawn, "-D", root.root, "--boot", "--", "--unit=basic.target"],
      ],
      // nspawn's own filter would keep every hook silent.
      env: { SYSTEMD_SECCOMP: "0" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const booted = new BootedRoot(child, log);
    try {
      await until("systemd's being there", () => booted.#isRunning(), 100);
    } catch (error) {
      await booted[Symbol.asyncDispose]();
      throw error;
    }
    return booted;
  }

  async #isRunning(): Promise<boolean> {
    if (this.#isOver) throw new Error(`systemd-nspawn ended: ${await Deno.readTextFile(this.#log)}`);
    this.#leader = leaderOf(this.#nspawn.pid);
    if (this.#leader === 0) return false;
    const { stdout } = await run("nsenter", [...this.#words, "systemctl", "is-system-running"]);
    return /running|degraded/.test(stdout);
  }

  get #words(): string[] {
    return ["--target", String(this.#leader), "--all"];
  }

  /** Runs a command in the system. Throws an `Error` with what it said when it fails; answers its standard output. */
  runOk(...command: string[]): Promise<string> {
    return runOk("nsenter", ...this.#words, ...command);
  }

  /** What systemd knows of a unit. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.runOk("systemctl", "show", "--value", "--property", name, unit)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its first process ends at this signal, and everything with it.
    if (!this.#isOver) Deno.kill(this.#leader || this.#nspawn.pid, "SIGKILL");
    await awaited("the end of the system", this.#nspawn.status);
    await Deno.remove(this.#log).catch(() => {});
  }
}

/** The first process of the system: nspawn's only child, below what leads there. */
function leaderOf(pid: number): number {
  try {
    const name = Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
    const [child] = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ").map(Number);
    if (!child) return 0;
    return name === "systemd-nspawn" ? child : leaderOf(child);
  } catch {
    return 0;
  }
}
