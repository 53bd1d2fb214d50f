// SPDX-License-Identifier: MIT
/** The program as one file with Deno for Windows, under Wine in a root of its own. @module */
import { bundleWhole } from "../build/bundle.ts";
import { tool } from "../package/tool.ts";
import { targetOf } from "../build/target.ts";
import { executableFor } from "./executable.ts";
import { type Given, replaysAlike } from "./look.ts";
import { isThere, MIRROR, type Ran, ranOf } from "./root.ts";

const RELEASE = "trixie";
const PACKAGES = "curl,wine,wine64,libpcap0.8t64";
/** In the root. */
const PLACE = "/opt/sslcollector";
/** The same, as a program of Windows has it. */
const PLACE_THERE = "Z:\\opt\\sslcollector";
const decoder = new TextDecoder();

/** What was looked at, and how it went. */
export type Seen = readonly [what: string, result: string];

/** Looks at what has to work there, and at what has to say that it cannot. */
export async function lookAtWindows(folder: string, given: Given): Promise<Seen[]> {
  const root = `${folder}/wine`;
  await prepare(root, given);
  const run = (...args: string[]) => finished(start(root, args));
  const where = { sslcollector: run, curl: [], place: PLACE_THERE, placeHere: root + PLACE };
  const version = await run("--version");
  return [
    ["starts", /^\d+\.\d+\.\d+\r?\n$/.test(version.stdout) ? "yes" : said(version)],
    ["`replay` gives the packets of Linux, byte for byte", await replaysAlike(where, given.replayed)],
    ["`read` shows requests", await reads(run)],
    [
      "`pki init` makes a CA",
      /ca\.crt/.test((await run("pki", "init", "--pki", `${PLACE_THERE}\\own`)).stdout) ? "yes" : "no",
    ],
    [
      "agent, `run`, `hook`, `demo`, `doctor`, `ps` and `status` say in one line that they need Linux",
      await refuses(run),
    ],
    ["keys and captures are not for others", await keepsPrivate(root)],
    [
      "frames go onto an interface, by the name of its device and by its description",
      await injects(root, given),
    ],
    await lookAtExecutable(root, given),
    // Last, since it is ended by force.
    ["`-C` takes the packets of an agent on Linux over mutual TLS", await collects(root, given)],
  ];
}

type Run = (...args: string[]) => Promise<Ran>;

async function prepare(root: string, { recording }: Given): Promise<void> {
  if (!isThere(`${root}/usr/bin/wine-stable`)) {
    await tool("debootstrap", ["--variant=minbase", `--include=${PACKAGES}`, RELEASE, root, MIRROR]);
  }
  const place = root + PLACE;
  await Deno.remove(place, { recursive: true }).catch(() => {});
  await Deno.mkdir(place, { recursive: true });
  const packed = `deno-win32-x64-${Deno.version.deno}.tgz`;
  await tool("npm", ["pack", "--silent", `@deno/win32-x64@${Deno.version.deno}`], { cwd: place });
  await tool("tar", ["xf", packed, "--strip-components=1", "package/deno.exe"], { cwd: place });
  await Deno.remove(`${place}/${packed}`);
  await bundleWhole(`${place}/sslcollector.js`);
  await Deno.copyFile(recording, `${place}/case.sslc`);
  // Its services write down what they are when they end by themselves; without that none starts later.
  const made = await ranOf(await inRoot(root, ["sh", "-c", "wine wineboot --init; wineserver -w"]).output());
  if (made.code !== 0) throw new Error(`wineboot: ${said(made)}`);
}

/** The executable that is made for Windows: it starts and gives the packets of Linux. */
async function lookAtExecutable(root: string, { replayed }: Given): Promise<Seen> {
  const place = `${root}${PLACE}`;
  const executable = await executableFor(targetOf("x86_64-pc-windows-msvc"), `${place}/sslcollector.exe`);
  const what = `the executable${executable?.note ?? ""} starts and replays alike`;
  if (executable === undefined) return [what, "not looked at"];
  const sslcollector = (...args: string[]) =>
    finished(inRoot(root, ["wine", `${PLACE}/sslcollector.exe`, ...args]).spawn());
  const version = await sslcollector("--version");
  if (!/^\d+\.\d+\.\d+\r?\n$/.test(version.stdout)) return [what, said(version)];
  return [
    what,
    await replaysAlike({ sslcollector, curl: [], place: PLACE_THERE, placeHere: place }, replayed),
  ];
}

/** How Deno runs the program there. */
const PROGRAM = ["wine", `${PLACE}/deno.exe`, "run", "-A", "--no-config", `${PLACE_THERE}\\sslcollector.js`];

const ENTER = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && ';

function start(root: string, args: readonly string[]): Deno.ChildProcess {
  return inRoot(root, [...PROGRAM, ...args]).spawn();
}

/** A command in the root; `script` says how it is started there, as `"$@"` with the root as `$0`. */
function inRoot(
  root: string,
  command: readonly string[],
  script = 'exec chroot "$0" "$@"',
  ...namespaces: string[]
): Deno.Command {
  return new Deno.Command("unshare", {
    args: [
      ...["--mount", "--pid", ...namespaces, "--fork", "--kill-child"],
      ...["sh", "-c", ENTER + script, root, ...command],
    ],
    env: {
      HOME: "/root",
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      WINEDEBUG: "-all",
      // Else Wine says that it misses it.
      XDG_RUNTIME_DIR: "/tmp",
    },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function finished(child: Deno.ChildProcess): Promise<Ran> {
  return ranOf(await child.output());
}

async function reads(run: Run): Promise<string> {
  const ran = await run("read", `${PLACE_THERE}\\replayed.pcapng`);
  return ran.code === 0 && / GET {2}200 /.test(ran.stdout) ? "yes" : said(ran);
}

/** What was written before. Wine shows an access control list as a mode. */
async function keepsPrivate(root: string): Promise<string> {
  for (const name of ["own/ca.key", "replayed.pcapng"]) {
    const { mode } = await Deno.stat(`${root}${PLACE}/${name}`);
    if ((mode! & 0o007) !== 0) return `${name} has mode ${(mode! & 0o777).toString(8)}`;
  }
  return "yes";
}

/** Two interfaces of a namespace, the far one recorded; the device of the near one has its number in its name, as Wine makes it. */
const RECORDED = `ip link add near0 type veth peer name far0 &&
  ip link set near0 addrgenmode none up && ip link set far0 addrgenmode none up &&
  { tcpdump --immediate-mode -U -i far0 -w "$0${PLACE}/far.pcap" 2> /dev/null & } &&
  until test -s "$0${PLACE}/far.pcap"; do sleep 0.1; done &&
  device=$(printf '\\\\Device\\\\NPF_{%08X-0000-0000-0000-4E6574446576}' $(ip -o link show near0 | cut -d: -f1)) &&
  chroot "$0" "$@" "$device" && chroot "$0" "$@" near0; status=$?
  lines() { tcpdump -nr "$0${PLACE}/$1" 2> /dev/null | wc -l; }
  for try in $(seq 50); do test $(lines far.pcap) -ge $((2 * $(lines here.pcapng))) && break; sleep 0.2; done
  kill $!; wait; exit $status`;

/** The frames of a recording, twice, have to arrive as they are in the capture of Linux. */
async function injects(root: string, { replayed }: Given): Promise<string> {
  const command = [...PROGRAM, "replay", `${PLACE_THERE}\\case.sslc`, "-o"];
  await Deno.writeFile(`${root}${PLACE}/here.pcapng`, replayed);
  const ran = await ranOf(await inRoot(root, command, RECORDED, "--net").output());
  if (ran.code !== 0) return said(ran);
  const frames = async (name: string) => {
    const args = ["-r", `${root}${PLACE}/${name}`, "-t", "-nn", "-xx"];
    const { stdout } = ranOf(await new Deno.Command("tcpdump", { args, stdin: "null" }).output());
    return stdout.replaceAll(/^\S.*\n/gm, "");
  };
  const expected = await frames("here.pcapng");
  return expected !== "" && await frames("far.pcap") === expected + expected ? "yes" : "other frames";
}

async function refuses(run: Run): Promise<string> {
  const commands = [
    ["-o", "x.pcapng"],
    ["run", "--", "x"],
    ["hook", "status"],
    ["demo"],
    ["doctor"],
    ["ps"],
    [
      "status",
    ],
  ];
  for (const words of commands) {
    const ran = await run(...words);
    if (
      ran.code !== 2 || !/^sslcollector: [\w ]+: needs Linux, [^\n]*\n$/.test(ran.stderr.replace("\r", ""))
    ) {
      return `${words[0]}: ${said(ran)}`;
    }
  }
  return "yes";
}

/** A recording is replayed to it by this machine's executable; nobody without a certificate gets in. */
async function collects(root: string, { executable, recording }: Given): Promise<string> {
  const pki = `${root}${PLACE}/pki`;
  await tool(executable, ["pki", "init", "--pki", pki]);
  await tool(executable, ["pki", "issue", "collector", "hub", "--san", "127.0.0.1", "--pki", pki]);
  await tool(executable, ["pki", "issue", "agent", "web1", "--pki", pki]);
  const child = start(root, [
    ...["-C", "-L", "127.0.0.1:0", "--pki", `${PLACE_THERE}\\pki`],
    ...["-o", `${PLACE_THERE}\\collected.pcapng`],
  ]);
  try {
    const log = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    const target = await listening(log);
    if (target === undefined) return "does not listen";
    const { stderr } = await new Deno.Command(executable, {
      args: ["replay", recording, "-t", target, "--pki", pki, "--summary", "json"],
      env: { SSLCOLLECTOR_CONFIG: "/dev/null" },
    }).output();
    const [{ packets, written }] = JSON.parse(decoder.decode(stderr).trim().split("\n").at(-1)!).sinks;
    const { size } = await Deno.stat(`${root}${PLACE}/collected.pcapng`);
    return packets > 0 && written === packets && size > 0 ? "yes" : `${written} of ${packets} packets`;
  } finally {
    child.kill("SIGKILL");
    await child.stdout.cancel();
    await child.status;
  }
}

/** Where it says that it listens. */
async function listening(log: ReadableStreamDefaultReader<string>): Promise<string | undefined> {
  let text = "";
  for (;;) {
    const { value, done } = await log.read();
    if (done) return undefined;
    text += value;
    const target = /collecting on (\S+) into/.exec(text)?.[1];
    if (target !== undefined) return target;
  }
}

function said({ code, stdout, stderr }: Ran): string {
  const text = (stderr + stdout).trim().split("\n").at(-1) ?? "";
  return `status ${code}: ${text}`;
}
