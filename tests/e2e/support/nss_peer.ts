// SPDX-License-Identifier: MIT
/** The tests' program that is either end of a connection over NSS, and the database that it needs. @module */
import { missing, runOk } from "../../support/run.ts";
import { headerMissing, type Reason } from "../../support/skip.ts";
import type { Fixture } from "./fixture.ts";
import { PROGRAMS } from "./python.ts";

/** Why there is none on this machine. */
export function nssMissing(): Reason {
  return missing("cc", "openssl", "certutil", "pk12util") ?? headerMissing("nss/ssl.h", "libnss3-dev");
}

/** A database of NSS's with the fixture's certificate, named `peer`. */
export async function makeNssDatabase(fixture: Fixture): Promise<string> {
  const database = `sql:${fixture.path("nss")}`;
  const bundle = fixture.path("peer.p12");
  const { certificate, key } = fixture;
  await Deno.mkdir(fixture.path("nss"));
  await runOk("certutil", "-N", "-d", database, "--empty-password");
  const pair = ["-in", certificate, "-inkey", key, "-name", "peer", "-passout", "pass:"];
  await runOk("openssl", "pkcs12", "-export", ...pair, "-out", bundle);
  await runOk("pk12util", "-i", bundle, "-d", database, "-W", "", "-K", "");
  return database;
}

export async function compileNssPeer(fixture: Fixture): Promise<string> {
  const program = fixture.path("nss_peer");
  const flags = ["-O1", "-I/usr/include/nspr", "-I/usr/include/nss", "-o", program];
  await runOk("cc", ...flags, `${PROGRAMS}/nss_peer.c`, "-lssl3", "-lnss3", "-lnspr4");
  return program;
}
