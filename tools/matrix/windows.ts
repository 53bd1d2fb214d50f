// SPDX-License-Identifier: MIT
/** The program as one file with Deno for Windows, under Wine in a root of its own. @module */
import { fileURLToPath } from "node:url";
import { bundleWhole } from "../build/bundle.ts";
import { tool } from "../package/tool.ts";
import { targetOf } from "../build/target.ts";
import { executableFor } from "./executable.ts";
import { type Given, replaysAlike, starts, told } from "./look.ts";
import { finished, makeRoot, type Ran, ranOf } from "./root.ts";
import { isFile } from "../../net/ffi/stat.ts";

const RELEASE = "trixie";
const PACKAGES = "curl,wine,wine64,libpcap0.8t64";
/** In the root. */
const PLACE = "/opt/sslcollector";
/** The same, as a program of Windows has it. */
const PLACE_THERE = "Z:\\opt\\sslcollector";
/** Where Wine has the folder of programs' data. */
const PROGRAM_DATA = "/root/.wine/drive_c/ProgramData/sslcollector";
const ADAPTERS = fileURLToPath(new URL("../../net/ffi/adapters.ts", import.meta.url));
const decoder = new TextDecoder();

/** What was looked at, and how it went. */
export type Seen = readonly [what: string, result: string];

/** Looks at what has to work there, and at what has to say that it cannot. */
export async function lookAtWindows(folder: string, given: Given): Promise<Seen[]> {
  const root = `${folder}/wine`;
  await prepare(root, given);
  const run = (...args: string[]) => finished(start(root, args));
  const where = { sslcollector: run, curl: [], place: PLACE_THERE, placeHere: root + PLACE };
  const executable = await executableFor(
    targetOf("x86_64-pc-windows-msvc"),
    `${root}${PLACE}/sslcollector.exe`,
  );
  const looks: readonly (readonly [what: string, look: () => Promise<string>])[] = [
    ["starts", () => starts(where)],
    ["`replay` gives the packets of Linux, byte for byte", () => replaysAlike(where, given.replayed)],
    ["`read` shows requests", () => reads(run)],
    ["`pki init` makes a CA", () => makesAuthority(run)],
    [
      "agent, `run`, `hook`, `demo`, `doctor`, `ps` and `status` say in one line that they need Linux",
      () => refuses(run),
    ],
    ["keys and captures are not for others", () => keepsPrivate(root)],
    [
      "settings and certificates are in `%ProgramData%`, and a mistake there is named",
      () => usesProgramData(root, run),
    ],
    [
      "interfaces have the names that Windows shows, also where an unknown one is asked for",
      () => names(root),
    ],
    [
      "frames go onto an interface, by its device and by the name that Windows shows",
      () => injects(root, given),
    ],
    [
      `the executable${executable?.note ?? ""} starts and replays alike`,
      () => executable === undefined ? Promise.resolve("not looked at") : tryExecutable(root, given),
    ],
    // Last, since it is ended by force.
    ["`-C` takes the packets of an agent on Linux over mutual TLS", () => collects(root, given)],
  ];
  const seen: Seen[] = [];
  for (const [what, look] of looks) seen.push([what, await told(look)]);
  return seen;
}

type Run = (...args: string[]) => Promise<Ran>;

async function prepare(root: string, { recording }: Given): Promise<void> {
  if (!isFile(`${root}/usr/bin/wine-stable`)) {
    await makeRoot(root, RELEASE, [`--include=${PACKAGES}`]);
  }
  const place = root + PLACE;
  // What a run left that was broken off.
  for (const folder of [place, root + PROGRAM_DATA]) {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
  await Deno.mkdir(place, { recursive: true });
  const packed = `deno-win32-x64-${Deno.version.deno}.tgz`;
  await tool("npm", ["pack", "--silent", `@deno/win32-x64@${Deno.version.deno}`], { cwd: place });
  await tool("tar", ["xf", packed, "--strip-components=1", "package/deno.exe"], { cwd: place });
  await Deno.remove(`${place}/${packed}`);
  await bundleWhole(`${place}/sslcollector.js`);
  await Deno.copyFile(recording, `${place}/case.sslc`);
  // Its services write down what they are when they end by themselves; without that none starts later.
  const made = await finished(inRoot(root, ["sh", "-c", "wine wineboot --init; wineserver -w"]).spawn());
  if (made.code !== 0) throw new Error(`wineboot: ${said(made)}`);
}

/** The executable that is made for Windows, where there is a base for it. */
async function tryExecutable(root: string, { replayed }: Given): Promise<string> {
  const sslcollector = (...args: string[]) =>
    finished(inRoot(root, ["wine", `${PLACE}/sslcollector.exe`, ...args]).spawn());
  const where = { sslcollector, curl: [], place: PLACE_THERE, placeHere: `${root}${PLACE}` };
  const started = await starts(where);
  return started === "yes" ? await replaysAlike(where, replayed) : started;
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

async function makesAuthority(run: Run): Promise<string> {
  const ran = await run("pki", "init", "--pki", `${PLACE_THERE}\\own`);
  return /ca\.crt/.test(ran.stdout) ? "yes" : said(ran);
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

async function usesProgramData(root: string, run: Run): Promise<string> {
  const folder = root + PROGRAM_DATA;
  const made = await run("pki", "init");
  const isSaid = made.stdout.trim() === "C:\\ProgramData\\sslcollector\\pki\\ca.crt";
  if (!isSaid || !isFile(`${folder}/pki/ca.crt`)) return said(made);
  await Deno.writeTextFile(`${folder}/sslcollector.toml`, "colour = 1\n");
  const checked = await run("config", "check");
  await Deno.remove(folder, { recursive: true });
  const isNamed = /ProgramData\\sslcollector\\sslcollector\.toml.*colour/.test(
    checked.stdout + checked.stderr,
  );
  return checked.code === 2 && isNamed ? "yes" : said(checked);
}

const NAMED = 'ip link add near0 type veth peer name far0 && exec chroot "$0" "$@"';

/** By the system's own library, without Npcap's descriptions, which Wine makes the same; then in the program's answer. */
async function names(root: string): Promise<string> {
  await Deno.copyFile(ADAPTERS, `${root}${PLACE}/adapters.ts`);
  const script =
    'import { adapterNames } from "./adapters.ts"; console.log([...adapterNames().values()].join());';
  await Deno.writeTextFile(`${root}${PLACE}/names.ts`, script);
  const deno = PROGRAM.slice(0, -1);
  const shown = await finished(inRoot(root, [...deno, `${PLACE_THERE}\\names.ts`], NAMED, "--net").spawn());
  const found = shown.stdout.trim().split(",");
  if (!found.includes("near0") || !found.includes("far0")) return said(shown);
  const command = [...PROGRAM, "replay", `${PLACE_THERE}\\case.sslc`, "-o", "nosuch"];
  const asked = await finished(inRoot(root, command, NAMED, "--net").spawn());
  const isAnswered = /no interface is named "nosuch": give one of .*"near0" \(\\Device\\NPF_\{/.test(
    asked.stderr,
  );
  return asked.code === 2 && isAnswered ? "yes" : said(asked);
}

/** Two interfaces of a namespace, the far one recorded; the device of the near one has its number in its name, as Wine makes it. */
const RECORDED = `ip link add near0 type veth peer name far0 &&
  ip link set near0 addrgenmode none up && ip link set far0 addrgenmode none up &&
  { tcpdump --immediate-mode -B 8192 -s 2048 -U -i far0 -w "$0${PLACE}/far.pcap" 2> /dev/null & } &&
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
  const ran = await finished(inRoot(root, command, RECORDED, "--net").spawn());
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
