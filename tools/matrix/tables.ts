// SPDX-License-Identifier: MIT
/** The tables of docs/requirements.md, each between its marks there. @module */
import { LOOKS } from "./look.ts";

export const SYSTEMS = [
  ...["bullseye", "bookworm", "trixie", "sid"] as const,
  ...["own-libc", "arm64", "windows", "containers"] as const,
] as const;
export type System = typeof SYSTEMS[number];

interface Table {
  readonly name: string;
  readonly heads: readonly string[];
  /** Cells in front of those that say how it went. */
  readonly named: number;
}

const BY_SYSTEM: Table = { name: "systems", heads: ["system", "glibc", "curl's TLS", ...LOOKS], named: 3 };
/** Of systems whose looks are rows of their own. */
const OWN: Partial<Readonly<Record<System, Table>>> = {
  windows: { name: "windows", heads: ["under Wine", ""], named: 1 },
  containers: { name: "containers", heads: ["container", "a curl there is to be", "and was"], named: 2 },
};

export type Rows = readonly (readonly string[])[];

/** Whether all of what was looked at is as it has to be. */
export function isWell(system: System, rows: Rows): boolean {
  const { named } = OWN[system] ?? BY_SYSTEM;
  const results = rows.flatMap((row) => row.slice(named));
  return results.length > 0 && results.every((result) => /^(yes|not looked at)$/.test(result));
}

/** What stands for a system that could not be looked at. */
export function failed(system: System, error: unknown): Rows {
  const { heads, named } = OWN[system] ?? BY_SYSTEM;
  const [first] = String((error as Error)?.message ?? error).split("\n");
  return [[system, ...heads.slice(1, named).map(() => ""), ...heads.slice(named).map(() => first)]];
}

/** The page with what was seen of a system; what it says of others stays. */
export function withSeen(page: string, system: System, rows: Rows): string {
  const table = OWN[system] ?? BY_SYSTEM;
  if (table !== BY_SYSTEM) return withTable(page, table, rows);
  const others = rowsOf(page, table.name).filter((row) => systemOf(row) !== system);
  const places = (row: readonly string[]) => SYSTEMS.findIndex((name) => name === systemOf(row));
  return withTable(page, table, [...others, ...rows].sort((a, b) => places(a) - places(b)));
}

/** By the name that a system has of itself. */
function systemOf([name]: readonly string[]): System | undefined {
  if (name.includes("own C library")) return "own-libc";
  return name.includes("arm64") ? "arm64" : SYSTEMS.find((system) => name.includes(system));
}

/** Cells below the head of a table. */
export function rowsOf(page: string, name: string): string[][] {
  const [start, end] = placeOf(page, name);
  return page.slice(start, end).trim().split("\n").slice(2).map((row) =>
    row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"))
  );
}

function withTable(page: string, { name, heads }: Table, rows: Rows): string {
  const [start, end] = placeOf(page, name);
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return page.slice(0, start) + [heads, heads.map(() => "---"), ...rows].map(line).join("") + page.slice(end);
}

function placeOf(page: string, name: string): [start: number, end: number] {
  const begin = `<!-- ${name}: written by deno task matrix -->\n`;
  const start = page.indexOf(begin) + begin.length;
  const end = page.indexOf("<!-- end -->", start);
  if (start < begin.length || end < 0) throw new Error(`docs/requirements.md has no place for ${name}`);
  return [start, end];
}
