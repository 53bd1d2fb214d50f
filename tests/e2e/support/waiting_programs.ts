// SPDX-License-Identifier: MIT
/** Programs that say `loaded` and wait for the end of their input, each with TLS of another kind. @module */
import { fileURLToPath } from "node:url";
import { buildGo, goMissing } from "../../support/go.ts";
import { runOk } from "../../support/run.ts";
import { noFile, type Reason } from "../../support/skip.ts";
import { PROGRAMS } from "./python.ts";

const CALLER = fileURLToPath(new URL("../../net/agent/unmirrored/programs/caller.c", import.meta.url));
const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const BORINGSSL = `${LIBRARIES}/android/libssl.so.0`;

const GO = `package main

import (
	"crypto/tls"
	"fmt"
	"os"
)

func main() {
	fmt.Println("loaded", tls.VersionTLS13 == 0)
	os.Stdin.Read(make([]byte, 1))
}
`;

const noLibrary = (name: string) => noFile(`${LIBRARIES}/${name}`);
const inside = (...libraries: string[]) => ["-Wl,-Bstatic", ...libraries, "-Wl,-Bdynamic"];
const only = (...libraries: string[]) => ["-DPLAIN", "-Wl,--no-as-needed", ...libraries];

/** By name: how the C compiler makes it, and what that needs. */
const COMPILED: Readonly<Record<string, { readonly flags: readonly string[]; readonly lacks?: Reason }>> = {
  "openssl": { flags: ["-lssl", "-lcrypto"] },
  "set-user-id": { flags: ["-lssl", "-lcrypto"] },
  "deleted": { flags: ["-lssl", "-lcrypto"] },
  "gnutls": { flags: only("-lgnutls") },
  "nss": { flags: only("-lssl3", "-lnss3", "-lnspr4") },
  "mbedtls": { flags: only("-lmbedtls"), lacks: noLibrary("libmbedtls.so") },
  "plain": { flags: ["-DPLAIN"] },
  "plain-static": { flags: ["-DPLAIN", "-static"] },
  "openssl-built-in": { flags: inside("-lssl", "-lcrypto"), lacks: noLibrary("libssl.a") },
  "openssl-stripped": { flags: ["-s", ...inside("-lssl", "-lcrypto")], lacks: noLibrary("libssl.a") },
  "openssl-static": { flags: ["-static", "-lssl", "-lcrypto"], lacks: noLibrary("libssl.a") },
  "wolfssl": { flags: ["-DCALLED=wolfSSL_read", "-lwolfssl"], lacks: noLibrary("libwolfssl.so") },
  "wolfssl-built-in": {
    flags: ["-DCALLED=wolfSSL_read", ...inside("-lwolfssl"), "-lm"],
    lacks: noLibrary("libwolfssl.a"),
  },
  "boringssl": {
    flags: [BORINGSSL, `-Wl,-rpath,${LIBRARIES}/android`, "-Wl,--allow-shlib-undefined"],
    lacks: noFile(BORINGSSL),
  },
};

/** Names of libraries by which they are known; programs with one that has nothing else are called so. */
export const NAMED_LIBRARIES = {
  foreign: ["libs2n.so.1", "libbearssl.so.6", "libbotan-2.so.19", "librustls.so"],
  withBoringssl: ["libconscrypt_jni.so", "libnetty_tcnative_linux_x86_64.so"],
  openssl: ["libssl.so.1.1", "libssl-3e69114b.so.1.1"],
} as const;

/** A program that was made, or why not. */
export interface Made {
  readonly path: string;
  readonly lacks: Reason;
}

/** Makes them all in `folder`; by name, `confined`, `go` and `go-stripped` among them. */
export async function makePrograms(folder: string): Promise<(name: string) => Made> {
  const at = (name: string) => `${folder}/${name}`;
  const lacks = new Map<string, Reason>();
  const made = (name: string): Made => ({ path: at(name), lacks: lacks.get(name) });
  await Deno.writeTextFile(at("empty.c"), "int nothing;\n");
  await Deno.writeTextFile(at("waits.go"), GO);
  const link = async (library: string) => {
    const path = `${folder}/lib/${library}`;
    await runOk("cc", "-shared", "-fPIC", `-Wl,-soname,${library}`, "-o", path, at("empty.c"));
    await runOk("cc", "-o", at(library), CALLER, ...only(path, `-Wl,-rpath,${folder}/lib`));
  };
  await Deno.mkdir(at("lib"));
  for (const [name, { lacks: reason }] of Object.entries(COMPILED)) lacks.set(name, reason);
  for (const name of ["go", "go-stripped"]) lacks.set(name, goMissing());
  await Promise.all([
    runOk("cc", "-o", at("confined"), `${PROGRAMS}/confined.c`),
    ...Object.values(NAMED_LIBRARIES).flat().map(link),
    ...Object.entries(COMPILED).filter(([name]) => made(name).lacks === undefined)
      .map(([name, { flags }]) => runOk("cc", "-o", at(name), CALLER, ...flags)),
    goMissing() ??
      buildGo(at("waits.go"), at("go")).then(() => runOk("strip", "-o", at("go-stripped"), at("go"))),
  ]);
  await Deno.chmod(at("set-user-id"), 0o4755);
  return made;
}
