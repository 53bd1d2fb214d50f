// SPDX-License-Identifier: MIT
/** A curl in containers of Podman, by filter and user, mirrored by an agent of this machine. @module */
import { type Given, told } from "./look.ts";
import { type Ran, ranOf } from "./root.ts";

const HOOK = "/usr/lib/sslcollector_hook.so";
const WORD = ["-e", "SSLCOLLECTOR_SECCOMP=connect"];
const UNCONFINED = ["--security-opt", "seccomp=unconfined"];
const USER = ["--user", "1000"];

/** Whose flows an agent is to see, by the options of `podman run`. */
const CASES: readonly (readonly [name: string, options: readonly string[], isMirrored: boolean])[] = [
  ["default seccomp profile, root", [], false],
  ["default seccomp profile, root, `SSLCOLLECTOR_SECCOMP=connect`", WORD, true],
  ["default seccomp profile, uid 1000, `SSLCOLLECTOR_SECCOMP=connect`", [...WORD, ...USER], true],
  ["unconfined, root", UNCONFINED, true],
  ["unconfined, uid 1000", [...UNCONFINED, ...USER], true],
];

/** What was looked at, what was to be seen of it, and how it went. */
export type Contained = readonly [container: string, expected: string, result: string];

/** Runs a curl of `root`, a system's folder, in one container after the other. Throws an `Error` of one line. */
export async function lookAtContainers(root: string, given: Given): Promise<Contained[]> {
  const place = await Deno.makeTempDir({ prefix: "sslcollector-matrix-" });
  // Users of containers enter it.
  await Deno.chmod(place, 0o755);
  try {
    const hook = (await run(given.executable, ["hook", "path"])).stdout.trim();
    const seen: Contained[] = [];
    for (const [name, options, isMirrored] of CASES) {
      const result = await told(() => lookAtOne({ root, place, hook, given }, options, isMirrored));
      seen.push([name, isMirrored ? "mirrored" : "left alone", result]);
    }
    return seen;
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}

interface Surroundings {
  readonly root: string;
  /** A folder for captures and Podman's own files. */
  readonly place: string;
  readonly hook: string;
  readonly given: Given;
}

async function lookAtOne(
  { root, place, hook, given }: Surroundings,
  options: readonly string[],
  isMirrored: boolean,
): Promise<string> {
  const runtime = `${place}/runtime`, capture = `${place}/capture.pcapng`;
  const agent = new Deno.Command(given.executable, {
    args: ["--runtime-dir", runtime, "-o", capture],
    env: { SSLCOLLECTOR_CONFIG: "/dev/null" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const log = agent.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    text = await readUntil(log, /^start a program with: /m);
    const mounts = ["-v", `${hook}:${HOOK}:ro`, "-v", `${runtime}:${runtime}`];
    const settings = ["-e", `LD_PRELOAD=${HOOK}`, "-e", `SSLCOLLECTOR_RUNTIME=${runtime}`];
    const url = `https://127.0.0.1:${given.port}/container`;
    const { code, stdout, stderr } = await run("podman", [
      ...podman(place),
      ...mounts,
      ...settings,
      ...options,
      ...["--rootfs", root, "curl", "-sSk", url],
    ]);
    if (code !== 0) return `status ${code}: ${stderr.trim().split("\n").at(-1)}`;
    if (stdout !== "matrix ") return `curl said ${JSON.stringify(stdout)}`;
  } finally {
    agent.kill("SIGTERM");
    text += await readUntil(log, /(?!)/);
    await agent.status;
  }
  const isSeen = /total: 1 flow/.test(text);
  return isSeen === isMirrored ? "yes" : isSeen ? "mirrored" : "not mirrored";
}

/** Nothing of this machine's own containers is touched; what a nested machine may lack is not asked for. */
function podman(place: string): string[] {
  return [
    ...["--root", `${place}/storage`, "--runroot", `${place}/run`, "--storage-driver", "vfs"],
    ...["--runtime", "runc", "--cgroup-manager", "cgroupfs"],
    ...["run", "--rm", "--network", "host", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"],
  ];
}

/** What is said until `pattern` matches it, or all of it. */
async function readUntil(log: ReadableStreamDefaultReader<string>, pattern: RegExp): Promise<string> {
  for (let text = "";;) {
    const { value, done } = await log.read();
    if (done) return text;
    text += value;
    if (pattern.test(text)) return text;
  }
}

async function run(program: string, args: readonly string[]): Promise<Ran> {
  const env = { SSLCOLLECTOR_CONFIG: "/dev/null" };
  return ranOf(await new Deno.Command(program, { args: [...args], env, stdin: "null" }).output());
}
