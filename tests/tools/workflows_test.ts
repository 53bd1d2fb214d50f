// SPDX-License-Identifier: MIT
/** The workflows of the public home: they run the tasks and the Deno that the project has. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { parse } from "yaml";
import { ownTarget, targetOf } from "../../tools/build/target.ts";

const ROOT = new URL("../../", import.meta.url);
const Workflow = v.looseObject({
  name: v.string(),
  permissions: v.record(v.string(), v.picklist(["read", "write"])),
  jobs: v.record(
    v.string(),
    v.looseObject({
      "runs-on": v.string(),
      needs: v.optional(v.string()),
      steps: v.array(v.looseObject({ run: v.optional(v.string()), uses: v.optional(v.string()) })),
    }),
  ),
});

interface Step {
  readonly run?: string;
  readonly env?: object;
}

function linesOf(file: string): string[] {
  const workflow = v.parse(
    Workflow,
    parse(Deno.readTextFileSync(new URL(`.github/workflows/${file}`, ROOT))),
  );
  for (const { needs } of Object.values(workflow.jobs)) {
    assert.ok(needs === undefined || needs in workflow.jobs);
  }
  return Object.values(workflow.jobs).flatMap(({ steps }) =>
    steps.flatMap(({ run }) => run?.split("\n") ?? [])
  );
}

const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
const ci = Deno.readTextFileSync(new URL(".ci/run", ROOT));

for (const file of ["test.yml", "release.yml", "matrix.yml"]) {
  Deno.test(`workflows: ${file} runs what the project has, with its Deno`, () => {
    const lines = linesOf(file);
    assert.ok(lines.some((line) => line === ".ci/run" || line.includes(" task ")));
    const deno = /deno@[0-9.]+/.exec(ci)?.[0];
    for (const line of lines.filter((line) => line.includes("deno@"))) {
      assert.equal(/deno@[0-9.]+/.exec(line)?.[0], deno);
      const task = /deno@\S+ task (\S+)/.exec(line)?.[1];
      if (task !== undefined) assert.ok(task in tasks, task);
    }
  });
}

Deno.test("workflows: changes and releases pass every gate", () => {
  for (const file of ["test.yml", "release.yml"]) assert.ok(linesOf(file).includes(".ci/run"), file);
});

Deno.test("workflows: tests get no variable of the project's name, which the program would warn of", () => {
  for (const file of ["test.yml", "release.yml", "matrix.yml"]) {
    const workflow = parse(Deno.readTextFileSync(new URL(`.github/workflows/${file}`, ROOT)));
    for (
      const { env: ofJob, steps } of Object.values<{ env?: object; steps: readonly Step[] }>(workflow.jobs)
    ) {
      for (const { run, env } of steps.filter(({ run }) => /\.ci\/run| task (test|ok)/.test(run ?? ""))) {
        const names = Object.keys({ ...workflow.env, ...ofJob, ...env });
        assert.deepEqual(names.filter((name) => name.startsWith("SSLCOLLECTOR_")), [], `${file}: ${run}`);
      }
    }
  }
});

Deno.test("workflows: a release has the packages of Linux and of Windows", () => {
  const packaging = linesOf("release.yml").filter((line) => line.includes(" task package "));
  assert.equal(packaging.length, 2);
  for (const line of packaging) {
    const targets = line.split(" task package ")[1].split(" ").map(targetOf);
    assert.deepEqual(targets, [...new Set(targets)]);
    assert.ok(targets.includes(ownTarget()));
    assert.deepEqual([...new Set(targets.map(({ format }) => format))].sort(), ["elf", "pe"]);
  }
});
