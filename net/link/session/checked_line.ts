// SPDX-License-Identifier: MIT
/** JSON objects that tell whether they are as they were written: the last member, `sum`, is a checksum of the text before it. @module */
import { crc32 } from "node:zlib";

const SUM = /,"sum":"([0-9a-f]{8})"\}$/;

/** The object, which has members, as one line without its end. */
export function checkedLine(value: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(value).slice(0, -1);
  return `${text},"sum":"${sumOf(text)}"}`;
}

/** What a line holds: `unchecked` without a checksum, as version 0.1.0 wrote it; undefined where it is not as it was written. */
export function readCheckedLine(
  line: string,
): { readonly value: Record<string, unknown>; readonly isChecked: boolean } | undefined {
  const found = SUM.exec(line);
  if (found !== null && sumOf(line.slice(0, found.index)) !== found[1]) return undefined;
  try {
    const value = JSON.parse(line);
    if (typeof value !== "object" || value === null) return undefined;
    return { value, isChecked: found !== null };
  } catch {
    return undefined;
  }
}

function sumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
