// SPDX-License-Identifier: MIT
/** Kinds of process that a host may have, as far as TLS and the hook go, each with what is to be said of it: a table made by hand. @module */
import { isInstalled, missing, runOk } from "../../support/run.ts";
import type { Reason } from "../../support/skip.ts";
import { noFile } from "../../support/skip.ts";
import { makePrograms, NAMED_LIBRARIES } from "./waiting_programs.ts";

/** What `ps` is to say: that the program is there for the agent, nothing at all, or why it is not mirrored. */
export type Said = "silent" | "absent" | { readonly not: string };

export interface Kind {
  readonly name: string;
  readonly command: readonly string[];
  /** Beside the hook's. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints when it is as it is to be; `loaded` where absent. */
  readonly says?: string;
  /** Its file is deleted while it runs. */
  readonly isDeleted?: boolean;
  readonly lacks?: Reason;
  /** Families of its libraries; absent: whatever there is. */
  readonly libraries?: readonly string[];
  readonly said: Said;
}

const WITHOUT_HOOK = { LD_PRELOAD: "" };
const AS_NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups".split(" ");

const not = (reason: string): Said => ({ not: reason });
const python = (module: string) => [
  "/usr/bin/python3",
  "-c",
  `import ${module}, sys; print("loaded", flush=True); sys.stdin.read()`,
];
const NODE = ["node", "-e", 'process.stdin.resume(); console.log("loaded")'];
const PERL = ["perl", "-MNet::SSLeay", "-e", '$| = 1; print "loaded\\n"; <STDIN>'];
const RUBY = ["ruby", "-ropenssl", "-e", '$stdout.sync = true; puts "loaded"; gets'];
const PHP = ["php", "-r", 'echo "loaded\\n"; fgets(STDIN);'];
const DENO = [Deno.execPath(), "eval", 'console.log("loaded"); await Deno.stdin.read(new Uint8Array(1))'];
/** It waits for a debugger before it runs anything. */
const JAVA = ["java", "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:0", "Nothing"];

/** The table; its programs are made in `folder`, and `hook` is where the hook is. */
export async function processKinds(folder: string, hook: string): Promise<Kind[]> {
  const made = await makePrograms(folder);
  const openssl = made("openssl").path;
  return [
    ...hookKinds(openssl, made("confined").path, hook),
    { name: "set-user-id", command: [...AS_NOBODY, made("set-user-id").path], said: not("set-user-id") },
    { name: "a deleted file", ...command(made("deleted")), isDeleted: true, said: "silent" },
    { name: "GnuTLS", ...command(made("gnutls")), libraries: ["gnutls"], said: "silent" },
    {
      name: "GnuTLS without the hook",
      ...command(made("gnutls")),
      env: WITHOUT_HOOK,
      said: not("environment"),
    },
    { name: "NSS", ...command(made("nss")), libraries: ["nss"], said: "silent" },
    { name: "NSS without the hook", ...command(made("nss")), env: WITHOUT_HOOK, said: not("environment") },
    { name: "mbed TLS", ...command(made("mbedtls")), libraries: ["mbedtls"], said: "silent" },
    {
      name: "mbed TLS without the hook",
      ...command(made("mbedtls")),
      env: WITHOUT_HOOK,
      said: not("environment"),
    },
    { name: "wolfSSL", ...command(made("wolfssl")), libraries: ["wolfssl"], said: "silent" },
    { name: "wolfSSL, built in", ...command(made("wolfssl-built-in")), said: not("wolfssl") },
    { name: "BoringSSL, shared", ...command(made("boringssl")), libraries: ["openssl"], said: "silent" },
    { name: "OpenSSL, built in", ...command(made("openssl-built-in")), said: not("built-in-openssl") },
    { name: "OpenSSL, stripped", ...command(made("openssl-stripped")), said: not("built-in-openssl") },
    { name: "OpenSSL, static", ...command(made("openssl-static")), said: not("built-in-openssl") },
    { name: "Go", ...command(made("go")), said: not("go") },
    { name: "Go, stripped", ...command(made("go-stripped")), env: WITHOUT_HOOK, said: not("go") },
    ...namedKinds((library) => command(made(library)).command),
    ...await languageKinds(),
    { name: "no TLS", ...command(made("plain")), said: "absent" },
    { name: "no TLS, static", ...command(made("plain-static")), said: "absent" },
    { name: "a shell", command: ["sh", "-c", "echo loaded; read line"], said: "absent" },
  ];
}

const command = ({ path, lacks }: { readonly path: string; readonly lacks: Reason }) => ({
  command: [path],
  lacks,
});

/** One program with OpenSSL, with and without the hook in every way. */
function hookKinds(openssl: string, confined: string, hook: string): Kind[] {
  const [other, lost] = [{ SSLCOLLECTOR_RUNTIME: "/run/another" }, { LD_PRELOAD: `/nowhere${hook}` }];
  const connects = { SSLCOLLECTOR_SECCOMP: "connect" };
  const off = { SSLCOLLECTOR_HOOK: "0" };
  return [
    { name: "OpenSSL", command: [openssl], libraries: ["openssl"], said: "silent" },
    { name: "OpenSSL without the hook", command: [openssl], env: WITHOUT_HOOK, said: not("environment") },
    { name: "told to keep still", command: [openssl], env: off, said: not("switched-off") },
    { name: "of another agent", command: [openssl], env: other, said: not("other-agent") },
    { name: "a cleared environment", command: ["env", "-i", openssl], said: not("environment") },
    { name: "a hook that its loader does not find", command: [openssl], env: lost, said: not("not-loaded") },
    { name: "a filter from its start", command: [confined, openssl], said: not("seccomp") },
    { name: "a filter that allows it", command: [confined, openssl], env: connects, said: "silent" },
    { name: "another user's", command: [...AS_NOBODY, openssl], said: "silent" },
    { name: "in namespaces of its own", command: ["unshare", "-n", "-u", "-i", openssl], said: "silent" },
    { name: "in a mount namespace of its own", command: ["unshare", "-m", openssl], said: "silent" },
  ];
}

/** Libraries that are known by their names alone. */
function namedKinds(commandOf: (library: string) => string[]): Kind[] {
  const { foreign, withBoringssl, openssl } = NAMED_LIBRARIES;
  const kinds = (libraries: readonly string[], kind: Pick<Kind, "env" | "libraries" | "said">) =>
    libraries.map((library): Kind => ({ name: library, command: commandOf(library), ...kind }));
  return [
    ...kinds(foreign, { libraries: ["other-tls-library"], said: not("other-tls-library") }),
    ...kinds(withBoringssl, { said: not("built-in-openssl") }),
    ...kinds(openssl, { env: WITHOUT_HOOK, libraries: ["openssl"], said: not("environment") }),
  ];
}

/** Interpreters and virtual machines. */
async function languageKinds(): Promise<Kind[]> {
  const node = await nodeKind();
  const noModule = noFile("/usr/lib/x86_64-linux-gnu/perl5/5.36/Net/SSLeay.pm");
  return [
    { name: "Python, OpenSSL loaded late", command: python("_ssl"), libraries: ["openssl"], said: "silent" },
    {
      name: "the same without the hook",
      command: python("_ssl"),
      env: WITHOUT_HOOK,
      said: not("environment"),
    },
    { name: "Python without TLS", command: python("os"), said: "absent" },
    { name: "node", command: NODE, lacks: missing("node"), said: node.hooked },
    {
      name: "node without the hook",
      command: NODE,
      env: WITHOUT_HOOK,
      lacks: missing("node"),
      said: node.unhooked,
    },
    {
      name: "Perl",
      command: PERL,
      lacks: missing("perl") ?? noModule,
      libraries: ["openssl"],
      said: "silent",
    },
    { name: "Ruby", command: RUBY, lacks: missing("ruby"), libraries: ["openssl"], said: "silent" },
    { name: "PHP", command: PHP, lacks: missing("php"), said: "silent" },
    { name: "rustls in Deno", command: DENO, said: not("rustls") },
    { name: "Java", command: JAVA, says: "Listening", lacks: missing("java"), said: not("java") },
  ];
}

/** Debian's is linked with OpenSSL, and that of nodejs.org has it inside. */
async function nodeKind(): Promise<{ hooked: Said; unhooked: Said }> {
  const isDebians = isInstalled("node") &&
    /libnode|libssl/.test(await runOk("sh", "-c", 'ldd "$(command -v node)"'));
  if (isDebians) return { hooked: "silent", unhooked: not("environment") };
  return { hooked: not("built-in-openssl"), unhooked: not("built-in-openssl") };
}
