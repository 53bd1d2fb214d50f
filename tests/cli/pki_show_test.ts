// SPDX-License-Identifier: MIT
/** `sslcollector pki show`: a line for each certificate, whatever is written in one. */
import assert from "node:assert/strict";
import { daysFrom, issueCertificate, makeAuthority } from "../../net/pki/issue.ts";
import { runCommand } from "../support/command.ts";
import { withTempDir } from "../support/run.ts";

Deno.test("pki show: names of a certificate of another's making begin no line and give a terminal no orders", () =>
  withTempDir(async (folder) => {
    const validity = daysFrom(Date.now(), 10);
    const authority = await makeAuthority("CA", validity);
    const name = "web1\nsslcollector: error: disk on fire";
    const names = ["a\u001b[31m.test"];
    const { certificate } = await issueCertificate(authority, { role: "collector", name, names, validity });
    Deno.writeTextFileSync(`${folder}/ca.crt`, authority.certificate);
    Deno.writeTextFileSync(`${folder}/collector-web1.crt`, certificate);
    const { code, stdout } = await runCommand(["pki", "show", "--pki", folder]);
    assert.equal(code, 0);
    const [, line, ...more] = stdout.trimEnd().split("\n");
    assert.match(
      line,
      /^collector {2}web1\\u\{a\}sslcollector: error: disk on fire {2}\d+ days left \(soon\) {2}a\\u\{1b\}\[31m\.test /,
    );
    assert.deepEqual(more, []);
  }));
