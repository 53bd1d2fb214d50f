// SPDX-License-Identifier: MIT
/** Debian's Python, its packages, and the programs of the tests that are written in it. @module */
import { fileURLToPath } from "node:url";
import type { Mode } from "./sslcollector.ts";
import type { Fixture } from "./fixture.ts";
import type { ServerStart } from "./http2_mirrored.ts";
import type { Reason } from "../../support/skip.ts";

const PYTHON = "/usr/bin/python3";
export const PROGRAMS = fileURLToPath(new URL("../programs", import.meta.url));

/** The command line of one of the tests' programs; without `-B` it would leave files beside them. */
export const python = (
  program: string,
  ...args: string[]
) => [PYTHON, "-B", `${PROGRAMS}/${program}`, ...args];

/** hypercorn with the tests' application, which serves the bodies of the fixture. */
export const hypercorn = (mode: Mode, fixture: Fixture, codec?: string): ServerStart => ({
  mode,
  codec,
  command: [
    ...[PYTHON, "-B", "-m", "hypercorn", "http2_app:app", "--bind", "127.0.0.1:0", "--graceful-timeout", "0"],
    ...["--certfile", fixture.certificate, "--keyfile", fixture.key],
  ],
  listening: /Running on https:\/\/127\.0\.0\.1:(\d+)/,
  env: { PYTHONPATH: PROGRAMS, BODIES: fixture.bodies },
});

/** The reason to skip what needs these modules, when one cannot be imported. */
export function pythonLacks(...modules: string[]): Reason {
  const find =
    `import importlib.util, sys\nfor name in sys.argv[1:]:\n if not importlib.util.find_spec(name): print(name)`;
  try {
    const { success, stdout } = new Deno.Command(PYTHON, { args: ["-c", find, ...modules] }).outputSync();
    const lacks = new TextDecoder().decode(stdout).trim().split("\n").filter((name) => name !== "");
    return success && lacks.length === 0 ? undefined : `Python has no ${lacks.join(", ")}`;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return `not installed: ${PYTHON}`;
  }
}
