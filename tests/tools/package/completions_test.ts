// SPDX-License-Identifier: MIT
/** Completions as packages bring them, in the shells themselves. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { commandWords } from "../../support/command.ts";
import { missing, runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** What is typed, and how the line ends when the only thing that is offered is taken. */
const LINES: readonly (readonly [typed: string, completed: string])[] = [
  ["--cod", "--codec"],
  ["--codec h", "--codec http2to1"],
  ["-o x.pcapng --capture a", "-o x.pcapng --capture auto"],
  ["read cap", "read capture.pcapng"],
];

interface Shell {
  /** Loads the script and completes `sslcollector` and what is typed behind it. */
  readonly args: (script: string, typed: string) => string[];
  /** The only answer of the shell. */
  readonly answer: (completed: string) => RegExp;
}

/** The word that is completed, and no other line. */
const lastWord = (line: string) => escaped(line.split(" ").at(-1)!);
const escaped = (text: string) => text.replaceAll(".", "\\.");

/** bash as its line editor calls the function. */
const inBash = (script: string, typed: string) =>
  `source ${script}; complete -p sslcollector; COMP_LINE="sslcollector ${typed}"; COMP_WORDS=($COMP_LINE); ` +
  "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_POINT=${#COMP_LINE}; " +
  '_sslcollector; printf "%s\\n" "${COMPREPLY[@]}"';

/** zsh as somebody has it who installed the script: it says which line it would have run. */
const interactive = (folder: string) =>
  `fpath=(${folder} \\$fpath); autoload -Uz compinit; compinit -D -u; preexec() { print -r -- \\\${1}_e''nd; exit }`;

/** Its widgets run at a terminal only: another zsh gets one, and the key there. */
const atTerminal = (script: string, typed: string) =>
  [
    "zmodload zsh/zpty",
    'zpty child "PS1= zsh -f -i"',
    `zpty -w child "${interactive(dirname(script))}"`,
    `zpty -w -n child $'sslcollector ${typed}\\t\\n'`,
    'zpty -r child said "*_end*"',
    'print -r -- "$said"; zpty -d child',
  ].join("\n");

const SHELLS: Readonly<Record<string, Shell>> = {
  bash: {
    args: (script, typed) => ["-c", inBash(script, typed)],
    answer: (completed) =>
      new RegExp(`^complete .*-F _sslcollector .*sslcollector\n${lastWord(completed)} ?\n$`),
  },
  fish: {
    args: (script, typed) => ["--no-config", "-c", `source ${script}; complete -C "sslcollector ${typed}"`],
    answer: (completed) => new RegExp(`^${lastWord(completed)}(\t.*)?\n$`),
  },
  zsh: {
    args: (script, typed) => ["-f", "-c", atTerminal(script, typed)],
    answer: (completed) => new RegExp(`^sslcollector ${escaped(completed)} ?_end\r?$`, "m"),
  },
};

for (const [shell, { args, answer }] of Object.entries(SHELLS)) {
  Deno.test({
    name: `completions: ${shell} completes options, their values and files by what packages bring`,
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
        await Deno.writeTextFile(`${folder}/capture.pcapng`, "");
        const env = { PATH: `${folder}:${Deno.env.get("PATH")}`, HOME: folder };
        for (const [typed, completed] of LINES) {
          const { stdout, stderr, code } = await new Deno.Command(shell, {
            args: args(script, typed),
            cwd: folder,
            env,
          }).output();
          const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
          assert.equal(code, 0, said);
          assert.match(said, answer(completed));
        }
      }),
  });
}
