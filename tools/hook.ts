// SPDX-License-Identifier: MIT
/**
 * Builds the capture hook, `dist/libsslcollector_hook.so`, with the system's C compiler, and checks that it will load
 * wherever it must: nothing exported but the interposed names, nothing wanted but the dynamic loader's list of objects,
 * no glibc newer than 2.17.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { isFor, ownTarget, type Target, toolFor } from "./build/target.ts";
import { type DynamicSymbols, readDynamicSymbols } from "./elf.ts";

const SOURCES = new URL("../hook/", import.meta.url);
const NAME = "libsslcollector_hook.so";
const DIST = new URL("../dist/", import.meta.url);

/** Newest glibc version that a symbol may need. */
const GLIBC_CEILING = [2, 17];

/** What the hook may want from outside. */
const ALLOWED_UNDEFINED = [
  "SSL_ImportFD",
  "SSL_version",
  "dl_iterate_phdr",
  "gnutls_protocol_get_version",
  "mbedtls_ssl_get_version",
  "wolfSSL_version",
];

/** What the hook may define for others: the functions that it interposes. */
const INTERPOSED = [
  ...["SSL_read", "SSL_read_ex", "SSL_read_early_data", "SSL_write", "SSL_write_ex", "SSL_write_ex2"],
  ...[
    "SSL_write_early_data",
    "SSL_sendfile",
    "SSL_new",
    "SSL_up_ref",
    "SSL_free",
    "SSL_clear",
    "SSL_shutdown",
    "SSL_connect",
    "SSL_accept",
    "SSL_do_handshake",
  ],
  ...["gnutls_init", "gnutls_deinit", "gnutls_handshake", "gnutls_bye", "gnutls_server_name_set"],
  ...[
    "gnutls_record_send",
    "gnutls_record_send2",
    "gnutls_record_send_range",
    "gnutls_record_send_early_data",
    "gnutls_record_send_file",
    "gnutls_record_uncork",
  ],
  ...["gnutls_record_recv", "gnutls_record_recv_early_data", "gnutls_record_recv_packet"],
  "gnutls_record_recv_seq",
  ...["PR_Read", "PR_Write", "PR_Recv", "PR_Send", "PR_Writev"],
  ...["SSL_ForceHandshake", "SSL_ForceHandshakeWithTimeout"],
  ...["new", "free", "clear", "connect", "accept", "shutdown", "read", "recv", "write", "send", "writev"]
    .map((name) => `wolfSSL_${name}`),
  ...[
    "config_defaults",
    "config_free",
    "conf_endpoint",
    "setup",
    "session_reset",
    "free",
    "handshake",
    "handshake_step",
  ]
    .map((name) => `mbedtls_ssl_${name}`),
  ...["renegotiate", "read", "read_early_data", "write", "write_early_data", "close_notify"]
    .map((name) => `mbedtls_ssl_${name}`),
  ...[
    "BIO_f_ssl",
    "read",
    "__read_chk",
    "readv",
    "recv",
    "__recv_chk",
    "recvfrom",
    "__recvfrom_chk",
    "recvmsg",
  ],
  ...["write", "writev", "send", "sendto", "sendmsg", "prctl", "syscall"],
  ...["setrlimit", "setrlimit64", "prlimit", "prlimit64", "mlockall", "dlopen", "dlmopen", "dlsym"],
];

/** Also for builds that measure it. */
export const compilerFlags = ({ name }: Target): string[] => [
  ...["-std=c99", "-D_GNU_SOURCE", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra", "-Werror"],
  ...["-fPIC", "-fvisibility=hidden", "-ftls-model=initial-exec", "-fno-stack-protector"],
  // The out-of-line atomics live in libgcc, which asks the C library about the processor.
  ...(name.startsWith("aarch64") ? ["-mno-outline-atomics"] : []),
];

/** Those of the linker, when the library is linked. */
export const LINKER_FLAGS: readonly string[] = [
  ...["-shared", "-nostdlib", "-Wl,--hash-style=both", "-Wl,-z,now,-z,noexecstack"],
  // Every process maps the library: two segments, and no page to protect, since nothing but one address is relocated for use.
  "-Wl,-z,noseparate-code,-z,norelro",
];

/**
 * Builds the library if a source is newer than it, and returns its path; for another target than this machine's own, in a folder of
 * the target's name. Callers in parallel are safe: each puts a whole file in place. Throws an Error of one line when there is no
 * compiler, it fails, or the result is not as it must be.
 */
export async function buildHook(target: Target = ownTarget()): Promise<string> {
  const folder = target.name === Deno.build.target ? DIST : new URL(`${target.name}/`, DIST);
  const path = fileURLToPath(new URL(NAME, folder));
  if (await isCurrent(path)) return path;
  await Deno.mkdir(folder, { recursive: true });
  const partial = `${path}.${crypto.randomUUID()}`;
  const begun = new Date();
  try {
    const sources = (await sourceNames()).filter((name) => name.endsWith(".c"));
    const args = [...compilerFlags(target), "-O2", ...LINKER_FLAGS, ...sources, "-o", partial];
    await compile(target, args);
    const file = await Deno.readFile(partial);
    if (!isFor(file, target)) throw new Error(`the compiler made a hook that is not for ${target.name}`);
    checkSymbols(readDynamicSymbols(file));
    await Deno.chmod(partial, 0o755);
    await Deno.utime(partial, begun, begun); // a source edited meanwhile is newer
    await Deno.rename(partial, path);
  } finally {
    await Deno.remove(partial).catch(() => {});
  }
  return path;
}

/** Throws an Error that names the first symbol that should not be there. */
export function checkSymbols(symbols: DynamicSymbols): void {
  for (const name of symbols.defined) {
    if (!INTERPOSED.includes(name)) {
      throw new Error(`the hook exports "${name}", which it does not interpose`);
    }
  }
  for (const name of INTERPOSED) {
    if (!symbols.defined.includes(name)) throw new Error(`the hook does not export "${name}"`);
  }
  for (const name of symbols.undefined) {
    if (!ALLOWED_UNDEFINED.includes(name)) throw new Error(`the hook wants "${name}" from another library`);
  }
  if (symbols.needed !== 0) throw new Error(`the hook is linked to ${symbols.needed} libraries, want none`);
  for (const version of symbols.versions) {
    if (!isOldEnough(version)) {
      throw new Error(`the hook wants ${version}, newer than GLIBC_${GLIBC_CEILING.join(".")}`);
    }
  }
}

function isOldEnough(version: string): boolean {
  const match = /^GLIBC_(\d+)\.(\d+)/.exec(version);
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major < GLIBC_CEILING[0] || (major === GLIBC_CEILING[0] && minor <= GLIBC_CEILING[1]);
}

async function sourceNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(SOURCES)) {
    if (entry.isFile && /\.[ch]$/.test(entry.name)) names.push(fileURLToPath(new URL(entry.name, SOURCES)));
  }
  return names.sort();
}

async function isCurrent(path: string): Promise<boolean> {
  const built = await modified(path);
  if (built === undefined) return false;
  for (const source of [...await sourceNames(), fileURLToPath(import.meta.url)]) {
    if ((await modified(source) ?? 0) >= built) return false;
  }
  return true;
}

async function modified(path: string): Promise<number | undefined> {
  return (await Deno.stat(path).catch(() => undefined))?.mtime?.getTime();
}

async function compile(target: Target, args: string[]): Promise<void> {
  const compiler = toolFor(target, "cc", "gcc");
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(compiler, { args, stdin: "null", stdout: "null", stderr: "piped" })
      .output();
  } catch (cause) {
    const packages = compiler === "cc" ? "gcc libc6-dev" : target.crossPackage;
    throw new Error(`no C compiler: "${compiler}" is not on PATH (Debian: apt-get install ${packages})`, {
      cause,
    });
  }
  if (!output.success) {
    const text = new TextDecoder().decode(output.stderr);
    const line = text.split("\n").find((candidate) => /error|undefined/.test(candidate)) ??
      text.split("\n")[0];
    throw new Error(`${compiler} cannot build the hook: ${line.trim()}`);
  }
}

if (import.meta.main) {
  try {
    console.log(await buildHook());
    await tryProbes();
  } catch (error) {
    console.error(`hook: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

/** The probes are built beside the hook, where they can be. */
async function tryProbes(): Promise<void> {
  const { buildProbes } = await import("./probes.ts");
  try {
    console.log(await buildProbes());
  } catch (error) {
    console.error(`hook: without kernel probes: ${(error as Error).message}`);
  }
}
