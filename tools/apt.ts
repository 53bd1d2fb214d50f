// SPDX-License-Identifier: MIT
/** Debian's packages: installing them, also from the backports of the release, which may have to be added. @module */

const FOLDER = "/etc/apt";

/** The form of a source file: `*.sources` has stanzas (deb822), `*.list` a line for each source. */
type Format = "deb822" | "list";

export function runApt(...args: string[]): boolean {
  const { success } = new Deno.Command("apt-get", {
    args: ["-o", "DPkg::Lock::Timeout=300", "-qq", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdout: "null",
    stderr: "inherit",
    stdin: "null",
  }).outputSync();
  return success;
}

/** Installs packages and what they depend on; false when that failed, which apt has explained. */
export function install(packages: readonly string[], suite?: string): boolean {
  const from = suite ? ["-t", suite] : [];
  return runApt("install", "-y", "--no-install-recommends", ...from, ...packages);
}

/** Asked by Debian's packages before they start a service; status 101 forbids it. */
const SERVICE_POLICY = "/usr/sbin/policy-rc.d";

/** What is installed meanwhile does not start its services. */
export function withoutServices<T>(use: () => T): T {
  if (readIfThere(SERVICE_POLICY) !== undefined) return use();
  Deno.writeTextFileSync(SERVICE_POLICY, "#!/bin/sh\nexit 101\n");
  Deno.chmodSync(SERVICE_POLICY, 0o755);
  try {
    return use();
  } finally {
    Deno.removeSync(SERVICE_POLICY);
  }
}

/** The code name of this Debian release; undefined on other systems. */
export function debianRelease(): string | undefined {
  const text = readIfThere("/etc/os-release") ?? "";
  return /^ID=debian$/m.test(text) ? /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] : undefined;
}

/**
 * Installs a package from the backports of `release`, adding that suite to the source that lists the release where no source has
 * it. When that fails, sources are as before.
 */
export function installFromBackports(release: string, name: string): boolean {
  const suite = `${release}-backports`;
  const files = sourceFiles();
  const sources = files.map((path) => ({ path, format: formatOf(path), text: Deno.readTextFileSync(path) }));
  if (sources.some(({ text, format }) => lists(text, format, suite))) {
    return runApt("update") && install([name], suite);
  }
  for (const { path, format, text } of sources) {
    const added = withSuite(text, format, release, suite);
    if (added === undefined) continue;
    Deno.writeTextFileSync(path, added);
    if (runApt("update") && install([name], suite)) return true;
    Deno.writeTextFileSync(path, text);
    return false;
  }
  return false;
}

function sourceFiles(): string[] {
  const folder = `${FOLDER}/sources.list.d`;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
  const parts = names.filter((name) => /\.(sources|list)$/.test(name)).sort();
  return readIfThere(`${FOLDER}/sources.list`) === undefined ? parts : [`${FOLDER}/sources.list`, ...parts];
}

const formatOf = (path: string): Format => path.endsWith(".sources") ? "deb822" : "list";

/** Whether a source file has packages of a suite. */
export function lists(text: string, format: Format, suite: string): boolean {
  return withSuite(text, format, suite, suite) !== undefined;
}

/** The text of a source file with another suite beside `release`; undefined where it does not list that. */
export function withSuite(text: string, format: Format, release: string, suite: string): string | undefined {
  return format === "deb822"
    ? withSuiteInStanza(text, release, suite)
    : withSuiteInLine(text, release, suite);
}

function withSuiteInStanza(text: string, release: string, suite: string): string | undefined {
  const stanzas = text.split(/(?<=\n)(?=\n)/);
  for (const [index, stanza] of stanzas.entries()) {
    const field = (name: string) =>
      new RegExp(`^${name}:(.*)$`, "m").exec(stanza)?.[1].trim().split(/\s+/) ?? [];
    if (!field("Types").includes("deb") || field("Enabled").includes("no")) continue;
    if (!field("Suites").includes(release)) continue;
    stanzas[index] = stanza.replace(/^Suites:.*$/m, (line) => `${line.trimEnd()} ${suite}`);
    return stanzas.join("");
  }
  return undefined;
}

function withSuiteInLine(text: string, release: string, suite: string): string | undefined {
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const parts = /^(deb\s+(?:\[[^\]]*\]\s+)?\S+\s+)(\S+)(\s.*)$/.exec(line);
    if (parts?.[2] !== release) continue;
    lines.splice(index + 1, 0, `${parts[1]}${suite}${parts[3]}`);
    return lines.join("\n");
  }
  return undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
