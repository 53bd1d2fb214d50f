// SPDX-License-Identifier: MIT
/** The Debian package, by dpkg-deb. @module */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { CONFIG, type Entry, placeEntries, zshCompletion } from "./content.ts";
import { tool } from "./tool.ts";

const FILES = fileURLToPath(new URL("files", import.meta.url));

export interface PackageFacts {
  readonly version: string;
  /** As the kind of package calls the machine. */
  readonly architecture: string;
  readonly date: Date;
  readonly maintainer: string;
}

/** Makes the package `to` of what every system gets, in `folder`, which is empty. */
export async function makeDeb(
  entries: readonly Entry[],
  facts: PackageFacts,
  folder: string,
  to: string,
): Promise<void> {
  const { date } = facts;
  const own = [...entries.map(asDebian), await zshCompletion("usr/share/zsh/vendor-completions")];
  await placeEntries(folder, own, date);
  const size = Math.ceil(
    own.reduce((sum, { path }) => sum + Deno.statSync(`${folder}/${path}`).size, 0) / 1024,
  );
  await compressPage(folder, date);
  const control: Entry[] = [
    { path: "DEBIAN/control", mode: 0o644, content: controlText(facts, size) },
    { path: "DEBIAN/conffiles", mode: 0o644, content: `/${CONFIG}\n` },
    ...["postinst", "prerm", "postrm"].map((name) => ({
      path: `DEBIAN/${name}`,
      mode: 0o755,
      content: { from: `${FILES}/${name}` },
    })),
  ];
  await placeEntries(folder, control, date);
  // gzip: as small as it need be in a tenth of the time that xz takes.
  await tool("dpkg-deb", ["--root-owner-group", "-Zgzip", "--build", folder, to], { date });
}

/** Policy wants licences in a file of this name. */
function asDebian(entry: Entry): Entry {
  return { ...entry, path: entry.path.replace(/LICENSES-OF-OTHERS$/, "copyright") };
}

const PAGE = "usr/share/man/man1/sslcollector.1";

/** Policy wants manual pages compressed. */
async function compressPage(folder: string, date: Date): Promise<void> {
  const bytes = gzipSync(await Deno.readFile(`${folder}/${PAGE}`), { level: 9 });
  await Deno.remove(`${folder}/${PAGE}`);
  await Deno.writeFile(`${folder}/${PAGE}.gz`, bytes);
  await Deno.chmod(`${folder}/${PAGE}.gz`, 0o644);
  await Deno.utime(`${folder}/${PAGE}.gz`, date, date);
}

function controlText({ version, architecture, maintainer }: PackageFacts, size: number): string {
  return `Package: sslcollector
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${size}
Depends: libc6 (>= 2.27), passwd
Recommends: libpcap0.8 | libpcap0.8t64
Section: net
Priority: optional
Description: passive TLS mirror for intrusion detection
 Copies clear text where a program hands it to its TLS library and writes the
 packets that an IDS would have seen had the session never been encrypted: to
 a capture file, an interface, or over mutual TLS to a collector.
`;
}
