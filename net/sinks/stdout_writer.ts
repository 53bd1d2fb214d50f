// SPDX-License-Identifier: MIT
/** Standard output as what an outlet writes to. @module */
import { ownStdout } from "../ffi/own_stdout.ts";
import { type OutletWriter, PieceWriter } from "./outlet_writer.ts";

/** From now on standard output is for what is written here only. */
export function stdoutWriter(): OutletWriter {
  const own = ownStdout();
  return own.kind === "at once" ? own.writer : new PieceWriter(own.write);
}
