// SPDX-License-Identifier: MIT
/** The collector of the link's benchmarks, in a process of its own. @module */
import { V8_FLAGS } from "../../tools/compile.ts";
import type { TestPki } from "../support/link_harness.ts";
import { TestProcess } from "../support/process.ts";

/** With the settings of the binary. */
export function startCollector(pki: TestPki, sink: string, workers: number): TestProcess {
  const args = { pki: pki.directory, sink, state: `${pki.folder}/state`, workers };
  return new TestProcess("collector_process.ts", args, [], [V8_FLAGS]);
}
