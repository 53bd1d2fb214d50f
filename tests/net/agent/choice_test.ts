// SPDX-License-Identifier: MIT
/** Sessions that are chosen by an expression, and those that are left out. */
import assert from "node:assert/strict";
import { chooserOf, foresightOf } from "../../../net/agent/choice.ts";
import { BadSetting } from "../../../net/settings/bad_setting.ts";
import { makeOpen, makeProgram, PipelineHarness } from "../../support/pipeline_harness.ts";

/** A session from 10.0.0.1 to 10.0.0.2, port 443, of SNI example.test and ALPN http/1.1. */
const PROGRAM = makeProgram(1, {
  comm: "nginx",
  pid: 7,
  uid: 33,
  container: "3f2a9c000000",
  containerName: "app",
  pod: "8f1d-x",
  podName: "shop/web-7",
  executable: "/usr/sbin/nginx",
  cgroup: "/system.slice/nginx.service",
});

const HOLDS: Readonly<Record<string, boolean>> = {
  'program == "nginx"': true,
  'program == "ngi*"': true,
  'program != "ngi?x"': false,
  'program == "n.*"': false,
  "uid == 33 and pid == 7": true,
  "not uid == 33": false,
  'container == "3f2a*" and pod': true,
  'container_name == "app" and pod_name == "shop/*"': true,
  'container_name == "3f2a*"': false,
  'exe == "/usr/sbin/*" and cgroup == "/system.slice/*"': true,
  'exe == "nginx"': false,
  'role == "client"': true,
  'role == "server"': false,
  "port == 443": true,
  'client == "10.0.0.1" and server == "10.0.0.2"': true,
  'client == "10.0.0.0/31" and not server == "10.0.0.0/31"': true,
  'net == "10.0.0.0/8"': true,
  'net == "10.0.0.2"': true,
  'net != "10.0.0.0/30"': false,
  'net == "2001:db8::/32"': false,
  'sni == "*.TEST" and host contains "example"': true,
  'alpn =~ "^http/1"': true,
  'alpn == "h2"': false,
  'source == "hook"': true,
  'source == "probes"': false,
  'grade == "socket"': true,
  'grade == "wire" or grade == "none"': false,
  'grade == "s*" and role == "cl?ent" and grade contains "ock"': true,
  'address == "claimed"': true,
  'address == "confirmed"': false,
};

/** Bytes of a session that were forged, and those that were skipped. */
function mirrored(choice: Parameters<typeof chooserOf>[0]): [forged: number, skipped: number] {
  const harness = new PipelineHarness({ isWanted: chooserOf(choice) });
  harness.pipeline.open(PROGRAM, 1, makeOpen(), 1e9);
  harness.pipeline.data(PROGRAM, 1, 0, 0, new Uint8Array(10), 1e9);
  harness.pipeline.drain();
  const total = harness.total();
  assert.equal(total.imbalance(), 0);
  assert.equal(total.events.get("flow-skipped") ?? 0, total.lost.has("skipped") ? 1 : 0);
  return [total.forged[0], total.lost.get("skipped")?.[0] ?? 0];
}

for (const [expression, holds] of Object.entries(HOLDS)) {
  Deno.test(`choice: ${expression} is ${holds}`, () => {
    assert.deepEqual(mirrored({ only: [expression] }), holds ? [10, 0] : [0, 10]);
    assert.deepEqual(mirrored({ skip: [expression] }), holds ? [0, 10] : [10, 0]);
  });
}

/** What can be said of the program alone: true and false are for all of its sessions. */
const FORESEEN: Readonly<Record<string, boolean | undefined>> = {
  'program == "nginx"': true,
  'program != "ngi*"': false,
  "not uid == 33": false,
  container: true,
  "port == 443": undefined,
  "not port == 443": undefined,
  'net == "10.0.0.0/8"': undefined,
  'net != "10.0.0.0/8"': undefined,
  'sni == "*.test"': undefined,
  'host contains "example"': undefined,
  'alpn =~ "^h"': undefined,
  role: undefined,
  'program == "curl" and port == 443': false,
  'port == 443 and program == "curl"': false,
  'program == "nginx" and port == 443': undefined,
  'program == "nginx" or port == 443': true,
  'port == 443 or program == "nginx"': true,
  'program == "curl" or port == 443': undefined,
  'not (program == "nginx" and not port == 443)': undefined,
  'not (program == "nginx" or port == 443)': false,
};

for (const [expression, holds] of Object.entries(FORESEEN)) {
  Deno.test(`choice: of the program alone, ${expression} is ${holds ?? "not decided"}`, () => {
    assert.equal(foresightOf({ only: [expression] })!(PROGRAM), holds !== false);
    assert.equal(foresightOf({ skip: [expression] })!(PROGRAM), holds !== true);
  });
}

Deno.test("choice: of several, what is decided by one of them is decided for all sessions", () => {
  const foresees = (choice: Parameters<typeof foresightOf>[0]) => foresightOf(choice)!(PROGRAM);
  assert.equal(foresightOf({}), undefined);
  assert.equal(foresees({ only: ["uid == 0", "port == 443"] }), true);
  assert.equal(foresees({ only: ["uid == 0", "pid == 8"] }), false);
  assert.equal(foresees({ only: ["port == 443"], skip: ["port == 80", "uid == 33"] }), false);
  assert.equal(foresees({ only: ["uid == 0"], skip: ["port == 80"] }), false);
});

Deno.test("choice: of several, one has to hold, and none of those that leave out", () => {
  const [yes, no] = ['program == "nginx"', "uid == 0"];
  assert.deepEqual(mirrored({ only: [no, yes] }), [10, 0]);
  assert.deepEqual(mirrored({ only: [no, no] }), [0, 10]);
  assert.deepEqual(mirrored({ only: [yes], skip: [no, yes] }), [0, 10]);
  assert.deepEqual(mirrored({ skip: [no] }), [10, 0]);
  assert.equal(chooserOf({}), undefined);
});

Deno.test("choice: an expression that cannot be read is a mistake with its place", () => {
  const fields =
    "program, exe, pid, uid, cgroup, container, container_name, pod, pod_name, source, role, port, client, server, net, host, sni, alpn, grade, address";
  const mistakes: [string, string][] = [
    [
      'net == "10.0.0.0/33"',
      'expected an address or a network such as 10.0.0.0/8, got "10.0.0.0/33"\nnet == "10.0.0.0/33"\n       ^',
    ],
    ['grade == "wir"', 'grade is one of wire, none, socket, nested, hello\ngrade == "wir"\n         ^'],
    [
      'program == "servr" and role != "servr"',
      'role is one of client, server\nprogram == "servr" and role != "servr"\n                               ^',
    ],
    ['source == "probe"', 'source is one of hook, probes\nsource == "probe"\n          ^'],
    ['address == "c?"', 'address is one of confirmed, claimed, unknown\naddress == "c?"\n           ^'],
    ['grade =~ "^x"', 'grade is one of wire, none, socket, nested, hello\ngrade =~ "^x"\n         ^'],
    [
      'host == "10.0.0.0/8"',
      'host is never "10.0.0.0/8"; a network is asked for by net == "10.0.0.0/8"\nhost == "10.0.0.0/8"\n        ^',
    ],
    [
      'net contains "10.0.0.0/8"',
      'net is compared by == and != alone\nnet contains "10.0.0.0/8"\n    ^',
    ],
    [
      'container == "3f2a9c0000007d"',
      'container is never "3f2a9c0000007d"; of a container\'s id the first 12 digits are known: "3f2a9c000000"\n' +
      'container == "3f2a9c0000007d"\n             ^',
    ],
    ["uid == root", "uid is a number\nuid == root\n       ^"],
    ["colour", `no field colour; there are ${fields}\ncolour\n^`],
  ];
  for (const [expression, text] of mistakes) {
    assert.throws(() => chooserOf({ skip: [expression] }), (error) => {
      assert(error instanceof BadSetting);
      assert.deepEqual([error.settings, error.reason(String)], [["skip"], text]);
      return true;
    });
  }
});
