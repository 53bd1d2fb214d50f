// SPDX-License-Identifier: MIT
/** The npm packages that the program is made of: their licences, and the bill of materials (CycloneDX 1.5). @module */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../net/settings/version.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface UsedPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the package says. */
  readonly licence: string;
  /** The text of its licence; empty where it brings none. */
  readonly licenceText: string;
  /** SHA-512 of its archive, as the lock file has it. */
  readonly integrity: string;
}

interface Graph {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, GraphPackage>>;
}

interface GraphPackage {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
  readonly localPath: string;
}

/** Of the program and of its page. */
const ENTRIES = ["cli/main.ts", "net/page/browser/main.ts"];

/** What the program imports, and what that depends on; by name. */
export async function usedPackages(): Promise<UsedPackage[]> {
  const graphs = await Promise.all(ENTRIES.map(moduleGraph));
  const packages = Object.assign({}, ...graphs.map(({ npmPackages }) => npmPackages)) as Graph["npmPackages"];
  const used = new Set(
    graphs.flatMap(({ modules }) => modules).flatMap(({ npmPackage }) => npmPackage ?? []),
  );
  for (const id of used) for (const dependency of packages[id].dependencies) used.add(dependency);
  const lock = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.lock`)) as {
    npm: Record<string, { integrity: string }>;
  };
  return [...used].sort().map((id) => described(packages[id], lock.npm[id]?.integrity ?? ""));
}

async function moduleGraph(entry: string): Promise<Graph> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("deno info failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

function described({ name, version, localPath }: GraphPackage, integrity: string): UsedPackage {
  const { license } = JSON.parse(Deno.readTextFileSync(`${localPath}/package.json`)) as { license?: string };
  const file = [...Deno.readDirSync(localPath)].map(({ name }) => name).find((name) =>
    /^licen[cs]e/i.test(name)
  );
  return {
    name,
    version,
    licence: license ?? "NOASSERTION",
    licenceText: file === undefined ? "" : Deno.readTextFileSync(`${localPath}/${file}`).trim(),
    integrity,
  };
}

/** What the executable holds of others, with their licences. */
export function licenceTexts(packages: readonly UsedPackage[]): string {
  const deno =
    `Deno ${Deno.version.deno}, the runtime, with V8 ${Deno.version.v8} and what else it is made of\n` +
    "MIT, and the licences that https://github.com/denoland/deno names for its parts";
  const texts = packages.map(({ name, version, licence, licenceText }) =>
    `${name} ${version}\n${licence}${licenceText === "" ? "" : `\n\n${licenceText}`}`
  );
  return [
    "sslcollector is under the MIT licence. Its executable holds the following, under licences of their own.",
    deno,
    ...texts,
  ].join(`\n\n${"-".repeat(72)}\n\n`) + "\n";
}

interface Described {
  readonly file: string;
  readonly sha256: string;
}

/** The bill of materials as JSON; `files` are what is delivered. The same for the same parts. */
export async function billOfMaterials(
  packages: readonly UsedPackage[],
  files: readonly Described[],
  date: Date,
): Promise<string> {
  const reference = (name: string, version: string) => `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const components = [
    {
      "type": "platform",
      "bom-ref": `deno@${Deno.version.deno}`,
      "name": "deno",
      "version": Deno.version.deno,
      "licenses": [{ license: { id: "MIT" } }],
    },
    ...packages.map(({ name, version, licence, integrity }) => ({
      "type": "library",
      "bom-ref": reference(name, version),
      name,
      version,
      "purl": reference(name, version),
      "licenses": [{ expression: licence }],
      "hashes": [{
        alg: "SHA-512",
        content: Uint8Array.fromBase64(integrity.replace("sha512-", "")).toHex(),
      }],
    })),
    ...files.map(({ file, sha256 }) => ({
      "type": "file",
      "bom-ref": basename(file),
      "name": basename(file),
      "hashes": [{ alg: "SHA-256", content: sha256 }],
    })),
  ];
  const content = JSON.stringify(components);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content)));
  return JSON.stringify(
    {
      bomFormat: "CycloneDX",
      specVersion: "1.5",
      serialNumber: `urn:uuid:${uuidOf(digest)}`,
      version: 1,
      metadata: {
        timestamp: date.toISOString(),
        component: {
          "type": "application",
          "bom-ref": "sslcollector",
          "name": "sslcollector",
          "version": VERSION,
          "licenses": [{ license: { id: "MIT" } }],
        },
      },
      components,
      dependencies: [{
        ref: "sslcollector",
        dependsOn: components.filter(({ type }) => type !== "file").map((component) => component["bom-ref"]),
      }],
    },
    null,
    2,
  ) + "\n";
}

/** A UUID of version 8: of the application's own making (RFC 9562, section 5.8). */
function uuidOf(digest: Uint8Array): string {
  const bytes = digest.slice(0, 16);
  bytes[6] = bytes[6] & 0x0f | 0x80;
  bytes[8] = bytes[8] & 0x3f | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
