// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { checkFiles, type RunFiles } from "../../../net/settings/files.ts";
import { parseSinkSpec } from "../../../net/sinks/spec.ts";
import { withTempDir } from "../../support/run.ts";

Deno.test("files: one that has a use already is named with both", () =>
  withTempDir((folder) => {
    const [one, linked] = [`${folder}/one.pcapng`, `${folder}/linked`];
    Deno.symlinkSync("one.pcapng", linked);
    const sinks = [parseSinkSpec(one)];
    const recording = { path: one, kind: "recording" } as const;
    const capture = { path: linked, kind: "capture" } as const;
    const cases: [RunFiles, string | undefined][] = [
      [{ sinks, outputs: { record: `${folder}/a`, events: `${folder}/b`, har: undefined } }, undefined],
      [{ inputs: [recording], sinks, outputs: {} }, `sinks: "${one}" is the recording itself`],
      [{ inputs: [recording], outputs: { har: linked } }, `har: "${linked}" is the recording itself`],
      [{ inputs: [capture], outputs: { events: one } }, `events: "${one}" is the capture itself`],
      [{ sinks, outputs: { statePath: linked } }, `statePath: "${linked}" is a sink already`],
      [{ outputs: { record: one, events: "b", har: linked } }, `har: "${linked}" is record already`],
      [{ outputs: { record: one, events: one } }, `events: "${one}" is record already`],
    ];
    for (const [files, message] of cases) {
      if (message === undefined) checkFiles(files);
      else {assert.throws(() => checkFiles(files), {
          name: "BadSetting",
          message: `${message}, give another file`,
        });}
    }
  }));
