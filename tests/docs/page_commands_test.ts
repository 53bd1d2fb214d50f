// SPDX-License-Identifier: MIT
/**
 * The commands of README.md, CONTRIBUTING.md and docs/, each as it stands, on a system of its own; one that is not run has its reason.
 * `EVERY_COMMAND=1` runs those of all pages, in a minute; else those of README.md are run.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { pages } from "../../tools/docs_tables.ts";
import { Child } from "../e2e/support/child.ts";
import { PROGRAMS } from "../e2e/support/python.ts";
import { makeCertificate } from "../support/certificate.ts";
import { commandsOn } from "../support/page_commands.ts";
import { missing, withTempDir } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { SystemRoot, systemRootMissing } from "../support/system_root.ts";
import { PAGE_COMMANDS, type Trial, type Trials } from "./page_commands.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** In the system: where the commands run. */
const PLACE = "/root/commands";
const decoder = new TextDecoder();

const commandsOf = (page: string) => commandsOn(Deno.readTextFileSync(page));
const SHOWN = new Set([...pages(), "CONTRIBUTING.md"].flatMap(commandsOf));
const WANTED = Deno.env.get("EVERY_COMMAND") === "1" ? SHOWN : new Set(commandsOf("README.md"));

/** What the pages take for given: names, an interface to the world, a plugin, a program to test. */
const SURROUNDINGS = `set -e
mount -t tmpfs none /run
ip link add eth0 type veth peer name world && ip link set world up && ip link set eth0 up
ip addr add 10.0.0.5/32 dev lo
echo "127.0.0.1 localhost example.org ids1.example ids2.example" > /etc/hosts
rm -rf /etc/sslcollector /etc/sslcollector.toml
printf '#!/bin/sh\\nexec ${Deno.execPath()} run -A --no-check ${ROOT}cli/main.ts "$@"\\n' > /usr/local/bin/sslcollector
printf '#!/bin/sh\\ncurl -s https://example.org/\\n' > test.sh
chmod +x /usr/local/bin/sslcollector test.sh
printf 'insecure\\nconnect-to = example.org:443:127.0.0.1:8443\\n' > /root/.curlrc
cp ${ROOT}docs/examples/upper_case.ts .
cp ${ROOT}docs/examples/gzip_bodies.ts mine.ts
cp ${ROOT}docs/examples/gzip_bodies.ts plugin.ts
`;

/** Starts a script of the shell in the system. */
function start({ inside, root }: SystemRoot, script: string): Child {
  const [program, ...words] = inside;
  const env = { HOME: "/root", PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NO_COLOR: "1" };
  return new Child(program, {
    args: [...words, "chroot", root, "bash", "-c", `cd ${PLACE} && ${script}`],
    env,
  });
}

async function outcome(root: SystemRoot, script: string): Promise<{ code: number; text: string }> {
  await using child = start(root, script);
  const { code, stdout, stderr } = await child.ended;
  return { code, text: decoder.decode(stdout) + stderr };
}

/** All of them are tried before it throws. */
async function tryAll(root: SystemRoot, trials: Trials): Promise<void> {
  const failures: string[] = [];
  for (const [command, trial] of Object.entries(trials).filter(([command]) => WANTED.has(command))) {
    await tryOne(root, command, trial).catch((error) => failures.push(`${command}: ${error.message}`));
  }
  if (failures.length > 0) throw new Error(failures.join("\n"));
}

async function tryOne(root: SystemRoot, command: string, trial: Trial): Promise<void> {
  if ("filters" in trial) return await ends(root, `sslcollector read out.pcapng --filter '${command}'`);
  if ("prints" in trial) {
    await using child = start(root, `exec ${command}`);
    await child.found("stdout", trial.prints);
    return;
  }
  if ("logs" in trial) return await goesOn(root, command, trial);
  if ("ends" in trial) {
    const script = `${trial.before ?? "true"}; ${command}`;
    return await ends(root, trial.isJudgement ? `${script} || true` : script, trial.ends);
  }
  if ("unless" in trial) {
    const { code, text } = await outcome(root, command);
    if (code !== 0) {
      assert.match(text, trial.unless);
      await ends(root, trial.otherwise);
    }
  }
}

async function ends(root: SystemRoot, script: string, expected = /^/): Promise<void> {
  const { code, text } = await outcome(root, script);
  assert.equal(code, 0, text);
  assert.match(text, expected);
}

async function goesOn(
  root: SystemRoot,
  command: string,
  { logs, mirrors, meanwhile }: Extract<Trial, { logs: RegExp }>,
): Promise<void> {
  await using child = start(root, `echo process $$ >&2 && exec ${command}`);
  const [, pid] = await child.found("stderr", /^process (\d+)$/m);
  await child.found("stderr", logs);
  if (mirrors) {
    const [, settings] = await child.found("stderr", /^start a program with: (.*) COMMAND$/m);
    await ends(root, `env ${settings} curl -sS https://example.org/`, /127/);
  }
  await tryAll(root, meanwhile ?? {});
  await root.runOk("kill", "-TERM", pid);
  const { code, stderr } = await child.ended;
  assert.equal(code, 0, stderr);
  if (mirrors) assert.match(stderr, /total: 1 flow/);
}

function namesOf(trials: Trials): string[] {
  return Object.entries(trials).flatMap(([command, trial]) => [
    command,
    ...("logs" in trial ? namesOf(trial.meanwhile ?? {}) : []),
  ]);
}

Deno.test("docs: each command that a page shows is run by a test or says why not, else: tests/docs/page_commands.ts", () => {
  assert.deepEqual(namesOf(PAGE_COMMANDS).sort(), [...SHOWN].sort());
});

Deno.test("docs: a command that another test runs is there", () => {
  for (const [command, trial] of Object.entries(PAGE_COMMANDS)) {
    if ("elsewhere" in trial) {
      assert.ok(Deno.readTextFileSync(trial.elsewhere).includes(trial.has), command);
    }
  }
});

Deno.test({
  name: "docs: the commands of README.md do on a system what it says",
  ...skipIf(systemRootMissing(), missing("curl", "openssl", "ip", "bash")),
  fn: () =>
    withTempDir(async (folder) => {
      await using root = await SystemRoot.make(folder);
      await Deno.mkdir(root.path(PLACE), { recursive: true });
      await makeCertificate(root.path(`${PLACE}/certificate.pem`), root.path(`${PLACE}/key.pem`));
      const { code, text } = await outcome(root, SURROUNDINGS);
      assert.equal(code, 0, text);
      const server =
        `${Deno.execPath()} run -A --no-check ${PROGRAMS}/echo_address.ts certificate.pem key.pem`;
      await using serving = start(root, `exec ${server}`);
      await serving.found("stdout", /ready/);
      await tryAll(root, PAGE_COMMANDS);
    }),
});
