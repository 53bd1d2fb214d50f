// SPDX-License-Identifier: MIT
/** A curl of arm64 in an emulator, with that machine's hook, and an agent that is this machine's own; that machine's executable. @module */
import { targetOf } from "../build/target.ts";
import { buildHook } from "../hook.ts";
import { tool } from "../package/tool.ts";
import { executableFor } from "./executable.ts";
import {
  type Given,
  mirrors,
  replaysAlike,
  type Row,
  starts,
  systemOf,
  tlsOf,
  told,
  type Where,
} from "./look.ts";
import { makeRoot, type Ran, ranOf } from "./root.ts";
import { isFile } from "../../net/ffi/stat.ts";

const RELEASE = "bookworm";
const EMULATOR = "qemu-aarch64-static";
const TARGET = "aarch64-unknown-linux-gnu";
const NOT_HERE = "not looked at";

/** Looks at the hook there: an emulator tells nothing of speed, nor of the order in which memory is seen. */
export async function lookAtArm64(folder: string, given: Given): Promise<Row> {
  const root = await rootOfArm64(`${folder}/arm64`);
  const hook = await buildHook(targetOf(TARGET));
  const place = await Deno.makeTempDir({ prefix: "sslcollector-matrix-" });
  const curl = [EMULATOR, "-L", root, "-E", `LD_PRELOAD=${hook}`, `${root}/usr/bin/curl`];
  const where: Where = {
    sslcollector: (...args) => run(given.executable, args),
    curl,
    place,
    placeHere: place,
  };
  try {
    const { stdout } = await run(EMULATOR, ["-L", root, `${root}/usr/bin/curl`, "--version"]);
    const executable = await executableFor(targetOf(TARGET), `${place}/executable`);
    const there: Where = {
      ...where,
      sslcollector: (...args) => run(EMULATOR, ["-L", root, `${place}/executable`, ...args]),
    };
    await Deno.copyFile(given.recording, `${place}/case.sslc`);
    return {
      system: `${await systemOf(root)}, arm64 in an emulator${executable?.note ?? ""}`,
      glibc: await glibcOf(root),
      tls: tlsOf(stdout),
      seen: {
        "starts": executable === undefined ? NOT_HERE : await told(() => starts(there)),
        "replays alike": executable === undefined
          ? NOT_HERE
          : await told(() => replaysAlike(there, given.replayed)),
        "HTTP/1.1 mirrored": await told(() => mirrors(where, given.port, "--http1.1")),
        "HTTP/2 mirrored": await told(() => mirrors(where, given.port, "--http2")),
        "leaves capture and hook alone": NOT_HERE,
      },
    };
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}

/** Files of the packages, laid out and not set up: nothing of that machine has to run for it. */
async function rootOfArm64(root: string): Promise<string> {
  if (!isFile(`${root}/usr/bin/curl`)) {
    await makeRoot(root, RELEASE, ["--arch=arm64", "--foreign", "--include=curl"], layOut);
  }
  return root;
}

async function layOut(root: string): Promise<void> {
  const archives = `${root}/var/cache/apt/archives`;
  for (const { name } of Deno.readDirSync(archives)) {
    if (name.endsWith(".deb")) await tool("dpkg-deb", ["-x", `${archives}/${name}`, root]);
  }
}

async function glibcOf(root: string): Promise<string> {
  const { stdout } = await run(EMULATOR, ["-L", root, `${root}/lib/ld-linux-aarch64.so.1`, "--version"]);
  return /version (\d+\.\d+)/.exec(stdout)?.[1] ?? "unknown";
}

async function run(program: string, args: readonly string[]): Promise<Ran> {
  const env = { SSLCOLLECTOR_CONFIG: "/dev/null" };
  return ranOf(await new Deno.Command(program, { args: [...args], env, stdin: "null" }).output());
}
