// SPDX-License-Identifier: MIT
/** Several libraries of one family in a process, whose functions and sessions do not go together. @module */
import assert from "node:assert/strict";
import { missing } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { compile, hooked, run, WORK } from "./native.ts";

const lacking = skipIf(missing("cc"));

for (const [name, family] of [["GnuTLS", "gnutls"], ["mbed TLS", "mbedtls"]] as const) {
  /** One of this number, that only seems to be one; answers its name to the linker. */
  const compileTiny = async (number: number): Promise<string> => {
    const file = `tiny_${family}${number}`;
    const flags = ["-shared", "-fPIC", `-DNUMBER=${number}`, `-Wl,-soname,lib${file}.so`];
    await compile(`lib${file}.so`, [`tiny_${family}.c`], flags);
    return file;
  };

  /** A library that uses one of its own, of this number. */
  const compileUser = async (number: number, ...more: string[]): Promise<string> => {
    const tiny = await compileTiny(number);
    const linked = ["-shared", "-fPIC", "-Wl,-z,lazy", `-L${WORK}`, `-l${tiny}`, `-Wl,-rpath,${WORK}`];
    const file = `lib${family}_user${number}${more.length}.so`;
    return await compile(file, [`${family}_user.c`], [...more, ...linked]);
  };

  Deno.test(`${name} that comes, goes, and is used by what is just loaded`, lacking, async () => {
    const program = await compile(`reloads_${family}`, ["reloads.c"], ["-ldl"]);
    const output = await run(program, [await compileUser(1)], await hooked(`${WORK}/none`));
    assert.deepEqual(output, { code: 0, signal: null, stdout: "120\n", stderr: "" });
  });

  Deno.test(`${name} twice in a process: each is used by whoever is bound to it`, lacking, async () => {
    const users = [await compileUser(1), await compileUser(2)];
    const linked = [`-Wl,--no-as-needed,-rpath,${WORK}`, `-L${WORK}`, `-ltiny_${family}1`];
    const programs = [
      await compile(`together_${family}`, ["together.c"], ["-ldl"]),
      await compile(`together_linked_${family}`, ["together.c"], [...linked, "-ldl"]),
    ];
    for (const program of programs) {
      for (const mode of ["now", "lazy"]) {
        const output = await run(program, [mode, ...users], await hooked(`${WORK}/none`));
        assert.deepEqual(output, { code: 0, signal: null, stdout: "20\n", stderr: "" }, `${program} ${mode}`);
      }
    }
  });

  Deno.test(`${name} twice in a process, one of which goes`, lacking, async () => {
    const users = [await compileUser(1), await compileUser(2, "-DLATE")];
    const program = await compile(`together_${family}`, ["together.c"], ["-ldl"]);
    const output = await run(program, ["close", ...users], await hooked(`${WORK}/none`));
    assert.deepEqual(output, { code: 0, signal: null, stdout: "10\n", stderr: "" });
  });
}
