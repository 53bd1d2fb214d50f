// SPDX-License-Identifier: MIT
/** Packages around an executable that is none: what is in them, for whom, and that they are always the same. */
import assert from "node:assert/strict";
import { readConfigText } from "../../../cli/config_file.ts";
import { archiveEntries, makeTar, makeZip, placeFolder } from "../../../tools/package/archive.ts";
import { CONFIG, type Entry, serviceConfig, systemEntries } from "../../../tools/package/content.ts";
import { makeDeb } from "../../../tools/package/deb.ts";
import { maintainer, NO_MAILBOX } from "../../../tools/package/maintainer.ts";
import { billOfMaterials, licenceTexts, usedPackages } from "../../../tools/package/packages.ts";
import { makeRpm } from "../../../tools/package/rpm.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const DATE = new Date("2026-11-26T12:00:00Z");
const FACTS = { version: "0.1.0", date: DATE, maintainer: "Some One <one@example.org>" };
const packages = await usedPackages();

/** What a package of this version has, beside an executable of some bytes. */
async function entriesIn(folder: string): Promise<Entry[]> {
  await Deno.writeTextFile(`${folder}/program`, "#!/bin/sh\n");
  await Deno.writeTextFile(`${folder}/hook`, "hook");
  return await systemEntries({
    executable: `${folder}/program`,
    hook: `${folder}/hook`,
    packages,
    date: DATE,
  });
}

type Make = (entries: readonly Entry[], folder: string, to: string) => Promise<void>;

const MAKERS: Readonly<
  Record<
    string,
    {
      make: Make;
      needs: string;
      list: (path: string) => Promise<string>;
      names?: (path: string) => Promise<string>;
    }
  >
> = {
  deb: {
    needs: "dpkg-deb",
    make: (entries, folder, to) => makeDeb(entries, { ...FACTS, architecture: "amd64" }, folder, to),
    list: (path) => runOk("dpkg-deb", "-c", path),
    names: (path) => runOk("dpkg-deb", "-f", path, "Maintainer"),
  },
  rpm: {
    needs: "rpmbuild",
    make: (entries, folder, to) => makeRpm(entries, { ...FACTS, architecture: "x86_64" }, folder, to),
    list: (path) => runOk("rpm", "-qplv", path),
    names: (path) => runOk("rpm", "-qp", "--queryformat", "%{PACKAGER}[%{CHANGELOGNAME}]", path),
  },
  "tar.gz": {
    needs: "tar",
    make: async (entries, folder, to) => {
      await placeFolder(`${folder}/sslcollector-0.1.0`, await archiveEntries(entries), DATE);
      await makeTar(`${folder}/sslcollector-0.1.0`, to, DATE);
    },
    list: (path) => runOk("tar", "-tvf", path),
  },
  zip: {
    needs: "zip",
    make: async (entries, folder, to) => {
      await placeFolder(`${folder}/sslcollector-0.1.0`, await archiveEntries(entries), DATE);
      await makeZip(`${folder}/sslcollector-0.1.0`, to, DATE);
    },
    list: (path) => runOk("python3", "-m", "zipfile", "-l", path),
  },
};

const EXPECTED = [
  /sslcollector$/m,
  /libsslcollector_hook\.so/,
  /sslcollector-agent\.service/,
  /sslcollector-collector\.service/,
  /sslcollector\.toml/,
  /sslcollector\.1(\.gz)?\s?/,
  /completions\/sslcollector/,
  /_sslcollector/,
  /sslcollector\.fish/,
  /LICENSE/,
];

for (const [kind, { make, needs, list, names }] of Object.entries(MAKERS)) {
  Deno.test({
    name:
      `package: the .${kind} has everything, of root, and is the same when it is made again, whatever the umask`,
    ...skipIf(missing(needs, "python3")),
    fn: () =>
      withTempDir(async (folder) => {
        const entries = await entriesIn(folder);
        const digests: string[] = [];
        for (const [name, umask] of [["first", 0o022], ["second", 0o077]] as const) {
          await Deno.mkdir(`${folder}/${name}`);
          const before = Deno.umask(umask);
          await make(entries, `${folder}/${name}/tree`, `${folder}/${name}.${kind}`)
            .finally(() => Deno.umask(before));
          const bytes = await Deno.readFile(`${folder}/${name}.${kind}`);
          digests.push(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex());
        }
        assert.equal(digests[0], digests[1]);
        const listing = await list(`${folder}/first.${kind}`);
        if (kind !== "zip") {
          for (const line of listing.trim().split("\n")) assert.match(line, /\b(root[/ ]+root|0\/0)\b/, line);
        }
        const listed = listing.replaceAll(/\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*/g, "");
        for (const pattern of EXPECTED) assert.match(listed, pattern);
        const expected = kind === "rpm"
          ? `${FACTS.maintainer}${FACTS.maintainer} - 0.1.0-1`
          : FACTS.maintainer;
        assert.equal((await names?.(`${folder}/first.${kind}`))?.trim() ?? expected, expected);
      }),
  });
}

Deno.test({
  name: "package: the .deb knows its configuration, and its scripts are fit for sh",
  ...skipIf(missing("dpkg-deb")),
  fn: () =>
    withTempDir(async (folder) => {
      const path = `${folder}/a.deb`;
      await Deno.mkdir(`${folder}/tree`);
      await MAKERS.deb.make(await entriesIn(folder), `${folder}/tree`, path);
      await runOk("dpkg-deb", "-e", path, `${folder}/control`);
      assert.equal(Deno.readTextFileSync(`${folder}/control/conffiles`), `/${CONFIG}\n`);
      for (const script of ["postinst", "prerm", "postrm"]) {
        await runOk("sh", "-n", `${folder}/control/${script}`);
      }
      assert.match(
        await runOk("dpkg-deb", "-f", path),
        /^Package: sslcollector\nVersion: 0\.1\.0\nArchitecture: amd64\nMaintainer: Some One <one@example\.org>\n/,
      );
    }),
});

Deno.test("package: who publishes says whom packages name; the project itself has no mailbox", () => {
  assert.equal(maintainer("Some One <one@example.org>"), "Some One <one@example.org>");
  assert.equal(maintainer(""), NO_MAILBOX);
  assert.match(NO_MAILBOX, /\.invalid>$/);
  for (const text of ["one@example.org", "One <one>", "One <one@example.org>\nDepends: x", "<a@b>"]) {
    assert.throws(() => maintainer(text), /^RangeError: SSLCOLLECTOR_MAINTAINER: needs NAME/, text);
  }
});

Deno.test("package: the configuration gives each service a file, and sets nothing else", () => {
  const { tables, mistakes } = readConfigText(serviceConfig());
  assert.deepEqual(mistakes, []);
  const names = (table: string) => [...tables.get(table)?.keys() ?? []];
  assert.deepEqual(names(""), []);
  for (const table of ["agent", "collector"]) {
    assert.deepEqual(names(table), ["output", "rotate-size", "keep"]);
  }
});

Deno.test("package: every package that the program imports is there with its licence, none that only tests use", async () => {
  const names = packages.map(({ name }) => name);
  for (const name of ["valibot", "smol-toml", "@optique/core", "tslib"]) assert(names.includes(name), name);
  for (const name of ["hpack", "fast-check"]) assert(!names.includes(name), name);
  const texts = licenceTexts(packages);
  for (const { name, version, licence, integrity } of packages) {
    assert(texts.includes(`${name} ${version}\n${licence}`));
    assert.notEqual(licence, "NOASSERTION");
    assert.match(integrity, /^sha512-/);
  }
  const files = [{ file: "dist/a.deb", sha256: "00" }];
  const bill = JSON.parse(await billOfMaterials(packages, files, DATE));
  assert.equal(bill.specVersion, "1.5");
  assert.match(
    bill.serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.deepEqual(bill, JSON.parse(await billOfMaterials(packages, files, DATE)));
  assert.equal(bill.components.length, packages.length + 2);
});
