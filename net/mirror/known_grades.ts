// SPDX-License-Identifier: MIT
/** How well addresses are known. @module */
import type { Grade } from "./attribution.ts";

/** Grades of what is known, each better than the one before it. */
export const KNOWN_GRADES = ["nested", "socket", "hello", "wire"] as const;

export type KnownGrade = typeof KNOWN_GRADES[number];

/** Whether addresses of a grade are known at least as well as is asked for; undefined asks for nothing. */
export function isKnownAs(grade: Grade, asked: KnownGrade | undefined): boolean {
  const ranked: readonly Grade[] = KNOWN_GRADES;
  return asked === undefined || ranked.indexOf(grade) >= ranked.indexOf(asked);
}
