// SPDX-License-Identifier: MIT
/** Packages for systems of tests: one of this version, and one as of a version before, whose hook has other bytes. @module */
import { type Entry, systemEntries } from "../../../tools/package/content.ts";
import { makeDeb, type PackageFacts } from "../../../tools/package/deb.ts";
import { NO_MAILBOX } from "../../../tools/package/maintainer.ts";
import { makeRpm } from "../../../tools/package/rpm.ts";
import { buildHook } from "../../../tools/hook.ts";
import { binary, MAIN_ARGS } from "./sslcollector.ts";

/** Where packages have the hook. */
export const LIBRARY = "/usr/lib/sslcollector/libsslcollector_hook.so";
/** With the executable in every package, which takes half a minute more: else the `.rpm` has a script that starts the program from source. */
export const EVERY_PACKAGE = Deno.env.get("EVERY_PACKAGE") === "1";

export type Kind = "deb" | "rpm";

/** How packages of a kind come and go; the last one takes with it what a package can take. */
interface Manager {
  readonly install: readonly string[];
  readonly remove: readonly string[];
  readonly purge: readonly string[];
  /** What is left of a configuration that was changed when the package is removed. */
  readonly keptConfig: string;
}

/** rpm of Debian wants to be told that it is one, and knows nothing of what Debian's packages bring. */
export const MANAGERS: Readonly<Record<Kind, Manager>> = {
  deb: {
    install: ["dpkg", "-i"],
    remove: ["dpkg", "-r", "sslcollector"],
    purge: ["dpkg", "-P", "sslcollector"],
    keptConfig: "/etc/sslcollector.toml",
  },
  rpm: {
    install: ["rpm", "-U", "--force-debian", "--nodeps"],
    remove: ["rpm", "-e", "sslcollector"],
    purge: ["rpm", "-e", "sslcollector"],
    keptConfig: "/etc/sslcollector.toml.rpmsave",
  },
};

export interface Versions {
  readonly before: string;
  readonly now: string;
}

const made = new Map<Kind, Promise<Versions>>();

/** Made once, and removed when the tests are over. */
export function versionsOf(kind: Kind): Promise<Versions> {
  const before = made.get(kind);
  if (before !== undefined) return before;
  const folder = Deno.makeTempDirSync({ prefix: "sslcollector-test-" });
  addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const now = makeVersions(kind, folder);
  made.set(kind, now);
  return now;
}

async function makeVersions(kind: Kind, folder: string): Promise<Versions> {
  const date = new Date(0), hook = `${folder}/before.so`;
  const parts = { executable: await executableOf(kind, folder), hook: await buildHook(), packages: [], date };
  const entries = await systemEntries(parts);
  await Deno.copyFile(parts.hook, hook);
  await Deno.writeTextFile(hook, "\n", { append: true });
  const withHook = (entry: Entry) =>
    `/${entry.path}` === LIBRARY ? { ...entry, content: { from: hook } } : entry;
  const paths = { before: `${folder}/before.${kind}`, now: `${folder}/now.${kind}` };
  const facts = { date, maintainer: NO_MAILBOX };
  await make(kind, entries.map(withHook), { ...facts, version: "0.0.9" }, `${folder}/before`, paths.before);
  await make(kind, entries, { ...facts, version: "0.1.0" }, `${folder}/now`, paths.now);
  return paths;
}

function make(
  kind: Kind,
  entries: readonly Entry[],
  facts: Omit<PackageFacts, "architecture">,
  folder: string,
  to: string,
): Promise<void> {
  const isX86 = Deno.build.arch === "x86_64";
  return kind === "deb"
    ? makeDeb(entries, { ...facts, architecture: isX86 ? "amd64" : "arm64" }, folder, to)
    : makeRpm(entries, { ...facts, architecture: isX86 ? "x86_64" : "aarch64" }, folder, to);
}

async function executableOf(kind: Kind, folder: string): Promise<string> {
  if (kind === "deb" || EVERY_PACKAGE) return await binary();
  const words = [Deno.execPath(), ...MAIN_ARGS].map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(`${folder}/sslcollector`, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  return `${folder}/sslcollector`;
}
