// SPDX-License-Identifier: MIT
/**
 * `deno task matrix [SYSTEM…]`: what the archives bring on Debian's systems, in roots of their own; on arm64 the hook, in an emulator; on Windows the
 * bundled program, under Wine; in containers of Podman a program that is mirrored. Writes what was seen into docs/requirements.md, a system at a
 * time; one that could not be looked at says why there. Takes root, debootstrap, and minutes for a system. Roots, and what was seen in them with
 * the same executable, are kept in the folder that `SSLCOLLECTOR_MATRIX_ROOTS` names: a run that was broken off goes on where it was.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { makeCertificate } from "../cli/demo_certificate.ts";
import { compile } from "./compile.ts";
import { makeArchives } from "./matrix/archives.ts";
import { lookAtArm64 } from "./matrix/arm64.ts";
import { lookAtContainers } from "./matrix/containers.ts";
import { Kept } from "./matrix/kept.ts";
import { type Given, lookAt, LOOKS, type Row } from "./matrix/look.ts";
import { rootOf } from "./matrix/root.ts";
import { failed, isWell, type Rows, type System, SYSTEMS, withSeen } from "./matrix/tables.ts";
import { lookAtWindows } from "./matrix/windows.ts";
import { tool } from "./package/tool.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGE = `${ROOT}docs/requirements.md`;
const RECORDING = `${ROOT}tests/vectors/recordings/forks_v1.sslc`;
/** Whose curl runs in containers. */
const CONTAINED = "bookworm";
/** Whose C library is the oldest that can be had. */
const OLDEST = "bullseye";

const cellsOf = ({ system, glibc, tls, seen }: Row) => [
  ...[system, glibc, tls],
  ...LOOKS.map((look) => seen[look]),
];

async function rowsSeen(system: System, roots: string, given: Given): Promise<Rows> {
  switch (system) {
    case "windows":
      return await lookAtWindows(roots, given);
    case "containers":
      return await lookAtContainers(await rootOf(CONTAINED, roots), given);
    case "arm64":
      return [cellsOf(await lookAtArm64(roots, given))];
    case "own-libc":
      return [cellsOf(await lookAt(await rootOf(OLDEST, roots), "ownLibc", given))];
    default:
      return [cellsOf(await lookAt(await rootOf(system, roots), "usual", given))];
  }
}

async function given(folder: string, port: number): Promise<Given> {
  const executable = await compile(undefined, `${folder}/sslcollector`);
  await tool(executable, ["replay", RECORDING, "-o", `${folder}/here.pcapng`, "--quiet"]);
  const replayed = await Deno.readFile(`${folder}/here.pcapng`);
  return {
    executable,
    archives: await makeArchives(executable, folder),
    recording: RECORDING,
    replayed,
    port,
  };
}

/** Names the executable and what looks at it. */
async function digestOf(executable: string): Promise<string> {
  const sources = [...Deno.readDirSync(`${ROOT}tools/matrix`)].map(({ name }) =>
    `${ROOT}tools/matrix/${name}`
  );
  const parts = await Promise.all([executable, ...sources.sort()].map((path) => Deno.readFile(path)));
  const all = await new Blob(parts).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex();
}

/** Looks at each system that was not seen to be well before; answers whether all are. */
async function lookAtAll(systems: readonly System[], roots: string, given: Given): Promise<boolean> {
  const kept = new Kept(roots, await digestOf(given.executable));
  let areWell = true;
  for (const system of systems) {
    const before = kept.of(system);
    const rows = before ?? await rowsSeen(system, roots, given).catch((error) => failed(system, error));
    for (const row of rows) console.log(`${system}${before ? ", seen before" : ""}: ${row.join(", ")}`);
    await Deno.writeTextFile(PAGE, withSeen(await Deno.readTextFile(PAGE), system, rows));
    if (isWell(system, rows)) kept.keep(system, rows);
    else areWell = false;
  }
  return areWell;
}

async function main(systems: readonly System[]): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "sslcollector-matrix-" });
  const roots = Deno.env.get("SSLCOLLECTOR_MATRIX_ROOTS") ?? folder;
  const { certificate, key } = await makeCertificate("localhost");
  const onListen = () => {};
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert: certificate, key, onListen },
    () => new Response("matrix "),
  );
  try {
    await Deno.mkdir(roots, { recursive: true });
    return await lookAtAll(systems, roots, await given(folder, server.addr.port));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function systemsOf(words: readonly string[]): readonly System[] {
  const isSystem = (word: string): word is System => (SYSTEMS as readonly string[]).includes(word);
  const unknown = words.find((word) => !isSystem(word));
  if (unknown !== undefined) {
    console.error(
      `matrix: no system is named ${JSON.stringify(unknown)}: give some of ${SYSTEMS.join(", ")}`,
    );
    Deno.exit(2);
  }
  return words.length > 0 ? words.filter(isSystem) : SYSTEMS;
}

if (import.meta.main) Deno.exit(await main(systemsOf(Deno.args)) ? 0 : 1);
