// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isAllowed, parseAllowList } from "../../../net/pki/allowed.ts";
import { daysFrom } from "../../../net/pki/issue.ts";
import { loadCredentials } from "../../../net/pki/load.ts";
import { parseDenyList } from "../../../net/pki/revoked.ts";
import { initAuthority, issueInto, listCertificates, renewIn, revokeIn } from "../../../net/pki/store.ts";
import { withTempDir } from "../../support/run.ts";

const VALIDITY = daysFrom(Date.now(), 10);
const web1 = { role: "agent", name: "web1", names: [], validity: VALIDITY } as const;

Deno.test("names: a star stands for no dot and no slash, and everything else for itself", () => {
  const spiffe = "spiffe://corp/ns/shop/sa/web";
  for (
    const [name, pattern, fits] of [
      ["web1", "web1", true],
      ["web1", "web*", true],
      ["web1", "*", true],
      ["web1.corp", "*", false],
      ["web1.corp", "*.corp", true],
      ["web1.evil.corp", "*.corp", false],
      ["web1xcorp", "web1.corp", false],
      ["web1", "web", false],
      ["xweb1", "web1", false],
      ["web1\nx", "web1", false],
      [spiffe, "spiffe://corp/ns/*/sa/web", true],
      [spiffe, "spiffe://corp/*/sa/web", false],
    ] as const
  ) {
    assert.equal(isAllowed(name, ["mail", pattern]), fits, `${name} ${pattern}`);
  }
  assert.equal(isAllowed("web1", []), false);
  assert.deepEqual(parseAllowList("# ours\nweb1\n\n  mail*  # old\n"), ["web1", "mail*"]);
});

Deno.test("deny list: serial numbers and fingerprints as tools print them, and nothing else", () => {
  const text = `# ours\n00:9A:3F\n1f web1\n\nsha256:${"AB:".repeat(32).slice(0, -1)} # hub\n`;
  assert.deepEqual(parseDenyList(text), ["9a3f", "1f", `sha256:${"ab".repeat(32)}`]);
  for (const bad of ["web1", "sha256:abcd", "sha1:abcd", ":"]) {
    assert.throws(() => parseDenyList(`1f\n${bad}\n`), /^Error: line 2: expected a serial number/, bad);
  }
});

Deno.test("a name is revoked with all that it was issued, renewed ones and those moved away", () =>
  withTempDir(async (folder) => {
    await initAuthority(folder, "test CA", VALIDITY);
    await issueInto(folder, web1);
    await renewIn(folder, "agent", "web1", VALIDITY);
    for (const kind of ["crt", "key"]) {
      await Deno.rename(`${folder}/agent-web1.${kind}`, `${folder}/old.${kind}`);
    }
    await issueInto(folder, web1);
    await issueInto(folder, { ...web1, name: "web11" });
    assert.equal(revokeIn(folder, "web1", new Date()).length, 3);
    const listed = await listCertificates(folder);
    assert.deepEqual(listed.map(({ name, isRevoked }) => [name, isRevoked]), [
      ["test CA", false],
      ["web1", true],
      ["web11", false],
      ["web1", true],
    ]);
    await assert.rejects(
      loadCredentials({ directory: folder, role: "agent", name: "web1" }),
      /"web1" is revoked/,
    );
    const other = listed.find(({ name }) => name === "web11")!;
    assert.deepEqual(revokeIn(folder, other.serial.toUpperCase(), new Date()), [other.serial]);
    assert.throws(() => revokeIn(folder, "web2", new Date()), /knows no certificate of "web2"/);
  }));

Deno.test("a renewed certificate has the key, names and role that it had, and a validity of its own", () =>
  withTempDir(async (folder) => {
    await initAuthority(folder, "test CA", VALIDITY);
    const names = ["hub.example", "192.0.2.1"];
    await issueInto(folder, { role: "collector", name: "hub", names, validity: VALIDITY });
    const before = await loadCredentials({ directory: folder, role: "collector" });
    await renewIn(folder, "collector", "hub", daysFrom(Date.now(), 5));
    const after = await loadCredentials({ directory: folder, role: "collector" });
    assert.equal(after.key, before.key);
    assert.ok(after.validToMs < before.validToMs);
    assert.deepEqual((await listCertificates(folder)).at(-1)!.names, names);
    await initAuthority(`${folder}/other`, "test CA", VALIDITY);
    for (const kind of ["crt", "key"]) {
      await Deno.copyFile(`${folder}/other/ca.${kind}`, `${folder}/ca.${kind}`);
    }
    await assert.rejects(renewIn(folder, "collector", "hub", VALIDITY), /of another CA/);
  }));
