// SPDX-License-Identifier: MIT
/** Settings of sinks as agents and collectors have them. @module */
import * as v from "valibot";
import { KEEP_MAX, MTU_MAX, MTU_MIN, ROTATE_BYTES_MIN, ROTATE_MS_MIN } from "./limits.ts";
import { list, milliseconds, read, wholeNumber } from "./schema.ts";
import { sinkSpec } from "./sinks.ts";

/** Entries of a schema. */
export const sinkEntries = {
  sinks: list(read(sinkSpec)),
  mtu: v.optional(wholeNumber(MTU_MIN, MTU_MAX)),
  rotateBytes: v.optional(wholeNumber(ROTATE_BYTES_MIN)),
  rotateMs: v.optional(milliseconds(ROTATE_MS_MIN)),
  keep: v.optional(wholeNumber(1, KEEP_MAX)),
};
