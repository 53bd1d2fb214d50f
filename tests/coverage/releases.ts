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
import { ROOTS, type Row } from "./rows.ts";
import type { Coverage, Outcome } from "./table.ts";

/** Whole, as was checked. */
function seenBy(comment: string): Outcome {
  const grades = [/attribution=(\S+)/.exec(comment)?.[1] ?? "?"];
  return { state: "captured", isComplete: true, isAddressed: true, hasRole: true, grades };
}

interface Release extends Row {
  readonly folder: string;
  readonly libraries: readonly string[];
  /** Its C library's, where that is not this machine's. */
  readonly loader?: string;
}

const SYSTEM = "/usr/lib/x86_64-linux-gnu";

function release(library: string, folder: string, suffix: string, loader?: string): Release {
  const libraries = [`libssl.so.${suffix}`, `libcrypto.so.${suffix}`];
  const needs = ["cc", `${folder}/${libraries[0]}`];
  return { program: "the tests' peer", library, needs, folder, libraries, loader };
}

const inRoot = (suite: string) => `${ROOTS}/${suite}${SYSTEM}`;

export const RELEASES: readonly Release[] = [
  release("OpenSSL 1.0.2", inRoot("stretch"), "1.0.2"),
  release("OpenSSL 1.1.1", inRoot("bullseye"), "1.1"),
  release("OpenSSL 3.0", SYSTEM, "3"),
  release("OpenSSL 3.5", inRoot("trixie"), "3", "ld-linux-x86-64.so.2"),
  release("BoringSSL", `${SYSTEM}/android`, "0"),
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
      const probed = withProbes ? await probedPeers(fixture, peers, role) : undefined;
      const probes: Outcome | undefined = !withProbes
        ? undefined
        : probed === undefined
        ? { state: "not captured", reason: "none of its calls was met" }
        : seenBy(probed);
      rows.push({ program, role, library, hook: seenBy(comment), probes });
    }
  });
  return rows;
}
