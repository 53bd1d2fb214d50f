// SPDX-License-Identifier: MIT
/**
 * Runs every program of the table that this machine has against a peer that logs what passed, with the hook and then without it beside kernel
 * probes, and writes the table in docs/coverage.md: `deno task coverage-matrix`, as root. With words, only the programs whose names or libraries have one of them, and nothing is written.
 *
 * @module
 */
import { absent } from "../e2e/debian/program.ts";
import { SERVICES } from "../e2e/debian/services.ts";
import { CLIENTS } from "./clients.ts";
import { type Fixture, withFixture } from "../e2e/support/fixture.ts";
import { probesMissing } from "../e2e/support/probes.ts";
import { hookedClient, hookedServer, hookedService } from "./measure.ts";
import { probedClient, probedServer, probedService } from "./measure_probes.ts";
import { measureRelease, RELEASES } from "./releases.ts";
import type { Row } from "./rows.ts";
import { SERVERS } from "./servers.ts";
import { MORE_SERVICES } from "./services.ts";
import { type Coverage, coverageTable, type Outcome, type Role, withCoverage } from "./table.ts";

const PAGE = new URL("../../docs/coverage.md", import.meta.url);
const HEAD_LINES = coverageTable([]).length;

/** A server may find that another program has got its port: then it is run again. */
const TRIES_MOST = 3;

const withoutProbes = await probesMissing();
if (withoutProbes !== undefined) console.error(`without kernel probes: ${withoutProbes}`);

type Measure<R> = (row: R, fixture: Fixture) => Promise<Outcome>;

/** In a folder of its own. */
async function outcomeOf<R extends Row>(row: R, measure: Measure<R>): Promise<Outcome> {
  let outcome: Outcome | undefined;
  for (let tries = 1; outcome === undefined; tries++) {
    try {
      await withFixture(async (fixture) => {
        outcome = await measure(row, fixture);
      });
    } catch (error) {
      if (tries === TRIES_MOST) throw error;
    }
  }
  return outcome;
}

/** A row with the hook, and one without it where this machine takes probes. */
function bySource<R extends Row>(role: Role, hooked: Measure<R>, probed: Measure<R>) {
  return async (row: R): Promise<Coverage[]> => {
    const { program, library } = row;
    const hook = await outcomeOf(row, hooked);
    const probes = withoutProbes === undefined ? await outcomeOf(row, probed) : undefined;
    return [{ program, role, library, hook, probes }];
  };
}

/** A row that could not be run is told, and left out. */
function unmeasured(error: Error): Coverage[] {
  console.error(error.stack);
  return [];
}

/** The rows of those that are here; the others are named. */
async function measureAll<R extends Row>(
  rows: readonly R[],
  measure: (row: R) => Promise<Coverage[]>,
): Promise<Coverage[]> {
  const words = Deno.args;
  const measured: Coverage[] = [];
  for (const row of rows) {
    const isAsked = words.some((word) => row.program.includes(word) || row.library.includes(word));
    if (words.length > 0 && !isAsked) continue;
    const reason = absent(row.needs);
    const found = reason === undefined ? await measure(row).catch(unmeasured) : [];
    for (const line of coverageTable(found).slice(HEAD_LINES)) console.error(line);
    if (reason !== undefined) console.error(`${row.program}, ${row.library}: ${reason}`);
    measured.push(...found);
  }
  return measured;
}

const services = [...SERVICES, ...MORE_SERVICES].map((service) => ({
  ...service,
  program: service.name.split(",")[0],
  library: "OpenSSL",
  service,
}));
const rows = [
  ...await measureAll(CLIENTS, bySource("client", hookedClient, probedClient)),
  ...await measureAll(SERVERS, bySource("server", hookedServer, probedServer)),
  ...await measureAll(services, bySource("server", hookedService, probedService)),
  ...await measureAll(RELEASES, (row) => measureRelease(row, withoutProbes === undefined)),
];
if (Deno.args.length === 0) {
  Deno.writeTextFileSync(PAGE, withCoverage(Deno.readTextFileSync(PAGE), coverageTable(rows)));
}
