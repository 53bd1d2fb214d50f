// SPDX-License-Identifier: MIT
/**
 * A system of its own to install into: this machine's files, or those of a fresh Debian, below a layer in memory that takes all
 * changes, in namespaces that end with it.
 *
 * @module
 */
import { missing, run, runOk } from "./run.ts";
import { notRoot, type Reason } from "./skip.ts";
import { awaited } from "./until.ts";

/**
 * In the place of this machine's files, a fresh Debian: the path of a root that debootstrap made, or the name of a release,
 * `bookworm`, of which one is made, in minutes.
 */
const RELEASE = Deno.env.get("SSLCOLLECTOR_TEST_DEBOOTSTRAP");
const PACKAGES = "systemd,systemd-sysv,dbus,libpcap0.8,curl,nginx-light,openssl,procps,passwd,rpm";

/** The reason to skip what needs such a system, when none can be made here. */
export function systemRootMissing(): Reason {
  return notRoot("a system of its own") ?? missing("unshare", "nsenter", "mount", "chroot") ??
    (RELEASE === undefined ? missing("dpkg") : missing("debootstrap")) ?? tryOverlay();
}

const LAYERS = "mount -t tmpfs none $0 && mkdir $0/upper $0/work $0/root && " +
  'mount -t overlay overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" $0/root';

function tryOverlay(): Reason {
  const folder = Deno.makeTempDirSync({ prefix: "sslcollector-test-" });
  try {
    const args = ["--mount", "sh", "-c", LAYERS, folder, "/"];
    const { success, stderr } = new Deno.Command("unshare", { args, stderr: "piped" }).outputSync();
    return success ? undefined : `overlay: ${new TextDecoder().decode(stderr).trim().split("\n")[0]}`;
  } finally {
    Deno.removeSync(folder);
  }
}

export class SystemRoot implements AsyncDisposable {
  readonly #holder: Deno.ChildProcess;
  /** The first process of the namespaces. */
  readonly #pid: number;

  private constructor(
    readonly folder: string,
    /** The files that it began with. */
    readonly lower: string,
    holder: Deno.ChildProcess,
    pid: number,
  ) {
    this.#holder = holder;
    this.#pid = pid;
  }

  /** Makes one, with /proc and a loopback of its own; the layers are below `folder`. */
  static async make(folder: string): Promise<SystemRoot> {
    const lower = RELEASE === undefined ? "/" : await freshDebian(`${folder}/debian`, RELEASE);
    await Deno.mkdir(`${folder}/layers`);
    const script = `${LAYERS} && mount -t proc proc $0/root/proc && mount --rbind /dev $0/root/dev && ` +
      "ip link set lo up && echo ready && exec cat";
    const holder = new Deno.Command("unshare", {
      args: [
        ...["--mount", "--pid", "--net", "--fork", "--kill-child"],
        ...["sh", "-c", script, `${folder}/layers`, lower],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const { value } = await awaited("the layers of the root", holder.stdout.getReader().read());
    if (value === undefined) throw new Error("no layers for a root");
    const children = await Deno.readTextFile(`/proc/${holder.pid}/task/${holder.pid}/children`);
    return new SystemRoot(folder, lower === "/" ? "" : lower, holder, Number(children.trim()));
  }

  /** A path of the system as others see it. */
  path(path: string): string {
    return `/proc/${this.#pid}/root${this.folder}/layers/root${path}`;
  }

  /** What has been changed or made, as it is below the system's root. */
  changes(): Set<string> {
    const upper = `/proc/${this.#pid}/root${this.folder}/layers/upper`;
    return new Set([...walk(upper)].map((path) => path.slice(upper.length)));
  }

  /** Words before a command that runs in the namespaces, outside the system's root. */
  get inside(): readonly string[] {
    return ["nsenter", "--target", String(this.#pid), "--mount", "--net", "--pid"];
  }

  /** Words before a command that sees the system's root, and is in none of its other namespaces. */
  get beside(): readonly string[] {
    return ["nsenter", "--target", String(this.#pid), "--mount"];
  }

  /** Where the system's root is in the namespaces. */
  get root(): string {
    return `${this.folder}/layers/root`;
  }

  /** Runs a command in the system. Throws an `Error` with what it said when it fails; answers its standard output. */
  runOk(...command: string[]): Promise<string> {
    const [program, ...args] = [...this.inside, "chroot", this.root, ...command];
    return runOk(program, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.kill("SIGKILL");
    await this.#holder.stdin.abort().catch(() => {});
    await awaited("the end of the root", this.#holder.status);
  }
}

async function freshDebian(folder: string, release: string): Promise<string> {
  if (release.includes("/")) return release;
  const args = ["--variant=minbase", `--include=${PACKAGES}`, release, folder];
  const { code, stdout } = await run("debootstrap", args);
  if (code !== 0) {
    throw new Error(`debootstrap ended with status ${code}: ${stdout.trim().split("\n").at(-1)}`);
  }
  return folder;
}

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    yield `${folder}/${name}`;
    if (isDirectory) yield* walk(`${folder}/${name}`);
  }
}
