// SPDX-License-Identifier: MIT
/** The table of programs in docs/coverage.md. Pure. @module */

/** What was seen of one program in one role. */
export interface Coverage {
  readonly program: string;
  readonly role: "client" | "server";
  /** Of its TLS. */
  readonly library: string;
  readonly seen: Seen | NotSeen;
}

export interface Seen {
  readonly state: "captured";
  /** The bytes of both directions of every connection, held against the peer's own by their hash; `said`: what the peer is known to have said. */
  readonly isComplete: boolean | "said";
  /** The addresses of every connection are those that the peer logged; `server`: the server's are right, and the peer logged none. */
  readonly isAddressed: boolean | "server";
  readonly hasRole: boolean;
  /** How the addresses are known. */
  readonly grades: readonly string[];
}

/** Nothing of it is in the capture. */
export interface NotSeen {
  readonly state: "not captured";
  readonly reason: string;
}

const HEAD = [
  "| program | role | library | captured | complete | 5-tuple | role right | grade |",
  "| --- | --- | --- | --- | --- | --- | --- | --- |",
];

/** What is less than a whole answer, in words. */
const PARTLY = { said: "what was said", server: "server's end" } as const;
const yes = (is: boolean | keyof typeof PARTLY) =>
  typeof is === "string" ? PARTLY[is] : is ? "yes" : "**no**";

function cellsOf(seen: Coverage["seen"]): string[] {
  if (seen.state === "not captured") return [`no: ${seen.reason}`, "", "", "", ""];
  const { isComplete, isAddressed, hasRole, grades } = seen;
  return ["yes", yes(isComplete), yes(isAddressed), yes(hasRole), grades.toSorted().join(", ")];
}

/** Its lines, those that are captured first. */
export function coverageTable(rows: readonly Coverage[]): string[] {
  const isCaptured = ({ seen }: Coverage) => seen.state === "captured" ? 0 : 1;
  const sorted = rows.toSorted((a, b) => isCaptured(a) - isCaptured(b));
  const lines = sorted.map(({ program, role, library, seen }) => {
    const cells = [program, role, library, ...cellsOf(seen)].map((cell) => cell.replaceAll("|", "\\|"));
    return `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |").replaceAll("|  |", "| |");
  });
  return [...HEAD, ...lines];
}

const PLACE = /(<!-- coverage matrix -->\n)[^]*?(<!-- end of coverage matrix -->)/;

/** The page with these lines in the table's place; throws where it has none. */
export function withCoverage(page: string, lines: readonly string[]): string {
  if (!PLACE.test(page)) throw new Error("the page has no place for the coverage matrix");
  return page.replace(PLACE, (_, begin, end) => `${begin}${lines.join("\n")}\n${end}`);
}
