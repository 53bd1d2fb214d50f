// SPDX-License-Identifier: MIT
/** Holds a capture against what the other end of the connections knows. @module */
import { forgedConnections } from "../support/forged.ts";
import { sha256 } from "../support/tshark.ts";
import type { NotSeen, Role, Seen } from "./table.ts";
import type { Witnessed } from "./witness.ts";

const sorted = (texts: readonly string[]) => texts.toSorted().join(" ");

export type Connection = ReturnType<typeof forgedConnections>[number];

/** Why probes told nothing of a program, where nothing else is known. */
export const NOT_MET = "none of its calls was met";

/** What is in `capture`. */
export async function connectionsIn(capture: string): Promise<Connection[]> {
  return forgedConnections(await Deno.readFile(capture));
}

/** Of `connections`, what the other end `witnessed`; where there are none, that is for `reason`. */
export function judge(
  connections: readonly Connection[],
  role: Role,
  witnessed: readonly Witnessed[],
  reason: string,
): Seen | NotSeen {
  if (connections.length === 0) return { state: "not captured", reason };
  const hashes = connections.map(({ streams }) => streams.map(sha256).join(","));
  return {
    state: "captured",
    isComplete: sorted(hashes) === sorted(witnessed.map(({ hashes }) => hashes.join(","))),
    isAddressed: sorted(connections.map(({ name }) => name)) === sorted(witnessed.map(({ name }) => name)),
    ...factsOf(connections, role),
  };
}

function factsOf(connections: readonly Connection[], role: Role) {
  const comments = connections.map(({ comments }) => comments[0] ?? "");
  const grades = comments.map((comment) => /attribution=(\S+)/.exec(comment)?.[1] ?? "?");
  return {
    hasRole: comments.every((comment) => comment.includes(` role=${role} `)),
    grades: [...new Set(grades)],
  };
}
