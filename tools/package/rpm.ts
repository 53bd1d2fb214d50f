// SPDX-License-Identifier: MIT
/** The RPM package, by rpmbuild. @module */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { CONFIG, type Entry, placeEntries, zshCompletion } from "./content.ts";
import type { PackageFacts } from "./deb.ts";
import { tool } from "./tool.ts";

const FILES = fileURLToPath(new URL("files", import.meta.url));

/** Makes the package `to` of what every system gets, in `folder`, which is empty. */
export async function makeRpm(
  entries: readonly Entry[],
  facts: PackageFacts,
  folder: string,
  to: string,
): Promise<void> {
  const own = [...entries, await zshCompletion("usr/share/zsh/site-functions")];
  const root = `${folder}/root`;
  await placeEntries(root, own, facts.date);
  await Deno.writeTextFile(`${folder}/sslcollector.spec`, specText(own, root, facts));
  const defined = [`_topdir ${folder}/work`, `_rpmdir ${folder}/out`, "_rpmfilename package.rpm"];
  await tool(
    "rpmbuild",
    [
      ...["-bb", "--quiet", "--target", `${facts.architecture}-linux`],
      ...defined.flatMap((text) => ["--define", text]),
      `${folder}/sslcollector.spec`,
    ],
    facts,
  );
  await Deno.copyFile(`${folder}/out/package.rpm`, to);
}

/** What the scripts of the Debian package are told, from the number of packages that stay, which RPM tells (`$1`). */
const SCRIPTS = {
  post: ["postinst", 'if [ "$1" -gt 1 ]; then set -- upgrade; else set -- install; fi'],
  preun: ["prerm", 'if [ "$1" -gt 0 ]; then set -- upgrade; else set -- remove; fi'],
  // There is no purging: what was written stays, as in other packages.
  postun: ["postrm", 'if [ "$1" -gt 0 ]; then set -- upgrade; else set -- remove; fi'],
} as const;

/** Folders that are of no other package on some systems; one that others have files in stays when this package goes. */
const FOLDERS = /^usr\/(lib\/sslcollector|share\/doc\/sslcollector|share\/(bash-completion|fish|zsh))(\/|$)/;

function foldersOf(entries: readonly Entry[]): string[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders].filter((folder) => FOLDERS.test(folder)).sort();
}

function specText(
  entries: readonly Entry[],
  root: string,
  { version, date, maintainer }: PackageFacts,
): string {
  const scripts = Object.entries(SCRIPTS).map(([name, [file, translation]]) =>
    `%${name}\n${Deno.readTextFileSync(`${FILES}/${file}`).replace(/^#!.*\n/, `${translation}\n`)}`
  );
  const files = entries.map(({ path }) => path === CONFIG ? `%config(noreplace) /${path}` : `/${path}`);
  // A program stands behind the base in the executable: nothing may strip it. Times and host are not this machine's.
  return `%global debug_package %{nil}
%global __strip /bin/true
%global __os_install_post %{nil}
%global _build_id_links none
%global _binary_payload w6.gzdio
%global _buildhost localhost
%global source_date_epoch_from_changelog 0
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
Name: sslcollector
Version: ${version.replaceAll("-", "~")}
Release: 1
Summary: Passive TLS mirror for intrusion detection
License: MIT
Packager: ${maintainer}
AutoReqProv: no
Requires: glibc >= 2.27
Requires(post): /usr/sbin/useradd
Recommends: libpcap

%description
Copies clear text where a program hands it to its TLS library and writes the
packets that an IDS would have seen had the session never been encrypted: to
a capture file, an interface, or over mutual TLS to a collector.

%install
cp -a ${root}/. %{buildroot}/

${scripts.join("\n")}
%files
${foldersOf(entries).map((folder) => `%dir /${folder}`).join("\n")}
${files.join("\n")}

%changelog
* ${changelogDate(date)} ${maintainer} - ${version}-1
- See /usr/share/doc/sslcollector/CHANGELOG.md
`;
}

/** `Thu Nov 26 2026` */
function changelogDate(date: Date): string {
  const [weekday, day, month, year] = date.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${day} ${year}`;
}
