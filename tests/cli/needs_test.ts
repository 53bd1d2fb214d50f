// SPDX-License-Identifier: MIT
/** An option that would do nothing is a mistake; what it needs is told. */
import assert from "node:assert/strict";
import { parse } from "@optique/core/parser";
import { BadInput } from "../../cli/bad_input.ts";
import { declaredOptions } from "../../cli/declared.ts";
import { checkNeeds } from "../../cli/needs.ts";
import { collectorParser, type CommandLine, commandLine } from "../../cli/options.ts";

function read(line: string): CommandLine {
  const words = line.split(" ").filter((word) => word !== "");
  const result = words[0] === "-C" ? parse(collectorParser, words) : parse(commandLine, words);
  assert.ok(result.success, line);
  return result.value;
}

/** What is said of a command line; undefined: nothing. */
function told(line: string, withSettings = line): string | undefined {
  try {
    checkNeeds(read(line), read(withSettings));
  } catch (error) {
    assert.ok(error instanceof BadInput);
    return error.message;
  }
  return undefined;
}

const PLACES = "--print requests, --events PLACE or --har FILE";
const OR_PAGE = `${PLACES}, or --ui PORT`;
const TLS = "a collector that is reached with TLS: -t HOST";
const NO_CERTIFICATES = "looks at certificates, and there are none with --insecure-plaintext";

const MISTAKES: Readonly<Record<string, string>> = {
  "--ui-host proxy.example": "needs --ui [ADDR:]PORT",
  "run --ui-host proxy.example -- true": "needs --ui [ADDR:]PORT",
  "read x --ui-host proxy.example": "needs --ui [ADDR:]PORT",
  "-C -o x.pcap --ui-host proxy.example": "needs --ui [ADDR:]PORT",
  "--filter status==404": `needs ${PLACES}`,
  "replay x --ui 0 --filter status==404": `needs ${PLACES}; the page has a filter of its own`,
  "read x --ui 0 --filter status==404": `needs ${PLACES}; the page has a filter of its own`,
  "--color never": "needs --print requests",
  "run -q --color never -- true": "needs --print requests",
  "replay x --color never --har x.har": "needs --print requests",
  "read x --color never --ui 0": "needs --print requests",
  "run --bodies 1MiB --print heads -- true": "needs --print bodies, --har FILE or --ui PORT",
  "replay x --bodies 1MiB --events x.json": "needs --print bodies, --har FILE or --ui PORT",
  "read x --bodies 1MiB": "needs --print bodies, --har FILE or --ui PORT",
  "run -q --show-secrets -- true": `needs ${OR_PAGE}`,
  "replay x --show-secrets": `needs ${OR_PAGE}`,
  "run -q --exchange-log 1MiB -- true": `needs ${OR_PAGE}`,
  "replay x --exchange-log 1MiB": `needs ${OR_PAGE}`,
  "--pki x": `needs ${TLS}`,
  "replay x -t tcp://a --identity web1": `needs ${TLS}`,
  "run --key-group ids -- true": `needs ${TLS}`,
  "-C -o x.pcap --insecure-plaintext --pki x": NO_CERTIFICATES,
  "-C -o x.pcap --insecure-plaintext --identity ids1": NO_CERTIFICATES,
  "-C -o x.pcap --insecure-plaintext --key-group ids": NO_CERTIFICATES,
  "-C -o lo --mtu 1400": "each sink is an interface, which has its own",
  "-I lo --unix": "no interface carries such sessions: leave --interface out",
  "run -I lo --unix -- true": "no interface carries such sessions: leave --interface out",
};

for (const [line, reason] of Object.entries(MISTAKES)) {
  Deno.test(`needs: ${line} ${reason}`, () => {
    assert.equal(told(line)?.replace(/^--[\w-]+: /, ""), reason);
    assert.ok(line.includes(told(line)!.split(":")[0]), "the option is named");
  });
}

const RIGHT = [
  "--bodies 1MiB --exchange-log 1MiB --show-secrets",
  "--ui 0 --ui-host proxy.example",
  "run --print bodies --bodies 1MiB --color never --filter sni -- true",
  "run -q --ui 0 --bodies 1MiB --exchange-log 1MiB --show-secrets -- true",
  "replay x --har x.har --bodies 1MiB --exchange-log 1MiB --filter sni",
  "replay x --events x.json --show-secrets --filter sni",
  "read x --color never --exchange-log 1MiB --show-secrets --filter sni",
  "read x --print bodies --bodies 1MiB",
  "read x --har x.har --bodies 1MiB",
  "-t a -t tcp://b --pki x --identity y --key-group z",
  "-I any --unix",
  "-C -o lo -o x.pcap --mtu 1400 --pki x --identity y --key-group z",
];

for (const line of RIGHT) {
  Deno.test(`needs: ${line}, which has all of it`, () => assert.equal(told(line), undefined));
}

Deno.test("needs: what a file or the environment says for several commands is held against none", () => {
  assert.equal(told("-o x.pcap", "-o x.pcap --color never --pki x --unix -I lo --ui-host a"), undefined);
  assert.equal(told("-C -o lo", "-C -o lo --mtu 1400"), undefined);
  assert.equal(told("--color never", "--color never --print requests"), undefined);
});

/** Options that do something by themselves, or are held against the others when settings are. */
const BY_THEMSELVES = {
  mirror:
    "output rotate-size rotate-time keep summary log-level log-format print events har codec mtu port-map vlan mark-mac only skip " +
    "require-attribution attribution-wait attribution-hold starttls idle-timeout dry-run quiet target queue compress spool spool-max ui " +
    "interface record memory runtime-dir capture metrics",
  collector:
    "collector listen output rotate-size rotate-time keep summary log-level log-format allow insecure-plaintext compress state agent-rate " +
    "agent-share metrics ui runtime-dir workers dry-run",
};

Deno.test("needs: each option does something by itself, or is told what it needs", () => {
  for (const command of ["agent", "run", "replay", "collector"]) {
    const isCollector = command === "collector";
    const needing = Object.keys(MISTAKES).filter((line) => line.startsWith("-C") === isCollector)
      .map((line) => told(line)!.split(":")[0].slice(2));
    const decided = [...BY_THEMSELVES[isCollector ? "collector" : "mirror"].split(" "), ...needing];
    const names = declaredOptions(command).map(({ names }) => names.at(-1)!.slice(2));
    assert.deepEqual(names.filter((name) => !decided.includes(name)), [], command);
  }
});
