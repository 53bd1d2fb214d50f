// SPDX-License-Identifier: MIT
/** Files of the directory with certificates and keys: read, checked, written. @module */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { IS_WINDOWS } from "../ffi/platform.ts";
import { keepPrivate } from "../ffi/private_file.ts";
import { systemError } from "../ffi/system_error.ts";

const CERTIFICATE_PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const GROUPS = "/etc/group";

/** Certificates of a file in PEM, one a text. Throws an `Error` of one line, which for a file that is missing ends in `fix`. */
export function certificatesIn(path: string, fix: string): string[] {
  const found = readText(path, fix).match(CERTIFICATE_PEM);
  if (found === null) throw new Error(`${path} has no certificate`);
  return found;
}

/** Throws as {@linkcode certificatesIn}. */
export function readText(path: string, fix: string): string {
  return new TextDecoder().decode(readBytes(path, fix));
}

/** Throws as {@linkcode certificatesIn}. */
export function readBytes(path: string, fix: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`there is no ${path}: ${fix}`);
    throw new Error(`cannot read ${path}: ${systemError(error).text}`);
  }
}

/**
 * A private key in PEM. One that others than its owner can read is no secret, unless they are of `group`, by name or number,
 * which only reads. Throws an `Error` of one line.
 */
export function readKey(path: string, group?: string): string {
  const text = readText(path, "it is kept where the certificate was made");
  const { mode, gid } = Deno.statSync(path);
  if (IS_WINDOWS || mode === null || (mode & 0o077) === 0) return text;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  if ((mode & 0o037) !== 0) {
    throw new Error(`others can read ${path} (mode ${shown}): chmod ${group ? 640 : 600} ${path}`);
  }
  if (group === undefined) {
    throw new Error(
      `others can read ${path} (mode ${shown}): chmod 600 ${path}, or name the group that may read it`,
    );
  }
  if (gid !== groupNumber(group)) {
    throw new Error(`${path} is readable by group ${gid}, which is not ${group}`);
  }
  return text;
}

function groupNumber(group: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const line = readText(GROUPS, "give the group's number").split("\n").find((line) =>
    line.startsWith(`${group}:`)
  );
  if (line === undefined) throw new Error(`there is no group ${JSON.stringify(group)} in ${GROUPS}`);
  return Number(line.split(":")[2]);
}

/** Throws an `Error` of one line. */
export function privateKey(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error(`${path} is no private key in PEM without a passphrase`);
  }
}

export interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Writes files that must not be there: none when one is. Throws an `Error` of one line, which ends in `taken` in that case. */
export function writeNew(files: readonly NewFile[], taken: string): void {
  // All before any: half a pair that does not belong to the other half would be worse than none.
  for (const { path } of files) if (isThere(path)) throw new Error(`cannot write ${path}: ${taken}`);
  for (const { path, text, mode } of files) {
    try {
      // What it holds comes when nobody else may read it any more.
      Deno.writeTextFileSync(path, "", { createNew: true, mode });
      if ((mode & 0o077) === 0) keepPrivate(path);
      Deno.writeTextFileSync(path, text);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) throw new Error(`cannot write ${path}: ${taken}`);
      throw new Error(`cannot write ${path}: ${systemError(error).text}`);
    }
  }
}

/** Puts a file in the place of another, at once: whoever reads finds either. Throws an `Error` of one line. */
export function replace(path: string, text: string): void {
  const fresh = `${path}.new`;
  attempt(`write ${path}`, () => {
    Deno.writeTextFileSync(fresh, text, { mode: 0o644 });
    Deno.renameSync(fresh, path);
  });
}

/** Puts lines behind those of a file, which is made when it is not there. Throws an `Error` of one line. */
export function appendLines(path: string, lines: readonly string[]): void {
  const text = lines.map((line) => `${line}\n`).join("");
  attempt(`write ${path}`, () => Deno.writeTextFileSync(path, text, { append: true, mode: 0o644 }));
}

export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new Error(`cannot look for ${path}: ${systemError(error).text}`);
  }
}

/** Names of the files in a directory, sorted. Throws an `Error` of one line. */
export function namesIn(directory: string): string[] {
  return attempt(`read ${directory}`, () => [...Deno.readDirSync(directory)]).map(({ name }) => name).sort();
}

/** Whatever is thrown becomes an `Error` of one line that says what could not be done. */
export function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new Error(`cannot ${what}: ${systemError(error).text}`);
  }
}
