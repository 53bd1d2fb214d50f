// SPDX-License-Identifier: MIT
/** `sslcollector read FILE`: the requests in a capture that was written before, on the terminal or in a page. @module */
import { readCapture } from "../net/agent/read.ts";
import { BadInput } from "./bad_input.ts";
import { configureLog, log } from "./log.ts";
import type { ReadCommand } from "./options.ts";
import { printError } from "./output.ts";
import { readPrints } from "./readers.ts";
import { Shutdown } from "./shutdown.ts";
import { printingBeside, viewSettings } from "./view_settings.ts";

/** Answers the exit status: 1 when the file is damaged; what stands before the damage is shown. */
export async function runRead(command: ReadCommand): Promise<number> {
  configureLog();
  const { capture } = command;
  const settings = viewSettings(command, {
    ...printingBeside({ ...command, output: [] }),
    isDefault: readPrints(command),
  });
  const shutdown = command.ui && new Shutdown();
  const stop = new AbortController();
  shutdown?.asked.then(() => stop.abort());
  const { damage } = await readCapture(open(capture), {
    ...settings,
    // What standard input comes from may be a file, too.
    path: capture === "-" ? "/dev/stdin" : capture,
    ui: command.ui,
    uiHosts: command.uiHost,
    pageOpened: (url) => {
      printError(`page: ${url}`);
      log.info("stop with Ctrl-C");
    },
    signal: stop.signal,
  });
  shutdown?.release();
  if (damage !== "") printError(`sslcollector: read: ${capture}: ${damage}`);
  return damage === "" ? 0 : 1;
}

function open(path: string): ReadableStream<Uint8Array> {
  if (path === "-") return Deno.stdin.readable;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "no such file" : (error as Error).message;
    throw new BadInput(`read: ${path}: ${reason}`);
  }
  return file.readable;
}
