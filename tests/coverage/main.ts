// SPDX-License-Identifier: MIT
/**
 * Runs every program of the table that this machine has, with the hook, against a peer that logs what passed, and writes the table in
 * docs/coverage.md: `deno task coverage-matrix`, as root. With words, only the programs whose names or libraries have one of them, and nothing is written.
 *
 * @module
 */
import { absent } from "../e2e/debian/program.ts";
import { SERVICES } from "../e2e/debian/services.ts";
import { CLIENTS } from "./clients.ts";
import { measureClient, measureServer, measureService, type Row } from "./measure.ts";
import { measureRelease, RELEASES } from "./releases.ts";
import { SERVERS } from "./servers.ts";
import { type Coverage, coverageTable, withCoverage } from "./table.ts";

const PAGE = new URL("../../docs/coverage.md", import.meta.url);
const HEAD_LINES = coverageTable([]).length;

/** The rows of those that are here; the others are named. */
async function measureAll<R extends Row>(
  rows: readonly R[],
  measure: (row: R) => Promise<Coverage | Coverage[]>,
): Promise<Coverage[]> {
  const words = Deno.args;
  const measured: Coverage[] = [];
  for (const row of rows) {
    const isAsked = words.some((word) => row.program.includes(word) || row.library.includes(word));
    if (words.length > 0 && !isAsked) continue;
    const reason = absent(row.needs);
    const found = reason === undefined ? [await measure(row)].flat() : [];
    for (const line of coverageTable(found).slice(HEAD_LINES)) console.error(line);
    if (reason !== undefined) console.error(`${row.program}, ${row.library}: ${reason}`);
    measured.push(...found);
  }
  return measured;
}

const services = SERVICES.map((service) => ({
  ...service,
  program: service.name.split(",")[0],
  library: "OpenSSL",
  service,
}));
const rows = [
  ...await measureAll(CLIENTS, measureClient),
  ...await measureAll(SERVERS, measureServer),
  ...await measureAll(services, measureService),
  ...await measureAll(RELEASES, measureRelease),
];
if (Deno.args.length === 0) {
  Deno.writeTextFileSync(PAGE, withCoverage(Deno.readTextFileSync(PAGE), coverageTable(rows)));
}
