// SPDX-License-Identifier: MIT
/**
 * Releases and forks of OpenSSL, each with the tests' own peer. Those of other Debians are taken from roots of theirs, which debootstrap makes:
 * `COVERAGE_ROOTS` names a folder with some of `stretch`, `bullseye` and `trixie`.
 *
 * @module
 */
import { runOk } from "../support/run.ts";
import { withFixture } from "../e2e/support/fixture.ts";
import { checkPeers, probedPeers } from "../e2e/support/pattern_peers.ts";
import { PROGRAMS } from "../e2e/support/python.ts";
import { NOT_MET } from "./judge.ts";
import { LIBRARIES, ROOTS, type Row } from "./rows.ts";
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
  /** Its C library's, where that is not this machine's. */
  readonly loader?: string;
}

function release(library: string, folder: string, suffix: string, loader?: string): Release {
  const libraries = [`libssl.so.${suffix}`, `libcrypto.so.${suffix}`];
  const needs = ["cc", `${folder}/${libraries[0]}`];
  return { program: "the tests' peer", library, needs, folder, libraries, loader };
}

const inRoot = (suite: string) => `${ROOTS}/${suite}${LIBRARIES}`;

export const RELEASES: readonly Release[] = [
  release("OpenSSL 1.0.2", inRoot("stretch"), "1.0.2"),
  release("OpenSSL 1.1.1", inRoot("bullseye"), "1.1"),
  release("OpenSSL 3.0", LIBRARIES, "3"),
  release("OpenSSL 3.5", inRoot("trixie"), "3", "ld-linux-x86-64.so.2"),
  release("BoringSSL", `${LIBRARIES}/android`, "0"),
];

/** Both ends, one after the other, with the hook and, where that is possible, by probes; fails unless each is captured as it was. */
export async function measureRelease(
  { program, library, folder, libraries, loader }: Release,
  withProbes: boolean,
): Promise<Coverage[]> {
  const rows: Coverage[] = [];
  await withFixture(async (fixture) => {
    const peer = fixture.path("openssl_peer");
    const linked = [
      `-L${folder}`,
      ...libraries.map((name) => `-l:${name}`),
      "-Wl,--disable-new-dtags",
      `-Wl,-rpath,${folder}`,
    ];
    const own = loader === undefined
      ? []
      : [`-Wl,--dynamic-linker,${folder}/${loader}`, "-Wl,--allow-shlib-undefined"];
    await runOk("cc", "-O1", "-o", peer, `${PROGRAMS}/openssl_peer.c`, ...linked, ...own);
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
