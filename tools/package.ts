// SPDX-License-Identifier: MIT
/**
 * `deno task package [TARGET…]`: what is released, in `dist/packages/`: for Linux a .tar.gz, a .zip, a .deb and a .rpm, and for this
 * machine's own target a .tar.gz that brings its C library; for Windows a .zip; for all of them the sums of their bytes and the bill of materials. Made of the same commit they are identical.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { VERSION } from "../net/settings/version.ts";
import { ownTarget, type Target, targetOf } from "./build/target.ts";
import { compile } from "./compile.ts";
import { buildHook } from "./hook.ts";
import { archiveEntries, makeTar, makeZip, placeFolder } from "./package/archive.ts";
import { documents, type Entry, systemEntries } from "./package/content.ts";
import { makeDeb } from "./package/deb.ts";
import { maintainer, NO_MAILBOX } from "./package/maintainer.ts";
import { withOwnLibc } from "./package/own_libc.ts";
import { billOfMaterials, licenceTexts, type UsedPackage, usedPackages } from "./package/packages.ts";
import { makeRpm } from "./package/rpm.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUTPUT = `${ROOT}dist/packages`;

/** What kinds of packages call the machines. */
const ARCHITECTURES: Readonly<Record<string, { deb: string; rpm: string }>> = {
  "x86_64-unknown-linux-gnu": { deb: "amd64", rpm: "x86_64" },
  "aarch64-unknown-linux-gnu": { deb: "arm64", rpm: "aarch64" },
};

interface Release {
  readonly version: string;
  readonly date: Date;
  readonly packages: readonly UsedPackage[];
  readonly maintainer: string;
}

/** The release of this checkout, at the time of its last commit. */
async function thisRelease(): Promise<Release> {
  return {
    version: VERSION,
    date: await lastCommit(),
    packages: await usedPackages(),
    maintainer: maintainer(),
  };
}

/** Makes the packages of a target in `output`, and answers their paths. */
async function makePackages(target: Target, release: Release, output: string): Promise<string[]> {
  const executable = await compile(target);
  await Deno.mkdir(output, { recursive: true });
  const folder = await Deno.makeTempDir({ prefix: "sslcollector-package-" });
  try {
    return target.format === "pe"
      ? await windowsPackages(executable, target, release, folder, output)
      : await linuxPackages(executable, target, release, folder, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function linuxPackages(
  executable: string,
  target: Target,
  { version, date, packages, maintainer }: Release,
  folder: string,
  output: string,
): Promise<string[]> {
  const hook = await buildHook(target);
  const entries = await systemEntries({ executable, hook, packages, date });
  const { deb, rpm } = ARCHITECTURES[target.name];
  const name = `sslcollector-${version}-${target.name}`;
  const paths = {
    deb: `${output}/sslcollector_${version}_${deb}.deb`,
    rpm: `${output}/sslcollector-${version}-1.${rpm}.rpm`,
    tar: `${output}/${name}.tar.gz`,
    zip: `${output}/${name}.zip`,
  };
  const facts = { version, date, maintainer };
  await makeDeb(entries, { ...facts, architecture: deb }, `${folder}/deb`, paths.deb);
  await makeRpm(entries, { ...facts, architecture: rpm }, `${folder}/rpm`, paths.rpm);
  await placeFolder(`${folder}/${name}`, await archiveEntries(entries), date);
  await makeTar(`${folder}/${name}`, paths.tar, date);
  await makeZip(`${folder}/${name}`, paths.zip, date);
  if (target.name !== Deno.build.target) return Object.values(paths);
  const own = `${name}-own-libc`;
  await placeFolder(`${folder}/${own}`, await withOwnLibc(await archiveEntries(entries), executable), date);
  await makeTar(`${folder}/${own}`, `${output}/${own}.tar.gz`, date);
  return [...Object.values(paths), `${output}/${own}.tar.gz`];
}

async function windowsPackages(
  executable: string,
  target: Target,
  { version, date, packages }: Release,
  folder: string,
  output: string,
): Promise<string[]> {
  const name = `sslcollector-${version}-${target.name}`;
  const entries: Entry[] = [
    { path: "sslcollector.exe", mode: 0o755, content: { from: executable } },
    { path: "LICENSES-OF-OTHERS", mode: 0o644, content: licenceTexts(packages) },
    ...documents().map((path) => ({ path, mode: 0o644, content: { from: `${ROOT}${path}` } })),
  ];
  await placeFolder(`${folder}/${name}`, entries, date);
  const zip = `${output}/${name}.zip`;
  await makeZip(`${folder}/${name}`, zip, date);
  return [zip];
}

/** Writes the bill of materials, then the sums of that and of the packages. */
async function describePackages(
  paths: readonly string[],
  { version, date, packages }: Release,
  output: string,
): Promise<void> {
  const digests = async (paths: readonly string[]) =>
    await Promise.all(paths.map(async (file) => ({ file, sha256: await sha256(file) })));
  const bill = `${output}/sslcollector-${version}.cdx.json`;
  await Deno.writeTextFile(bill, await billOfMaterials(packages, await digests(paths), date));
  const lines = (await digests([...paths, bill])).map(({ file, sha256 }) =>
    `${sha256}  ${file.slice(file.lastIndexOf("/") + 1)}\n`
  );
  await Deno.writeTextFile(`${output}/SHA256SUMS`, lines.join(""));
}

async function sha256(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}

/** Of the checkout; 1970 where that is none. */
async function lastCommit(): Promise<Date> {
  const { success, stdout } = await new Deno.Command("git", {
    args: ["log", "-1", "--format=%ct"],
    cwd: ROOT,
    stderr: "null",
  }).output();
  return new Date(success ? Number(new TextDecoder().decode(stdout)) * 1000 : 0);
}

if (import.meta.main) {
  try {
    const targets = Deno.args.length > 0 ? Deno.args.map(targetOf) : [ownTarget()];
    const release = await thisRelease();
    if (release.maintainer === NO_MAILBOX) {
      console.error(`package: SSLCOLLECTOR_MAINTAINER is not set, so packages name ${NO_MAILBOX}`);
    }
    const paths: string[] = [];
    for (const target of targets) paths.push(...await makePackages(target, release, OUTPUT));
    await describePackages(paths, release, OUTPUT);
    for (const path of paths) console.log(path);
  } catch (error) {
    console.error(`package: ${(error as Error).message}`);
    Deno.exit(1);
  }
}
