// SPDX-License-Identifier: MIT
/** Lines on standard output and standard error. @module */

const encoder = new TextEncoder();

/** One line on standard error; a closed standard error is nobody's harm. */
export function printError(line: string): void {
  write(Deno.stderr, line + "\n");
}

/** One line on standard output. */
export function print(line: string): void {
  write(Deno.stdout, line + "\n");
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch {
    // Nobody is there to be told.
  }
}
