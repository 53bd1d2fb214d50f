// SPDX-License-Identifier: MIT
/**
 * `deno task matrix [SYSTEM…]`: the executable on Debian's systems, in roots of their own; on arm64 the hook, in an emulator; on Windows the
 * bundled program, under Wine; in containers of Podman a program that is mirrored. Writes what was seen into docs/requirements.md. Takes root, debootstrap, and minutes for a system; `SSLCOLLECTOR_MATRIX_ROOTS` names a folder where
 * roots are kept.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { makeCertificate } from "../cli/demo_certificate.ts";
import { compile } from "./compile.ts";
import { lookAtArm64 } from "./matrix/arm64.ts";
import { lookAtContainers } from "./matrix/containers.ts";
import { type Given, lookAt, LOOKS, type Row } from "./matrix/look.ts";
import { rootOf } from "./matrix/root.ts";
import { lookAtWindows } from "./matrix/windows.ts";
import { tool } from "./package/tool.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGE = `${ROOT}docs/requirements.md`;
const RECORDING = `${ROOT}tests/vectors/recordings/forks_v1.sslc`;
export const SYSTEMS = ["bullseye", "bookworm", "trixie", "sid", "arm64", "windows", "containers"];
/** Whose curl runs in containers. */
const CONTAINED = "bookworm";

/** The page with a table in the place that has its name. */
export function withTable(
  page: string,
  name: string,
  heads: readonly string[],
  rows: readonly string[][],
): string {
  const begin = `<!-- ${name}: written by deno task matrix -->\n`;
  const start = page.indexOf(begin) + begin.length;
  const end = page.indexOf("<!-- end -->", start);
  if (start < begin.length || end < 0) throw new Error(`docs/requirements.md has no place for ${name}`);
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  const table = [heads, heads.map(() => "---"), ...rows].map(line).join("");
  return page.slice(0, start) + table + page.slice(end);
}

const cellsOf = (
  { system, glibc, tls, seen }: Row,
) => [system, glibc, tls, ...LOOKS.map((look) => seen[look])];

async function given(folder: string, port: number): Promise<Given> {
  const executable = await compile(undefined, `${folder}/sslcollector`);
  await tool(executable, ["replay", RECORDING, "-o", `${folder}/here.pcapng`, "--quiet"]);
  return { executable, recording: RECORDING, replayed: await Deno.readFile(`${folder}/here.pcapng`), port };
}

async function main(systems: readonly string[]): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "sslcollector-matrix-" });
  const roots = Deno.env.get("SSLCOLLECTOR_MATRIX_ROOTS") ?? folder;
  const { certificate, key } = await makeCertificate("localhost");
  const onListen = () => {};
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert: certificate, key, onListen },
    () => new Response("matrix "),
  );
  try {
    const all = await given(folder, server.addr.port);
    const rows: string[][] = [];
    for (const system of systems) {
      if (system === "windows" || system === "containers") continue;
      const row = cellsOf(
        system === "arm64" ? await lookAtArm64(roots, all) : await lookAt(await rootOf(system, roots), all),
      );
      console.log(row.join(", "));
      rows.push(row);
    }
    const there = systems.includes("windows") ? await lookAtWindows(roots, all) : [];
    for (const seen of there) console.log(seen.join(": "));
    const contained = systems.includes("containers")
      ? await lookAtContainers(await rootOf(CONTAINED, roots), all)
      : [];
    for (const seen of contained) console.log(seen.join(": "));
    let page = await Deno.readTextFile(PAGE);
    if (rows.length > 0) page = withTable(page, "systems", ["system", "glibc", "curl's TLS", ...LOOKS], rows);
    if (there.length > 0) {
      page = withTable(page, "windows", ["under Wine", ""], there.map((seen) => [...seen]));
    }
    if (contained.length > 0) {
      const heads = ["container", "a curl there is to be", "and was"];
      page = withTable(page, "containers", heads, contained.map((seen) => [...seen]));
    }
    await Deno.writeTextFile(PAGE, page);
    const results = [
      ...rows.flatMap((row) => row.slice(3)),
      ...[...there, ...contained].map((seen) => seen.at(-1)!),
    ];
    return results.every((result) => /^(yes|not looked at)$/.test(result));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args.length > 0 ? Deno.args : SYSTEMS) ? 0 : 1);
