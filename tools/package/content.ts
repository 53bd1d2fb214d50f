// SPDX-License-Identifier: MIT
/** What is delivered beside the executable, and where it goes on a Linux system. @module */
import { fileURLToPath } from "node:url";
import { defaultConfig } from "../../cli/config_text.ts";
import { VERSION } from "../../net/settings/version.ts";
import { manualPage } from "./man.ts";
import { licenceTexts, type UsedPackage } from "./packages.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What people read, from the checkout's root: all that the pages link to, pictures and examples too. */
export function documents(): string[] {
  const pages = ["README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE", "codecs/codec.ts"];
  return [...pages, ...filesBelow("docs")].sort();
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

/** A file of a package. */
export interface Entry {
  /** From the root of the system or of the archive, without a slash in front. */
  readonly path: string;
  readonly mode: number;
  /** What it holds, or the path of a file that holds it. */
  readonly content: string | { readonly from: string };
}

/** What packages are made of. */
export interface Parts {
  readonly executable: string;
  readonly hook: string;
  readonly packages: readonly UsedPackage[];
  readonly date: Date;
}

export const UNITS: readonly string[] = ["sslcollector-agent.service", "sslcollector-collector.service"];
export const CONFIG = "etc/sslcollector.toml";
const LIBRARY_FOLDER = "usr/lib/sslcollector";

/** Where a service writes that has no other place. */
const ROTATION = 'rotate-size = "100MiB"\nkeep = 10';
const SERVICE_SINKS: Readonly<Record<string, string>> = {
  agent: `output = "/var/log/sslcollector/agent.pcapng"\n${ROTATION}`,
  collector: `output = "/var/log/sslcollector-collector/collector.pcapng"\n${ROTATION}`,
};

/** The default file, with a sink for each service. */
export function serviceConfig(): string {
  const agent = `[agent]\n${SERVICE_SINKS.agent}`;
  return defaultConfig().replace(/^\[collector\]$/m, `${agent}\n\n$&\n${SERVICE_SINKS.collector}`) + "\n";
}

/** Files of a system with the package, but for those that only one kind of package has. */
export async function systemEntries({ executable, hook, packages, date }: Parts): Promise<Entry[]> {
  const file = (path: string, content: Entry["content"], mode = 0o644): Entry => ({ path, content, mode });
  const folder = "usr/share/doc/sslcollector";
  return [
    file("usr/bin/sslcollector", { from: executable }, 0o755),
    file(`${LIBRARY_FOLDER}/libsslcollector_hook.so`, { from: hook }, 0o755),
    file(
      `${LIBRARY_FOLDER}/packaged`,
      "The library beside this file is a package's: hook uninstall leaves it.\n",
    ),
    file(CONFIG, serviceConfig()),
    ...UNITS.map((name) =>
      file(`usr/lib/systemd/system/${name}`, { from: `${ROOT}tools/package/files/${name}` })
    ),
    file("usr/share/man/man1/sslcollector.1", manualPage(VERSION, date.toISOString().slice(0, 10))),
    file("usr/share/bash-completion/completions/sslcollector", await completion("bash")),
    file("usr/share/fish/vendor_completions.d/sslcollector.fish", await completion("fish")),
    file(`${folder}/LICENSES-OF-OTHERS`, licenceTexts(packages)),
    ...documents().map((path) => file(`${folder}/${path}`, { from: ROOT + path })),
  ];
}

/** zsh looks in other places on other systems. */
export async function zshCompletion(folder: string): Promise<Entry> {
  return { path: `${folder}/_sslcollector`, content: await completion("zsh"), mode: 0o644 };
}

/** The text that the program prints for a shell. */
async function completion(shell: string): Promise<string> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-check", `${ROOT}cli/main.ts`, "completion", shell],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`no completions for ${shell}`);
  return new TextDecoder().decode(stdout).trim() + "\n";
}

/** Writes entries below a folder, with `date` as their time; folders are open to all, whatever the umask. */
export async function placeEntries(folder: string, entries: readonly Entry[], date: Date): Promise<void> {
  for (const { path, mode, content } of entries) {
    const to = `${folder}/${path}`;
    await makeFolders(folder, path);
    if (typeof content === "string") await Deno.writeTextFile(to, content);
    else await Deno.copyFile(content.from, to);
    await Deno.chmod(to, mode);
    await Deno.utime(to, date, date);
  }
}

/** Makes a folder and those that a path below it names. */
async function makeFolders(folder: string, path: string): Promise<void> {
  const names = path.split("/").slice(0, -1);
  for (let depth = 0; depth <= names.length; depth++) {
    const made = [folder, ...names.slice(0, depth)].join("/");
    await Deno.mkdir(made, { recursive: true });
    await Deno.chmod(made, 0o755);
  }
}
