// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { runCommand } from "../support/command.ts";
import { missing, withTempDir } from "../support/run.ts";
import { notLinux, skipIf } from "../support/skip.ts";

/** Every mistake ends with status 2 after one line: what `args` give, exactly. */
function mistake(name: string, cases: readonly (readonly [args: string, line: string])[]): void {
  Deno.test(`command line: ${name}`, async () => {
    const told = await Promise.all(cases.map(async ([args]) => {
      const { code, stdout, stderr } = await runCommand(args.split(" "));
      return { args, code, stdout, stderr };
    }));
    const wanted = cases.map(([args, line]) => ({
      args,
      code: 2,
      stdout: "",
      stderr: `sslcollector: ${line}\n`,
    }));
    assert.deepEqual(told, wanted);
  });
}

mistake("an option of another command is named with its owners", [
  ["replay --record x y", "--record: not an option of replay; it belongs to the agent and run"],
  ["replay --record=x y", "--record: not an option of replay; it belongs to the agent and run"],
  ["-I lo replay y", "-I: not an option of replay; it belongs to the agent and run"],
  ["run --unit x -- true", "--unit: not an option of run; it belongs to hook install and hook uninstall"],
  ["demo --codec raw", "--codec: not an option of demo; it belongs to the agent, run and replay"],
  [
    "hook status --keep 3",
    "--keep: not an option of hook status; it belongs to the agent, run, replay and the collector",
  ],
  ["-C -o x -I lo", "-I: not an option of the collector; it belongs to the agent and run"],
  ["--allow web1", "--allow: not an option of the agent; it belongs to the collector"],
  ["pki show --days 3", "--days: not an option of pki show; it belongs to pki init, pki issue and pki renew"],
  ["--system", "--system: not an option of the agent; it belongs to hook install and hook uninstall"],
]);

mistake("a value that is wrong is quoted beside what would be right", [
  ["--vlan 4095", '--vlan: expected a number from 1 to 4094, got "4095"'],
  ["--mtu 1.5", '--mtu: expected a number from 576 to 65535, got "1.5"'],
  ["--starttls yes", '--starttls: expected none or greet, got "yes"'],
  ["--summary xml", '--summary: expected text, json or none, got "xml"'],
  ["--rotate-size 12q", '--rotate-size: expected a size such as 64MiB, got "12q"'],
  ["--rotate-size 1k", '--rotate-size: expected at least 4096 bytes, got "1k"'],
  ["--memory 0", '--memory: expected at least 1048576 bytes, got "0"'],
  ["--rotate-time soon", '--rotate-time: expected a duration such as 90s, 10m or 1h, got "soon"'],
  [
    "--port-map 443=70000",
    '--port-map: expected clear, or ports from 1 to 65535 such as 443=80, got "443=70000"',
  ],
  ["--mark-mac 02:00", '--mark-mac: expected a MAC address such as 02:00:00:00:00:99, got "02:00"'],
  [
    "-t tcp://",
    '--target: expected HOST[:PORT] such as collector.example:3005 or [2001:db8::1]:3005, got "tcp://"',
  ],
  ["-C -L :http", '--listen: expected ADDR:PORT such as 10.0.0.5:3005, [::1]:3005 or :3005, got ":http"'],
  ["pki issue user x", 'agent|collector: expected agent or collector, got "user"'],
  ["--record=", "--record: expected a FILE, got nothing"],
  [
    "-o pcap-over-ip:70000",
    "--output: expected pcap-over-ip:[ADDR:]PORT with a port from 1 to 65535, such as pcap-over-ip:57012, " +
    'got "pcap-over-ip:70000"',
  ],
]);

mistake("what is missing or too much is named", [
  ["-o", "-o: expected SINK after it"],
  ["run", "run: expected -- and a command, for example: sslcollector run -- curl https://localhost"],
  [
    "run curl -sk https://localhost -o out.pcapng",
    "run: expected -- and a command, for example: sslcollector run -- curl https://localhost",
  ],
  ["replay", "replay: expected FILE"],
  ["replay a b", 'replay: "b" is one argument too many'],
  ["hook", "hook: expected path, install, uninstall or status"],
  ["hook remove", 'hook: expected path, install, uninstall or status, got "remove"'],
  ["-w out.pcapng", "-w: not an option of the agent; a capture is written with -o FILE"],
  ["-i eth0", "-i: not an option of the agent; an interface is chosen with -I IFACE"],
  [
    "-r out.pcapng",
    "-r: not an option of the agent; a capture is read with sslcollector read FILE, a recording with sslcollector replay FILE",
  ],
  [
    "-c sslcollector.toml",
    "-c: not an option of the agent; a configuration file is named by SSLCOLLECTOR_CONFIG, and codecs by --codec",
  ],
  ["stauts", 'there is no command "stauts"; similar is status'],
  ["read", "read: expected FILE"],
  ["read /no/such", "read: /no/such: no such file"],
  [
    "--print requests --filter status=404",
    '--filter: unexpected "=" at character 6, did you mean ==\nstatus=404\n      ^',
  ],
  [
    "--filter status=404",
    '--filter: unexpected "=" at character 6, did you mean ==\nstatus=404\n      ^',
  ],
  ["--events - -o -", "--events: - is a sink already: packets and events would mix"],
  ["--har -", "--har: goes into a file, not to standard output; one that is called - is ./-"],
  [
    "run --record - -- true",
    "--record: goes into a file, not to standard output; one that is called - is ./-",
  ],
  [
    "-C -o x.pcap --state -",
    "--state: goes into a file, not to standard output; one that is called - is ./-",
  ],
  ["--har x.pcap -o x.pcap", '--har: "x.pcap" is a sink already, give another file'],
  ["--har x.har --events ./x.har -o x.pcap", '--har: "x.har" is --events already, give another file'],
  ["--ouput x", "--ouput: not an option of the agent; similar is --output; see sslcollector --help"],
  ["--http2to1", "--http2to1: not an option of the agent; a codec is chosen with --codec http2to1"],
  ["run --decode=x -- true", "--decode=x: not an option of run; a codec is chosen with --codec decode"],
  ["read x --decode", "--decode: not an option of read; see sslcollector --help"],
  ["-x", "-x: not an option of the agent; see sslcollector --help"],
  ["help stauts", 'there is no command "stauts"; similar is status'],
  [
    "help nosuch",
    'there is no command "nosuch": expected run, replay, read, status, top, ps, doctor, hook, config, codecs, pki, demo, help or completion',
  ],
  ["help hook nosuch", 'hook: expected path, install, uninstall or status, got "nosuch"'],
  ["--outptu x", "--outptu: not an option of the agent; similar is --output; see sslcollector --help"],
  [
    "curl",
    'there is no command "curl": expected run, replay, read, status, top, ps, doctor, hook, config, codecs, pki, demo, help or completion; to mirror a program: ' +
    "sslcollector run -- curl",
  ],
  ["pki", "pki: expected init, issue, renew, csr, revoke or show"],
  ["pki init x", 'pki init: "x" is one argument too many'],
  ["pki issue agent", "pki issue: expected NAME"],
  ["-I any -I lo", "--interface: any takes all, give no other beside it"],
  ["--metrics 70000", '--metrics: expected PORT or ADDR:PORT such as 9100, got "70000"'],
  ["--metrics a:b", '--metrics: expected PORT or ADDR:PORT such as 9100, got "a:b"'],
  ["-C", "--collector: needs a place for the packets: -o INTERFACE or -o FILE.pcapng"],
  ["--queue 1MiB", "--queue: needs a collector to mirror to: -t HOST"],
  ["-t a --spool-max 1GiB", "--spool-max: needs --spool DIR"],
  ["-t a -t a:3005", "--target: a:3005 is given twice"],
  ["-C -o x.pcap -o x.pcap", "--output: x.pcap is given twice"],
  ["-C -o x.pcap --keep 2", "--keep: needs --rotate-size or --rotate-time, without which there is one file"],
  [
    "-C -o x.pcap --insecure-plaintext --allow web1",
    "--allow: looks at certificates, and there are none with --insecure-plaintext",
  ],
  ["--ui-host proxy.example", "--ui-host: needs --ui [ADDR:]PORT"],
  ["hook install", "hook install: expected --unit NAME, for example --unit nginx, or --system"],
  [
    "hook install --unit nginx.socket",
    '--unit: "nginx.socket" is not the name of a systemd service, for example nginx',
  ],
  ["hook install --unit nginx --root /no/where", '--root: "/no/where" is no directory'],
  ["-C -o x.pcap --state ./x.pcap", '--state: "./x.pcap" is a sink already, give another file'],
  ["-C -o x.pcap --insecure-plaintext -L 203.0.113.1:0", "--listen: 203.0.113.1 is no address of this host"],
  [
    "-C -o x.pcap -L 3907",
    '--listen: expected ADDR:PORT such as 10.0.0.5:3005, [::1]:3005 or :3005, got "3907"',
  ],
  [
    "pki issue collector a.example --san 1.2.3.999",
    'pki issue: --san: expected a host name or an address, got "1.2.3.999"',
  ],
  ["hook install --unit a/b", '--unit: "a/b" is not the name of a systemd service, for example nginx'],
]);

Deno.test({
  name: "command line: where the working directory takes no capture, -o is named",
  ...skipIf(notLinux("rights of directories"), missing("setpriv")),
  fn: () =>
    withTempDir(async (folder) => {
      const cwd = `${folder}/closed`;
      await Deno.mkdir(cwd, { mode: 0o555 });
      const taken = "-dac_override";
      const under = Deno.uid() === 0 ? ["setpriv", "--bounding-set", taken, "--inh-caps", taken] : [];
      const { code, stderr } = await runCommand(["run", "--dry-run", "--", "true"], { cwd, under });
      assert.equal(code, 2, stderr);
      assert.match(
        stderr,
        /^sslcollector: --output: cannot write "sslcollector-.*: the directory \. is not writable .*: -o FILE\n$/,
      );
    }),
});

Deno.test("command line: a new certificate is told with its key", () =>
  withTempDir(async (folder) => {
    const pki = ["--pki", folder];
    await runCommand(["pki", "init", ...pki]);
    const { stdout } = await runCommand(["pki", "issue", "agent", "web1", ...pki]);
    assert.equal(stdout, `${folder}/agent-web1.crt\n${folder}/agent-web1.key\n`);
  }));

Deno.test("command line: help shows the forms of a call a line each, and all options", async () => {
  const { code, stdout, stderr } = await runCommand(["--help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.split("\n");
  const start = lines.findIndex((line) => line.startsWith("Usage: "));
  const usage = lines.slice(start, lines.indexOf("", start)).map((line) => line.replace(/^(Usage:)? +/, ""));
  assert.deepEqual(usage.slice(0, 10), [
    "sslcollector [-I IFACE] [-o SINK...] [-t HOST...] [--codec LIST] [OPTION...]",
    "sslcollector -C [-L ADDR:PORT] -o SINK... [OPTION...]",
    "sslcollector run [OPTION...] -- COMMAND [ARG...]",
    "sslcollector replay [OPTION...] FILE",
    "sslcollector read [OPTION...] FILE",
    "sslcollector status [--json] [--watch] [OPTION...]",
    "sslcollector top [--filter EXPRESSION] [OPTION...]",
    "sslcollector ps [--json] [--watch] [OPTION...]",
    "sslcollector doctor [--json] [OPTION...]",
    "sslcollector hook install|uninstall|status|path [OPTION...]",
  ]);
  for (const option of ["--output SINK", "--port-map PORT=PORT", "--rotate-size SIZE", "--memory SIZE"]) {
    assert(stdout.includes(option), option);
  }
  assert(
    (await runCommand(["run", "--help"])).stdout.includes(
      "Usage: sslcollector run [OPTION...] -- COMMAND [ARG...]\n",
    ),
  );
});

Deno.test("command line: completions know the values", async () => {
  const { stdout } = await runCommand(["completion", "bash", "--summary", ""]);
  assert.deepEqual(stdout.split("\n").filter((line) => line !== "").slice(-3), ["text", "json", "none"]);
});
