// SPDX-License-Identifier: MIT
/** The table of programs in docs/coverage.md. Pure. @module */

/** Which end of its connections a program is. */
export type Role = "client" | "server";

/** What was seen of one program in one role. */
export interface Coverage {
  readonly program: string;
  readonly role: Role;
  /** Of its TLS. */
  readonly library: string;
  /** With the hook. */
  readonly hook: Outcome;
  /** Without it, by kernel probes; undefined: not tried. */
  readonly probes?: Outcome;
}

/** Of one program by one source. */
export type Outcome = Seen | NotSeen;

export interface Seen {
  readonly state: "captured";
  /** The bytes of both directions of every connection, held against the peer's own by their hash. */
  readonly isComplete: boolean;
  /** The addresses of every connection are those that the peer logged. */
  readonly isAddressed: boolean;
  readonly hasRole: boolean;
  /** How the addresses are known. */
  readonly grades: readonly string[];
  /** Its first run was over before it was met. */
  readonly isSecondRun?: boolean;
}

/** Nothing of it is in the capture. */
export interface NotSeen {
  readonly state: "not captured";
  readonly reason: string;
}

const HEAD = [
  "| program | role | library | hook | kernel probes |",
  "| --- | --- | --- | --- | --- |",
];

/** Captured, how the addresses are known, and what is less than whole. */
function cellOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return "not tried";
  if (outcome.state === "not captured") return `no: ${outcome.reason}`;
  const { isComplete, isAddressed, hasRole, grades, isSecondRun } = outcome;
  const notes = [
    isSecondRun && "from its second run on",
    !isComplete && "**other bytes**",
    !isAddressed && "**other 5-tuple**",
    !hasRole && "**other role**",
  ];
  return ["yes", grades.toSorted().join(" and "), ...notes.filter((note) => typeof note === "string")].join(
    ", ",
  );
}

/** Its lines, those that are captured by both first, then those by one. */
export function coverageTable(rows: readonly Coverage[]): string[] {
  const missed = ({ hook, probes }: Coverage) =>
    [hook, probes].filter((outcome) => outcome?.state !== "captured").length;
  const lines = rows.toSorted((a, b) => missed(a) - missed(b)).map(
    ({ program, role, library, hook, probes }) => {
      const cells = [program, role, library, cellOf(hook), cellOf(probes)];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    },
  );
  return [...HEAD, ...lines];
}

const PLACE = /(<!-- coverage matrix -->\n)[^]*?(<!-- end of coverage matrix -->)/;

/** The page with these lines in the table's place; throws where it has none. */
export function withCoverage(page: string, lines: readonly string[]): string {
  if (!PLACE.test(page)) throw new Error("the page has no place for the coverage matrix");
  return page.replace(PLACE, (_, begin, end) => `${begin}${lines.join("\n")}\n${end}`);
}
