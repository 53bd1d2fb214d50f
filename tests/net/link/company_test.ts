// SPDX-License-Identifier: MIT
/** Certificates of a company's own CA, from the files to packets on the link. */
import assert from "node:assert/strict";
import { LiveCredentials } from "../../../net/pki/live_credentials.ts";
import { loadCredentials } from "../../../net/pki/load.ts";
import { requestInto } from "../../../net/pki/store.ts";
import { CompanyPki, type KeyKind } from "../../support/company_pki.ts";
import { remoteSink, startLinkServer, TestLog } from "../../support/link_harness.ts";
import { NumberedPackets } from "../../support/link_packets.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const HUB = { file: "hub", subject: "/CN=hub.corp", alternatives: "DNS:localhost,IP:127.0.0.1" };

/** A directory with `ca.crt` of these certificates and pairs under these names. */
async function directoryOf(
  pki: CompanyPki,
  name: string,
  authorities: readonly string[],
  pairs: Readonly<Record<string, string>>,
): Promise<string> {
  const directory = pki.path(name);
  await Deno.mkdir(directory);
  const texts = await Promise.all(
    authorities.map((authority) => Deno.readTextFile(pki.path(`${authority}.crt`))),
  );
  await Deno.writeTextFile(`${directory}/ca.crt`, texts.join(""));
  for (const [from, to] of Object.entries(pairs)) {
    await Deno.copyFile(pki.path(`${from}.crt`), `${directory}/${to}.crt`);
    await Deno.copyFile(pki.path(`${from}.key`), `${directory}/${to}.key`);
    await Deno.chmod(`${directory}/${to}.key`, 0o600);
  }
  return directory;
}

/** Ten packets through a link of a collector and an agent with what the directories have; answers the agent's name. */
async function carry(folder: string, hub: string, web: string, keyGroup?: string): Promise<string> {
  const log = new TestLog();
  const credentials = await loadCredentials({ directory: hub, role: "collector", keyGroup });
  const agent = await loadCredentials({ directory: web, role: "agent", keyGroup });
  const pki = { folder, directory: hub, collector: credentials, agent };
  const server = await startLinkServer(pki, `${folder}/out.pcapng`, log);
  const sink = remoteSink(`127.0.0.1:${server.port}`, agent, log);
  new NumberedPackets((batch) => sink.write(batch)).make(10);
  await sink.flush();
  await sink.close();
  await server.close();
  assert.equal(sink.counters.written, 10, log.lines.join("\n"));
  return [...server.agents.keys()].join();
}

for (const kind of ["rsa", "p384"] as const satisfies readonly KeyKind[]) {
  Deno.test({
    name: `a company's chains are taken, whichever of its CAs ca.crt has (${kind})`,
    ...skipIf(missing("openssl")),
    fn: () =>
      withTempDir(async (folder) => {
        const pki = await CompanyPki.make(`${folder}/corp`, kind);
        await pki.issue({ ...HUB, key: kind });
        await pki.issue({ file: "web", subject: "/CN=web.corp", alternatives: "DNS:web.corp", key: kind });
        const pairs = { hub: "collector-hub", web: "agent-web" };
        for (const authorities of [["root"], ["issuing"], ["issuing", "root"], ["root", "issuing"]]) {
          const directory = await directoryOf(pki, authorities.join("-"), authorities, pairs);
          assert.equal(await carry(folder, directory, directory), "web.corp");
        }
      }),
  });
}

Deno.test({
  name: "an agent without a common name has its first alternative one: SPIFFE's before a host's",
  ...skipIf(missing("openssl")),
  fn: () =>
    withTempDir(async (folder) => {
      const pki = await CompanyPki.make(`${folder}/corp`);
      await pki.issue({ ...HUB, subject: "/O=Corp" });
      const spiffe = "spiffe://corp/ns/shop/sa/web";
      for (
        const [file, alternatives, name] of [
          ["web1", `DNS:web1.corp,URI:${spiffe}`, spiffe],
          ["web2", "DNS:web2.corp,DNS:other.corp", "web2.corp"],
        ]
      ) {
        await pki.issue({ file, subject: "/", alternatives, key: "p256" });
        const directory = await directoryOf(pki, `for-${file}`, ["root"], {
          hub: "collector-hub",
          [file]: "agent-a",
        });
        assert.equal(await carry(folder, directory, directory), name);
      }
    }),
});

Deno.test({
  name: "pairs as Kubernetes and cert-manager lay them out, readable by a group that was named",
  ...skipIf(missing("openssl"), Deno.build.os === "windows" && "groups of files: not on Windows"),
  fn: () =>
    withTempDir(async (folder) => {
      const pki = await CompanyPki.make(`${folder}/corp`);
      await pki.issue({ ...HUB, key: "p384" });
      await pki.issue({ file: "web", subject: "/", alternatives: "DNS:web.corp" });
      const directories: string[] = [];
      for (const file of ["hub", "web"]) {
        const real = await directoryOf(pki, `${file}-data`, ["root"], { [file]: "tls" });
        const directory = pki.path(`${file}-mounted`);
        await Deno.mkdir(directory);
        await Deno.symlink(real, `${directory}/..data`);
        for (const name of ["ca.crt", "tls.crt", "tls.key"]) {
          await Deno.symlink(`..data/${name}`, `${directory}/${name}`);
        }
        await Deno.chmod(`${real}/tls.key`, 0o640);
        directories.push(directory);
      }
      const [hub, web] = directories;
      const place = { directory: web, role: "agent" } as const;
      const { gid } = await Deno.stat(`${web}/tls.key`);
      assert.equal(await carry(folder, hub, web, String(gid)), "web.corp");
      await assert.rejects(loadCredentials(place), /others can read .*tls\.key .*name the group/);
      await assert.rejects(
        loadCredentials({ ...place, keyGroup: String(gid! + 1) }),
        /readable by group \d+, which is not/,
      );
      await assert.rejects(
        loadCredentials({ ...place, keyGroup: "no-such-group" }),
        /there is no group "no-such-group"/,
      );
      // A renewal, as it is put in the place of the one before.
      const changed = Promise.withResolvers<void>();
      const unexpected = (message: string) => changed.reject(new Error(message));
      const live = await LiveCredentials.open({ ...place, keyGroup: String(gid) }, {
        changed: () => changed.resolve(),
        failed: unexpected,
        warned: unexpected,
      });
      await pki.issue({ file: "web", subject: "/", alternatives: "DNS:web2.corp" });
      const next = await directoryOf(pki, "web-next", ["root"], { web: "tls" });
      await Deno.symlink(next, `${web}/..data_tmp`);
      await Deno.rename(`${web}/..data_tmp`, `${web}/..data`);
      await changed.promise;
      live.close();
      assert.equal(live.current.name, "web2.corp");
      await Deno.remove(`${web}/..data`);
      await Deno.symlink(`${folder}/corp/web-data`, `${web}/..data`);
      await Deno.chmod(`${folder}/corp/web-data/tls.key`, 0o660);
      await assert.rejects(loadCredentials({ ...place, keyGroup: String(gid) }), /chmod 640/);
    }),
});

Deno.test({
  name: "a request is signed elsewhere, and the certificate goes with its key",
  ...skipIf(missing("openssl")),
  fn: () =>
    withTempDir(async (folder) => {
      const pki = await CompanyPki.make(`${folder}/corp`);
      await pki.issue(HUB);
      const directory = await directoryOf(pki, "pki", ["root", "issuing"], { hub: "collector-hub" });
      const csr = await requestInto(directory, { role: "agent", name: "web9", names: ["web9.corp"] });
      const text = await runOk("openssl", "req", "-in", csr, "-noout", "-verify", "-text");
      assert.match(text, /CN = web9/);
      assert.match(text, /DNS:web9\.corp/);
      assert.match(text, /TLS Web Client Authentication/);
      await Deno.writeTextFile(`${folder}/ext`, "extendedKeyUsage=clientAuth\n");
      await pki.sign(csr, `${directory}/agent-web9.crt`, `${folder}/ext`);
      assert.equal(await carry(folder, directory, directory), "web9");
      await assert.rejects(
        requestInto(directory, { role: "agent", name: "web9", names: [] }),
        /agent-web9\.key: there is one of this name already/,
      );
    }),
});
