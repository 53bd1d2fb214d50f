// SPDX-License-Identifier: MIT
/**
 * Releases and forks of OpenSSL, wolfSSL, and releases of mbed TLS, each with the tests' own peer. Those of other Debians are taken from roots of theirs, which debootstrap makes:
 * `COVERAGE_ROOTS` names a folder with some of `stretch`, `bullseye` and `trixie`.
 *
 * @module
 */
import { dirname } from "node:path";
import { runOk } from "../support/run.ts";
import { withFixture } from "../e2e/support/fixture.ts";
import { checkPeers, peerPath, probedPeers } from "../e2e/support/pattern_peers.ts";
import { PROGRAMS } from "../e2e/support/python.ts";
import { WOLFSSL_NAMES } from "../e2e/support/wolfssl.ts";
import { NOT_MET } from "./judge.ts";
import { LIBRARIES, librariesOf, ROOTS, type Row } from "./rows.ts";
import type { Coverage, Outcome } from "./table.ts";

/** Whole, as was checked; undefined: nothing is captured. */
function outcomeOf(comment: string | undefined): Outcome {
  if (comment === undefined) return { state: "not captured", reason: NOT_MET };
  const grades = [/attribution=(\S+)/.exec(comment)?.[1] ?? "?"];
  return { state: "captured", isComplete: true, isAddressed: true, hasRole: true, grades };
}

interface Release extends Row {
  readonly folder: string;
  readonly libraries: readonly string[];
  /** Of the peer that is linked with them. */
  readonly source: string;
  /** Its C library's, where that is not this machine's. */
  readonly loader?: string;
  /** What its functions are called instead, for the compiler. */
  readonly names?: readonly string[];
  /** Where its headers are, when the source has any of it. */
  readonly headers?: string;
}

function release(
  library: string,
  folder: string,
  libraries: readonly string[],
  more: Partial<Release> = {},
): Release {
  const needs = ["cc", `${folder}/${libraries[0]}`, ...more.headers === undefined ? [] : [more.headers]];
  return { program: "the tests' peer", library, needs, folder, libraries, source: "openssl_peer.c", ...more };
}

const openssl = (suffix: string) => [`libssl.so.${suffix}`, `libcrypto.so.${suffix}`];
const mbedtls = (tls: number, x509: number, crypto: number) => [
  ...[`libmbedtls.so.${tls}`, `libmbedx509.so.${x509}`, `libmbedcrypto.so.${crypto}`],
];
const MBED = { source: "mbedtls_peer.c", headers: "/usr/include/mbedtls" };
const TRIXIE = { loader: "ld-linux-x86-64.so.2" };

export const RELEASES: readonly Release[] = [
  release("OpenSSL 1.0.2", librariesOf("stretch"), openssl("1.0.2")),
  release("OpenSSL 1.1.1", librariesOf("bullseye"), openssl("1.1")),
  release("OpenSSL 3.0", LIBRARIES, openssl("3")),
  release("OpenSSL 3.5", librariesOf("trixie"), openssl("3"), TRIXIE),
  release("BoringSSL", `${LIBRARIES}/android`, openssl("0")),
  release("wolfSSL", LIBRARIES, ["libwolfssl.so"], { names: WOLFSSL_NAMES }),
  release("mbed TLS 2.28", LIBRARIES, mbedtls(14, 1, 7), MBED),
  release("mbed TLS 3.6", librariesOf("trixie"), mbedtls(21, 7, 16), {
    ...MBED,
    ...TRIXIE,
    headers: `${ROOTS}/trixie/usr/include/mbedtls`,
  }),
];

/** Both ends, one after the other, with the hook and, where that is possible, by probes; fails unless each is captured as it was. */
export async function measureRelease(
  { program, library, folder, libraries, source, loader, names = [], headers }: Release,
  withProbes: boolean,
): Promise<Coverage[]> {
  const rows: Coverage[] = [];
  await withFixture(async (fixture) => {
    const peer = peerPath(fixture);
    const linked = [
      `-L${folder}`,
      ...libraries.map((name) => `-l:${name}`),
      "-Wl,--disable-new-dtags",
      `-Wl,-rpath,${folder}`,
    ];
    const own = loader === undefined
      ? []
      : [`-Wl,--dynamic-linker,${folder}/${loader}`, "-Wl,--allow-shlib-undefined"];
    const included = headers === undefined ? [] : ["-I", dirname(headers)];
    await runOk("cc", "-O1", ...names, ...included, "-o", peer, `${PROGRAMS}/${source}`, ...linked, ...own);
    const runs = (["client", "server"] as const).map((role) => ({ how: "plain", hooked: [role] }));
    const peers = { program: peer, server: [fixture.certificate, fixture.key] };
    for (const { run, comment } of await checkPeers(fixture, peers, runs)) {
      const role = run.hooked[0];
      const probes = withProbes ? outcomeOf(await probedPeers(fixture, peers, role)) : undefined;
      rows.push({ program, role, library, hook: outcomeOf(comment), probes });
    }
  });
  return rows;
}
