// SPDX-License-Identifier: MIT
/** What is looked at on each system. @module */
import type { Archives } from "./archives.ts";
import { type Ran, runIn } from "./root.ts";

/** In the root's /tmp: all that a run leaves is below it. */
const PLACE = "/tmp/sslcollector-matrix";

/** One system of the matrix. */
export interface Row {
  /** As it calls itself. */
  readonly system: string;
  readonly glibc: string;
  /** Of curl, which says of itself. */
  readonly tls: string;
  /** What was looked at, and how it went: `yes`, or what happened instead. */
  readonly seen: Readonly<Record<Look, string>>;
}

export const LOOKS = [
  "starts",
  "replays alike",
  "HTTP/1.1 mirrored",
  "HTTP/2 mirrored",
  "leaves capture and hook alone",
] as const;
export type Look = typeof LOOKS[number];

/** What the roots get, and what they are held against. */
export interface Given {
  /** The executable for this machine. */
  readonly executable: string;
  readonly archives: Archives;
  /** A recording, and the capture that it gives on this machine. */
  readonly recording: string;
  readonly replayed: Uint8Array;
  /** An HTTPS server of this machine, which speaks HTTP/1.1 and HTTP/2. */
  readonly port: number;
}

/** Where the executable runs. */
export interface Where {
  /** Runs it. */
  readonly sslcollector: (...args: string[]) => Promise<Ran>;
  /** What starts the curl of that system, as the executable sees it. */
  readonly curl: readonly string[];
  /** A folder for captures, as the executable sees it, and as this program does. */
  readonly place: string;
  readonly placeHere: string;
}

/** Looks at what an archive brings in a root that has nothing of it: unpacked, and run where it lies. */
export async function lookAt(root: string, archive: keyof Archives, given: Given): Promise<Row> {
  const placeHere = root + PLACE;
  const where: Where = {
    sslcollector: (...args) => runIn(root, [`${PLACE}/sslcollector`, ...args]),
    curl: ["curl"],
    place: PLACE,
    placeHere,
  };
  await Deno.mkdir(placeHere, { recursive: true });
  try {
    await Deno.copyFile(given.archives[archive], `${placeHere}/archive.tar.gz`);
    const unpacked = await runIn(root, [
      "tar",
      "-xzf",
      `${PLACE}/archive.tar.gz`,
      "-C",
      PLACE,
      "--strip-components=1",
    ]);
    if (unpacked.code !== 0) throw new Error(`tar: ${wrong(unpacked.code, unpacked.stderr)}`);
    await Deno.copyFile(given.recording, `${placeHere}/case.sslc`);
    const before = await filesOf(root);
    const seen = {
      "starts": await told(() => starts(where)),
      "replays alike": await told(() => replaysAlike(where, given.replayed)),
      "HTTP/1.1 mirrored": await told(() => mirrors(where, given.port, "--http1.1")),
      "HTTP/2 mirrored": await told(() => mirrors(where, given.port, "--http2")),
      "leaves capture and hook alone": left(before, await filesOf(root)),
    };
    const curl = (await runIn(root, ["curl", "--version"])).stdout;
    const system = await systemOf(root) +
      (archive === "ownLibc" ? ", the archive with its own C library" : "");
    return { system, glibc: await glibcOf(root), tls: tlsOf(curl), seen };
  } finally {
    await Deno.remove(placeHere, { recursive: true });
  }
}

/** What a look saw; one that fails does not keep the next from its turn. */
export async function told(look: () => Promise<string>): Promise<string> {
  try {
    return await look();
  } catch (error) {
    return String((error as Error)?.message ?? error).split("\n")[0];
  }
}

/** It says its version. */
export async function starts({ sslcollector }: Where): Promise<string> {
  const { code, stdout, stderr } = await sslcollector("--version");
  return code === 0 && /^\d+\.\d+/.test(stdout) ? "yes" : wrong(code, stderr);
}

/** A recording gives the packets that it gives on this machine. */
export async function replaysAlike(
  { sslcollector, place, placeHere }: Where,
  expected: Uint8Array,
): Promise<string> {
  const { code, stderr } = await sslcollector(
    "replay",
    `${place}/case.sslc`,
    "-o",
    `${place}/replayed.pcapng`,
  );
  if (code !== 0) return wrong(code, stderr);
  const bytes = await Deno.readFile(`${placeHere}/replayed.pcapng`);
  return bytes.length === expected.length && bytes.every((byte, at) => byte === expected[at])
    ? "yes"
    : "other bytes";
}

/** A page that curl fetches is in the capture, and the books have no loss. */
export async function mirrors(where: Where, port: number, version: "--http1.1" | "--http2"): Promise<string> {
  const page = `/matrix${version}`;
  const name = `mirrored${version}.pcapng`;
  const { code, stdout, stderr } = await where.sslcollector(
    ...["run", "--quiet", "--summary", "json", "--codec", "http2to1", "-o", `${where.place}/${name}`, "--"],
    ...[...where.curl, "-sk", version, "-w", "%{http_version}", `https://127.0.0.1:${port}${page}`],
  );
  if (code !== 0) return wrong(code, stderr);
  if (stdout !== `matrix ${version === "--http2" ? "2" : "1.1"}`) {
    return `curl said ${JSON.stringify(stdout)}`;
  }
  const { total } = JSON.parse(stderr.trim().split("\n").at(-1)!);
  if (total.imbalance !== 0 || Object.keys(total.lost).length > 0) return "not all of it";
  const text = new TextDecoder("latin1").decode(await Deno.readFile(`${where.placeHere}/${name}`));
  return text.includes(`GET ${page} HTTP/1.1\r\n`) && text.includes("matrix ") ? "yes" : "not in the capture";
}

/** Where the hook lies for programs to load, as docs/operating.md says. */
const HOOK = /^\/var\/cache\/sslcollector-\w+(\/libsslcollector_hook\.so)?$/;

function left(before: ReadonlySet<string>, after: ReadonlySet<string>): string {
  const others = [...after.difference(before)].filter((path) =>
    !path.endsWith(".pcapng") && !HOOK.test(path)
  );
  return others.length === 0 ? "yes" : others.join(", ");
}

/** Files of the root itself, nothing of what is mounted there. */
async function filesOf(root: string): Promise<Set<string>> {
  const { stdout } = await new Deno.Command("find", { args: [root, "-xdev", "-printf", "/%P\n"] }).output();
  return new Set(new TextDecoder().decode(stdout).split("\n"));
}

/** As it calls itself. */
export async function systemOf(root: string): Promise<string> {
  const text = await Deno.readTextFile(`${root}/etc/os-release`);
  return /^PRETTY_NAME="(.*)"$/m.exec(text)?.[1] ?? "unknown";
}

async function glibcOf(root: string): Promise<string> {
  const { stdout } = await runIn(root, ["ldd", "--version"]);
  return /(\d+\.\d+)\s*$/.exec(stdout.split("\n")[0])?.[1] ?? "unknown";
}

/** The TLS library that curl names in what it says of itself. */
export function tlsOf(curlVersion: string): string {
  return /(?:OpenSSL|GnuTLS)\/\S+/.exec(curlVersion)?.[0].replace("/", " ") ?? "unknown";
}

function wrong(code: number, stderr: string): string {
  return `status ${code}: ${stderr.trim().split("\n").at(-1) ?? ""}`;
}
