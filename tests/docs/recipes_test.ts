// SPDX-License-Identifier: MIT
/** docs/recipes.md: every block as it stands, in a namespace of its own, with a page fetched while it runs. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { judgeMissing } from "../ids/judge.ts";
import { netnsMissing } from "../support/netns.ts";
import { missing, runOk } from "../support/run.ts";
import { type Reason, skipIf } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { Child, runChild } from "../e2e/support/child.ts";
import { serveAddresses } from "../e2e/support/echo_server.ts";
import { type Fixture, withFixture } from "../e2e/support/fixture.ts";
import { Networks } from "../e2e/support/networks.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = Deno.readTextFileSync(`${ROOT}docs/recipes.md`);
const PORT = 8443;

interface Block {
  readonly heading: string;
  /** Place among those of its heading, from 1. */
  readonly number: number;
  readonly script: string;
}

function blocksOf(page: string): Block[] {
  return page.split(/^## /m).slice(1).flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, script], at) => ({
      heading,
      number: at + 1,
      script,
    }));
  });
}

/** Whether the page was seen, by what the block leaves in its folder. */
type Check = (folder: string) => Promise<boolean>;

const inLogs: Check = async (folder) => {
  const lines = (await Deno.readTextFile(`${folder}/logs/eve.json`)).split("\n");
  return lines.some((line) => /"hostname":"example\.org".*"status":200/.test(line));
};
const onBoth: Check = async (folder) => {
  const log = await Deno.readTextFile(`${folder}/logs/eve.json`);
  const isThere = (iface: string, event: string) =>
    new RegExp(`"in_iface":"${iface}","event_type":"${event}"`).test(log);
  return await inLogs(folder) && isThere("mirror1", "http") && isThere("lo", "tls");
};
const inText = (mark: RegExp): Check => async (folder) =>
  mark.test(await Deno.readTextFile(`${folder}/shown.txt`));

/** What differs little from its neighbour waits for the run of all commands. */
const LONG: Reason = Deno.env.get("EVERY_COMMAND") === "1"
  ? undefined
  : "some seconds more: run with EVERY_COMMAND=1";

/** What each block has to be good for, and what it takes. */
const CHECKS: Readonly<Record<string, readonly [Check, Reason]>> = {
  "Suricata on an interface 1": [inLogs, judgeMissing()],
  "Suricata on the mirror and on live traffic 1": [onBoth, judgeMissing() ?? LONG],
  "Suricata out of a pipe 1": [inLogs, judgeMissing()],
  "Suricata out of PCAP-over-IP 1": [inLogs, judgeMissing() ?? missing("socat")],
  "tshark 1": [inText(/GET \//), missing("tshark")],
  "tshark 2": [inText(/GET \//), missing("tshark")],
  "tcpdump 1": [inText(/GET \/ HTTP\/1\.1/), missing("tcpdump")],
  "Beside the encrypted traffic, in one file 1": [
    async (folder) => {
      const fields = ["-Y", "tls.handshake.type == 1 || http.request", "-T", "fields", "-e", "tcp.dstport"];
      const ports = await runOk("tshark", "-r", `${folder}/both.pcapng`, ...fields);
      // Pages that were fetched beside it are in the capture of the wire too.
      return [...new Set(ports.trim().split("\n"))].join() === "8443,8080";
    },
    missing("tshark", "tcpdump", "mergecap"),
  ],
};

/** `sslcollector` as a command, and a `curl` that finds example.org on this host. */
async function prepare(fixture: Fixture): Promise<Record<string, string>> {
  const bin = fixture.path("bin");
  await Deno.mkdir(bin);
  const command = `exec ${Deno.execPath()} run -A --no-check ${ROOT}cli/main.ts "$@"`;
  await Deno.writeTextFile(`${bin}/sslcollector`, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  await Deno.writeTextFile(
    fixture.path(".curlrc"),
    `insecure\nhttp1.1\nconnect-to = example.org:443:127.0.0.1:${PORT}\n`,
  );
  return {
    PATH: `${bin}:/usr/sbin:${Deno.env.get("PATH")}`,
    CURL_HOME: fixture.folder,
    SSLCOLLECTOR_CONFIG: "/dev/null",
    SSLCOLLECTOR_RUNTIME_DIR: fixture.path("runtime"),
    SSLCOLLECTOR_RUNTIME: fixture.path("runtime"),
  };
}

/** Runs a block until what it is good for is there; pages are fetched meanwhile, since a reader may not be ready for the first. */
async function runBlock(fixture: Fixture, networks: Networks, script: string, check: Check): Promise<void> {
  const env = await prepare(fixture);
  await using _server = await serveAddresses(networks, "host", fixture);
  const library = await runOk(
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    `${ROOT}cli/main.ts`,
    "hook",
    "path",
  );
  await using block = new Child("ip", {
    args: networks.command("host", "bash", "-c", script),
    cwd: fixture.folder,
    env,
  });
  const isOver = { value: false };
  block.ended.then(() => isOver.value = true, () => {});
  await until("the page to be seen", async () => {
    if (await check(fixture.folder).catch(() => false)) return true;
    // It may have ended after that look, having done all.
    if (isOver.value && !await check(fixture.folder).catch(() => false)) {
      assert.fail(`the block has ended: ${(await block.ended).stderr}`);
    }
    const args = networks.command("host", "curl", "-s", "https://example.org/");
    await runChild("ip", { args, env: { ...env, LD_PRELOAD: library.trim() } });
  }, 200);
}

for (const { heading, number, script } of blocksOf(PAGE)) {
  const name = `${heading} ${number}`;
  if (script.startsWith("# Not run by a test: ")) continue;
  const [check, lacking] = CHECKS[name] ?? [() => Promise.resolve(false), undefined];
  Deno.test({
    name: `docs/recipes.md: ${name}`,
    ...skipIf(lacking, netnsMissing(), missing("curl", "openssl")),
    fn: () =>
      withFixture(async (fixture) => {
        assert(name in CHECKS, "what is it good for?");
        await using networks = new Networks();
        await networks.add("host");
        await runBlock(fixture, networks, script, check);
      }),
  });
}
