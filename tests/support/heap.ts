// SPDX-License-Identifier: MIT
/** What V8 holds: objects and the buffers outside its heap. @module */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collectGarbage: (() => void) | undefined;

/** Bytes in use, garbage collected first. */
export function usedBytes(): number {
  if (collectGarbage === undefined) {
    setFlagsFromString("--expose-gc");
    collectGarbage = runInNewContext("gc") as () => void;
  }
  // The buffers of what a collection finds dead are freed by the next one.
  for (let times = 0; times < 3; times++) collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
