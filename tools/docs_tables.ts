// SPDX-License-Identifier: MIT
/** Fills the tables of README.md and docs/ that follow from declarations: settings of codecs, forms of `-o`. @module */
import { BUILT_IN_CODECS } from "../codecs/registry.ts";
import { settingRows } from "../codecs/settings.ts";
import { SINK_KINDS } from "../net/sinks/list.ts";

const TABLES: Readonly<Record<string, () => string[]>> = {
  "settings of codecs": () => [
    "| setting | | default |",
    "| --- | --- | --- |",
    ...[...BUILT_IN_CODECS.values()].flatMap((codec) =>
      settingRows("settings" in codec ? codec.settings : {}).map((row) =>
        tableRow(`\`${codec.name}:${row.name}=${row.form}\``, row.description, row.default)
      )
    ),
  ],
  "sinks": () => [
    "| `-o` takes | |",
    "| --- | --- |",
    ...SINK_KINDS.map(({ form, description }) => tableRow(form, description)),
  ],
};

const TABLE = /(<!-- table: (.*) -->\n)[^]*?(<!-- end of table -->)/g;

const tableRow = (...cells: string[]) =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

/** Pages that may have tables, from the checkout's root. */
export function pages(): string[] {
  const docs = [...Deno.readDirSync("docs")].map(({ name }) => `docs/${name}`);
  return ["README.md", "SECURITY.md", ...docs.filter((path) => path.endsWith(".md"))];
}

/** The page with its tables as they should be. Throws a `RangeError` at a table that nothing is known of. */
export function withTables(page: string): string {
  return page.replace(TABLE, (_, begin, name, end) => {
    if (!Object.hasOwn(TABLES, name)) throw new RangeError(`there is no table ${JSON.stringify(name)}`);
    return `${begin}${TABLES[name]().join("\n")}\n${end}`;
  });
}

if (import.meta.main) {
  for (const path of pages()) {
    const page = Deno.readTextFileSync(path);
    const filled = withTables(page);
    if (filled !== page) Deno.writeTextFileSync(path, filled);
  }
}
