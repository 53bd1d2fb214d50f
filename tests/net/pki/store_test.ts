// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { daysFrom } from "../../../net/pki/issue.ts";
import { LiveCredentials } from "../../../net/pki/live_credentials.ts";
import { initAuthority, issueInto, listCertificates } from "../../../net/pki/store.ts";
import { loadCredentials } from "../../../net/pki/load.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";

const VALIDITY = daysFrom(Date.now(), 10);

Deno.test("a CA and its certificates: roles, names, modes", () =>
  withTempDir(async (folder) => {
    const directory = `${folder}/pki`;
    await initAuthority(directory, "test CA", VALIDITY);
    const names = ["192.0.2.1", "2001:db8::1", "hub.example"];
    await issueInto(directory, {
      role: "collector",
      name: "hub",
      names,
      validity: VALIDITY,
    });
    await issueInto(directory, {
      role: "agent",
      name: "web1.example",
      names: [],
      validity: VALIDITY,
    });
    assert.deepEqual(
      (await listCertificates(directory)).map(({ name, roles, isAuthority, names, hasKey }) => ({
        name,
        roles,
        isAuthority,
        names,
        hasKey,
      })),
      [
        { name: "test CA", roles: [], isAuthority: true, names: [], hasKey: true },
        { name: "web1.example", roles: ["agent"], isAuthority: false, names: [], hasKey: true },
        { name: "hub", roles: ["collector"], isAuthority: false, names, hasKey: true },
      ],
    );
    for (const { name } of Deno.readDirSync(directory)) {
      assert.equal(
        Deno.statSync(`${directory}/${name}`).mode! & 0o777,
        name.endsWith(".key") ? 0o600 : 0o644,
      );
    }
    assert.equal((await loadCredentials({ directory: directory, role: "agent" })).name, "web1.example");
    assert.equal(
      (await loadCredentials({ directory: directory, role: "collector", name: "hub" })).name,
      "hub",
    );
  }));

Deno.test({
  name: "OpenSSL takes a certificate for its role and for no other",
  ...skipIf(missing("openssl")),
  fn: () =>
    withTempDir(async (folder) => {
      const directory = `${folder}/pki`;
      await initAuthority(directory, "test CA", VALIDITY);
      const collector = await issueInto(directory, {
        role: "collector",
        name: "hub",
        names: ["hub"],
        validity: VALIDITY,
      });
      const agent = await issueInto(directory, {
        role: "agent",
        name: "web1",
        names: [],
        validity: VALIDITY,
      });
      const verify = (purpose: string, path: string) =>
        runOk(
          "openssl",
          "verify",
          "-x509_strict",
          "-purpose",
          purpose,
          "-CAfile",
          `${directory}/ca.crt`,
          path,
        );
      await verify("sslclient", agent);
      await verify("sslserver", collector);
      await assert.rejects(verify("sslserver", agent));
      await assert.rejects(verify("sslclient", collector));
    }),
});

Deno.test("nothing is written over, and mistakes are told in one line", () =>
  withTempDir(async (folder) => {
    const request = { role: "agent", name: "web1", names: [], validity: VALIDITY } as const;
    await assert.rejects(
      issueInto(folder, request),
      /there is no .*ca\.crt: sslcollector pki init makes it/,
    );
    await initAuthority(folder, "test CA", VALIDITY);
    await assert.rejects(initAuthority(folder, "test CA", VALIDITY), /ca\.key: there is a CA already/);
    await assert.rejects(
      loadCredentials({ directory: folder, role: "agent" }),
      /has no key of an agent: sslcollector pki issue agent NAME/,
    );
    await issueInto(folder, request);
    await assert.rejects(issueInto(folder, request), /agent-web1\.key: there is one of this name already/);
    await assert.rejects(issueInto(folder, { ...request, name: "../web1" }), /expected a name of letters/);
    await issueInto(folder, { ...request, name: "web2" });
    await assert.rejects(
      loadCredentials({ directory: folder, role: "agent" }),
      /keys of several agents: name one of web1, web2 with --identity/,
    );
    assert.equal((await loadCredentials({ directory: folder, role: "agent", name: "web2" })).name, "web2");
  }));

Deno.test("beside half a pair, no other half is written", () =>
  withTempDir(async (folder) => {
    await initAuthority(folder, "test CA", VALIDITY);
    const certificate = Deno.readTextFileSync(`${folder}/ca.crt`);
    Deno.removeSync(`${folder}/ca.key`);
    await assert.rejects(
      initAuthority(folder, "test CA", VALIDITY),
      /cannot write .*ca\.crt: there is a CA already/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["ca.crt"]);
    assert.equal(Deno.readTextFileSync(`${folder}/ca.crt`), certificate);
  }));

Deno.test({
  name: "a key that others can read is refused",
  ...skipIf(Deno.build.os === "windows" && "permissions of files: not on Windows"),
  fn: () =>
    withTempDir(async (folder) => {
      await initAuthority(folder, "test CA", VALIDITY);
      await issueInto(folder, { role: "agent", name: "web1", names: [], validity: VALIDITY });
      for (const mode of [0o640, 0o604, 0o620]) {
        Deno.chmodSync(`${folder}/agent-web1.key`, mode);
        await assert.rejects(
          loadCredentials({ directory: folder, role: "agent" }),
          /others can read .*: chmod 600 /,
        );
      }
      Deno.chmodSync(`${folder}/ca.key`, 0o644);
      const request = { role: "agent", name: "web2", names: [], validity: VALIDITY } as const;
      await assert.rejects(issueInto(folder, request), /others can read .*ca\.key/);
      assert.throws(() => Deno.statSync(`${folder}/agent-web2.crt`), Deno.errors.NotFound);
    }),
});

Deno.test("certificates and keys that do not fit together are refused", () =>
  withTempDir(async (folder) => {
    await initAuthority(folder, "test CA", VALIDITY);
    for (const name of ["web1", "web2"]) {
      await issueInto(folder, { role: "agent", name, names: [], validity: VALIDITY });
    }
    await Deno.copyFile(`${folder}/agent-web2.key`, `${folder}/agent-web1.key`);
    await assert.rejects(
      loadCredentials({ directory: folder, role: "agent", name: "web1" }),
      /is not the key of/,
    );
    await Deno.copyFile(`${folder}/agent-web2.crt`, `${folder}/collector-hub.crt`);
    await Deno.copyFile(`${folder}/agent-web2.key`, `${folder}/collector-hub.key`);
    await assert.rejects(
      loadCredentials({ directory: folder, role: "collector", name: "hub" }),
      /is for agent, not for an? collector/,
    );
    await initAuthority(`${folder}/other`, "test CA", VALIDITY);
    await Deno.copyFile(`${folder}/other/ca.crt`, `${folder}/ca.crt`);
    await assert.rejects(
      loadCredentials({ directory: folder, role: "agent", name: "web2" }),
      /"web2" of another CA/,
    );
    const expired = { notBefore: new Date(0), notAfter: new Date(Date.now() - 1000) };
    await issueInto(`${folder}/other`, { role: "agent", name: "old", names: [], validity: expired });
    await assert.rejects(
      loadCredentials({ directory: `${folder}/other`, role: "agent" }),
      /"old" expired on/,
    );
  }));

Deno.test("a directory that took the place of another is noticed", () =>
  withTempDir(async (folder) => {
    for (const name of ["one", "two"]) {
      await initAuthority(`${folder}/${name}`, `CA ${name}`, VALIDITY);
      await issueInto(`${folder}/${name}`, { role: "agent", name: "web1", names: [], validity: VALIDITY });
    }
    await Deno.symlink("one", `${folder}/pki`);
    const changed = Promise.withResolvers<void>();
    const failures: string[] = [];
    const events = {
      changed: () => changed.resolve(),
      failed: (message: string) => void failures.push(message),
      warned: (message: string) => void failures.push(message),
    };
    const live = await LiveCredentials.open(
      { directory: `${folder}/pki`, role: "agent", name: "web1" },
      events,
      20,
    );
    await Deno.remove(`${folder}/pki`);
    await until("a failure", () => failures.length > 0);
    await Deno.symlink("two", `${folder}/pki`);
    await changed.promise;
    assert.equal(failures.length, 1, "the same trouble is told once");
    assert.equal(
      live.current.authorities[0],
      await Deno.readTextFile(`${folder}/two/ca.crt`).then((pem) => pem.trim()),
    );
    live.close();
  }));

Deno.test("credentials are read again when they change, and kept when the new ones are of no use", () =>
  withTempDir(async (folder) => {
    await initAuthority(folder, "test CA", VALIDITY);
    await issueInto(folder, { role: "agent", name: "web1", names: [], validity: VALIDITY });
    let changed = Promise.withResolvers<void>();
    let failed = Promise.withResolvers<string>();
    const live = await LiveCredentials.open({ directory: folder, role: "agent", name: "web1" }, {
      changed: () => changed.resolve(),
      failed: (message) => failed.resolve(message),
      warned: (message) => failed.resolve(message),
    });
    const first = live.current;
    await initAuthority(`${folder}/other`, "test CA", VALIDITY);
    const renewed = { role: "agent", name: "web1", names: [], validity: daysFrom(Date.now(), 20) } as const;
    await issueInto(`${folder}/other`, renewed);
    await Deno.copyFile(`${folder}/other/agent-web1.crt`, `${folder}/agent-web1.crt`);
    assert.match(await failed.promise, /certificates stay as they were: .*is not the key of/);
    assert.equal(live.current, first);
    for (const name of ["ca.crt", "agent-web1.key"]) {
      await Deno.copyFile(`${folder}/other/${name}`, `${folder}/${name}`);
    }
    await changed.promise;
    assert.notEqual(live.current.certificate, first.certificate);
    // By signal: without waiting for the directory.
    changed = Promise.withResolvers();
    failed = Promise.withResolvers();
    await live.reload();
    live.close();
  }));
