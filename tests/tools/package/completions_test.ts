// SPDX-License-Identifier: MIT
/** Completions as packages bring them, in the shells themselves. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { commandWords } from "../../support/command.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

interface Shell {
  /** Loads the script and asks what may stand for `--cod`. */
  readonly args: (script: string) => string[];
  readonly answer: RegExp;
}

/** zsh as somebody has it who installed the script: it says which line it would have run. */
const interactive = (folder: string) =>
  `fpath=(${folder} \\$fpath); autoload -Uz compinit; compinit -D -u; preexec() { print -r -- \\\${1}_e''nd; exit }`;

/** Its widgets run at a terminal only: another zsh gets one, and the key there. */
const atTerminal = (script: string) =>
  [
    "zmodload zsh/zpty",
    'zpty child "PS1= zsh -f -i"',
    `zpty -w child "${interactive(dirname(script))}"`,
    "zpty -w -n child $'sslcollector --cod\\t\\n'",
    'zpty -r child said "*_end*"',
    'print -r -- "$said"; zpty -d child',
  ].join("\n");

const SHELLS: Readonly<Record<string, Shell>> = {
  bash: {
    args: (script) => [
      "-c",
      `source ${script}; COMP_WORDS=(sslcollector --cod); COMP_CWORD=1; COMP_LINE="sslcollector --cod"; ` +
      'COMP_POINT=18; _sslcollector; complete -p sslcollector; printf "%s\\n" "${COMPREPLY[@]}"',
    ],
    answer: /^complete .*-F _sslcollector .*sslcollector\n--codec ?$/m,
  },
  fish: {
    args: (script) => ["--no-config", "-c", `source ${script}; complete -C "sslcollector --cod"`],
    answer: /^--codec\tCodecs to apply/m,
  },
  zsh: { args: (script) => ["-f", "-c", atTerminal(script)], answer: /^sslcollector --codec ?_end\r?$/m },
};

for (const [shell, { args, answer }] of Object.entries(SHELLS)) {
  Deno.test({
    name: `completions: ${shell} completes an option by what packages bring`,
    ...skipIf(missing(shell)),
    fn: () =>
      withTempDir(async (folder) => {
        const script = `${folder}/_sslcollector`;
        await Deno.writeTextFile(
          script,
          await runOk(Deno.execPath(), "run", "-A", "--quiet", MAIN, "completion", shell),
        );
        const command = commandWords().map((word) => `'${word}'`).join(" ");
        // The shell has a home of its own; Deno's cache of packages is in the user's.
        const home = Deno.env.get("HOME") ?? "";
        const text = `#!/bin/sh\nHOME='${home}' exec ${command} "$@"\n`;
        await Deno.writeTextFile(`${folder}/sslcollector`, text, { mode: 0o755 });
        const path = `${folder}:${Deno.env.get("PATH")}`;
        const env = { PATH: path, HOME: folder };
        const { stdout, stderr, code } = await new Deno.Command(shell, { args: args(script), env }).output();
        const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        assert.equal(code, 0, said);
        assert.match(said, answer);
      }),
  });
}
