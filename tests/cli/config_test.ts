// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BadInput } from "../../cli/bad_input.ts";
import { findSettings } from "../../cli/config.ts";
import { checkConfig } from "../../cli/config_check.ts";
import { defaultConfig } from "../../cli/config_text.ts";
import { declaredCommands } from "../../cli/declared.ts";
import { settingsOf } from "../../cli/settings.ts";
import { runCommand } from "../support/command.ts";
import { withTempDir } from "../support/run.ts";

interface Given {
  readonly environment?: Record<string, string>;
  readonly toml?: string;
  readonly options?: readonly string[];
  readonly command?: string;
}

/** Words and sources found, the file's path written as FILE. */
async function found(
  { environment = {}, toml, options = [], command = "agent" }: Given,
): Promise<[string, string][]> {
  return await withTempDir((folder) => {
    const path = `${folder}/settings.toml`;
    if (toml !== undefined) Deno.writeTextFileSync(path, toml);
    try {
      return findSettings(command, environment, path, (option) => options.includes(option))
        .map(({ source, words }) => [source.replace(path, "FILE"), words.join(" ")]);
    } catch (error) {
      assert(error instanceof BadInput);
      throw new Error(error.message.replaceAll(path, "FILE"));
    }
  });
}

Deno.test("config: nothing is there, nothing is found", async () => {
  assert.deepEqual(await found({}), []);
  assert.deepEqual(await found({ toml: "" }), []);
});

Deno.test("config: options over environment over file", async () => {
  const toml = 'codec = "raw"\nmtu = 9000\nvlan = 7\n';
  const environment = { SSLCOLLECTOR_CODEC: "./a.ts", SSLCOLLECTOR_MTU: "1400" };
  assert.deepEqual(await found({ toml, environment, options: ["mtu"] }), [
    ["SSLCOLLECTOR_CODEC (environment)", "--codec ./a.ts"],
    ["FILE: line 3: vlan", "--vlan 7"],
  ]);
});

Deno.test("config: whoever says where packets go says all of it", async () => {
  const toml = 'output = "mirror0"\ntarget = "ids1"\nvlan = 7\n';
  const environment = { SSLCOLLECTOR_TARGET: "ids2" };
  for (const option of ["output", "target"]) {
    assert.deepEqual(await found({ toml, environment, options: [option] }), [[
      "FILE: line 3: vlan",
      "--vlan 7",
    ]]);
  }
  assert.deepEqual(await found({ toml, environment }), [
    ["FILE: line 3: vlan", "--vlan 7"],
    ["SSLCOLLECTOR_TARGET (environment)", "--target ids2"],
  ]);
  assert.deepEqual(await found({ toml }), [
    ["FILE: line 1: output", "--output mirror0"],
    ["FILE: line 3: vlan", "--vlan 7"],
    ["FILE: line 2: target", "--target ids1"],
  ]);
});

Deno.test("config: how destinations are used is left out with those that it stands beside", async () => {
  const packaged = '[agent]\noutput = "a.pcapng"\nrotate-size = "1MiB"\nkeep = 2\n';
  assert.deepEqual(await found({ toml: packaged, options: ["output"] }), []);
  assert.deepEqual(await found({ toml: packaged, options: ["target"] }), []);
  assert.deepEqual(await found({ toml: packaged, environment: { SSLCOLLECTOR_TARGET: "ids1" } }), [
    ["SSLCOLLECTOR_TARGET (environment)", "--target ids1"],
  ]);
  const spooled = '[agent]\ntarget = "ids1"\nspool = "/s"\nvlan = 7\n';
  assert.deepEqual(await found({ toml: spooled, options: ["output"] }), [["FILE: line 4: vlan", "--vlan 7"]]);
  const alone = 'rotate-size = "1MiB"\n[agent]\noutput = "a.pcapng"\n';
  assert.deepEqual(await found({ toml: alone, options: ["output"] }), [
    ["FILE: line 1: rotate-size", "--rotate-size 1MiB"],
  ]);
});

Deno.test("config: several values, by white space or as an array", async () => {
  assert.deepEqual(await found({ environment: { SSLCOLLECTOR_OUTPUT: "lo out.pcapng" } }), [
    ["SSLCOLLECTOR_OUTPUT (environment)", "--output lo --output out.pcapng"],
  ]);
  assert.deepEqual(await found({ toml: 'port-map = ["443=80", "8443=8080"]' }), [
    ["FILE: line 1: port-map", "--port-map 443=80 --port-map 8443=8080"],
  ]);
  await assert.rejects(found({ toml: "mtu = [1, 2]" }), {
    message: "FILE: line 1: mtu: expected a number or text in quotes, got [1, 2]",
  });
});

Deno.test("config: flags are true or false", async () => {
  assert.deepEqual(await found({ toml: "quiet = true\nunix = false" }), [
    ["FILE: line 2: unix", ""],
    ["FILE: line 1: quiet", "--quiet"],
  ]);
  assert.deepEqual(await found({ environment: { SSLCOLLECTOR_QUIET: "1" } }), [
    ["SSLCOLLECTOR_QUIET (environment)", "--quiet"],
  ]);
  await assert.rejects(found({ environment: { SSLCOLLECTOR_QUIET: "yes" } }), {
    message: 'SSLCOLLECTOR_QUIET (environment): expected true or false, got "yes"',
  });
});

Deno.test("config: an empty variable is as none", async () => {
  assert.deepEqual(
    await found({ toml: "mtu = 9000", environment: { SSLCOLLECTOR_MTU: "", SSLCOLLECTOR_CONFIG: "" } }),
    [
      ["FILE: line 1: mtu", "--mtu 9000"],
    ],
  );
});

Deno.test("config: a broken file is named with the line or the setting", async () => {
  await assert.rejects(found({ toml: "mtu = 9000\nvlan = = 1\n" }), { message: /^FILE: line 2: / });
  await assert.rejects(found({ toml: 'colour = "red"' }), {
    message: "FILE: line 1: colour: there is no such setting; similar is color",
  });
  await assert.rejects(found({ toml: "hue = 1" }), {
    message: /^FILE: line 1: hue: there is no such setting: known are interface, /,
  });
  await assert.rejects(found({ toml: "[sink]\nmtu = 1\n" }), {
    message: /^FILE: line 1: sink: there is no /,
  });
});

Deno.test("config: a wrong type is named with file, line and key, whatever stands around it", async () => {
  const cases: [toml: string, message: string][] = [
    ["\n# mtu = 1\nmtu = true", "line 3: mtu: expected a number or text in quotes, got true"],
    ["codec = 5", "line 1: codec: expected text in quotes, got 5"],
    ['quiet = "yes"', 'line 1: quiet: expected true or false, got "yes"'],
    ['output = ["lo", 5]', 'line 1: output: expected text in quotes, or a list of them, got ["lo", 5]'],
    ["mtu.a = 1", "line 1: mtu: expected a number or text in quotes, got a table"],
    ["mtu = 2026-11-26", 'line 1: mtu: expected a number or text in quotes, got "2026-11-26"'],
    ["mtu = 9000\n[agent]\nvlan = 7\nmtu = []", "line 4: mtu: expected a number or text in quotes, got []"],
    ["agent = 1", "line 1: agent: there is no such setting"],
    ["[run]\nlisten = 'x'", "line 2: listen: run has no such setting"],
  ];
  for (const [toml, message] of cases) {
    await assert.rejects(
      found({ toml }),
      (error: Error) => error.message.startsWith(`FILE: ${message}`),
      toml,
    );
  }
});

Deno.test("config: a command's own table counts before what stands in none, others not at all", async () => {
  const toml = 'output = "lo"\nmtu = 9000\n[collector]\noutput = "mirror0"\nworkers = 1\n[run]\nmtu = 1400\n';
  assert.deepEqual(await found({ toml, command: "collector" }), [
    ["FILE: line 4: output", "--output mirror0"],
    ["FILE: line 2: mtu", "--mtu 9000"],
    ["FILE: line 5: workers", "--workers 1"],
  ]);
  assert.deepEqual(await found({ toml }), [
    ["FILE: line 1: output", "--output lo"],
    ["FILE: line 2: mtu", "--mtu 9000"],
  ]);
});

Deno.test("config: a target in a command's table leaves the outputs outside it out", async () => {
  const toml = 'output = "lo"\n[agent]\ntarget = "ids1"\n';
  assert.deepEqual(await found({ toml }), [["FILE: line 3: target", "--target ids1"]]);
});

Deno.test("config: every option of a command that mirrors or collects is a setting, but what is for one call", () => {
  const foreign = ["collector", "dry-run"];
  for (const { name, options } of declaredCommands()) {
    if (!["agent", "run", "replay", "collector"].includes(name)) continue;
    const long = options.map(({ names }) => names.at(-1)!.slice(2)).filter((name) => !foreign.includes(name));
    assert.deepEqual([...settingsOf(name).keys()], long);
  }
});

Deno.test("config: the default file sets nothing, shows every setting, and is right with all of them", async () => {
  const text = defaultConfig();
  assert.deepEqual(await found({ toml: text }), []);
  const all = text.replaceAll(/^# ([a-z-]+ = )/gm, "$1");
  // It forbids another.
  const together = all.replace(/^insecure-plaintext = /m, "# $&");
  for (const command of ["agent", "collector"]) {
    const names = (await found({ toml: all, command })).map(([source]) => source.replace(/.*: /, ""));
    assert.deepEqual(names, [...settingsOf(command).keys()]);
  }
  assert(text.split("\n").every((line) => line.length <= 100), text);
  await withTempDir(async (folder) => {
    Deno.writeTextFileSync(`${folder}/c.toml`, together);
    const { code, stderr } = await runCommand(["config", "check", `${folder}/c.toml`]);
    assert.equal(code, 0, stderr);
  });
});

Deno.test("config check: every mistake of the file is a line, values included; exit status 2", async () => {
  await withTempDir(async (folder) => {
    const path = `${folder}/c.toml`;
    Deno.writeTextFileSync(path, 'mtu = 5\ncolour = "red"\ncodec = "raw"\n[collector]\nlisten = "x:"\n');
    const { code, stdout, stderr } = await runCommand(["config", "check"], {
      env: { SSLCOLLECTOR_CONFIG: path },
    });
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.deepEqual(stderr.trimEnd().split("\n").map((line) => line.replace(path, "FILE").slice(0, 60)), [
      "sslcollector: FILE: line 1: mtu: expected a number from 576 ",
      "sslcollector: FILE: line 2: colour: there is no such setting",
      "sslcollector: FILE: line 5: listen: expected ADDR:PORT such ",
    ]);
    const missing = await runCommand(["config", "check", `${folder}/none`]);
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /config check: there is no file/);
  });
});

const PLUGIN = `export default {
  name: "p", contract: 1, settings: {}, configure: () => ({ probe: () => "reject", open() {} }),
};`;

Deno.test("config check: values are wrong as a start with them would say, in the order of lines", async () => {
  const cases: [toml: string, mistakes: string[]][] = [
    [
      [
        "[agent]",
        'codec = "nosuch"',
        'ui = "0.0.0.0:92"',
        'output = "nosuch0"',
        'filter = "statuss == 1"',
        'rotate-size = "1GiB"',
        'only = "program = 3"',
      ].join("\n"),
      [
        'line 2: codec: there is no codec "nosuch": ',
        "line 3: ui: 0.0.0.0 is not loopback, ",
        "line 5: filter: no field statuss; ",
        "line 6: rotate-size: need a file among the sinks, ",
        'line 7: only: unexpected "=" at ',
      ],
    ],
    ['output = ["nosuch0", "lo"]\nmetrics = 9100', []],
    ['[run]\noutput = "-"\n[replay]\noutput = "-"\nevents = "eve.json"', [
      "line 2: output: - would mix the capture with the program's own output; ",
    ]],
    ['[run]\nevents = "-"', ["line 2: events: - would mix events with the program's own output; "]],
    ['[replay]\noutput = ["-", "out.pcapng"]\nevents = "-"', ["line 3: events: - is a sink already: "]],
    ['[run]\nrecord = "a"\nhar = "./a"', ['line 3: har: "./a" is --record already, ']],
    ['codec = "FOLDER/p.js"\nhar = "FOLDER/p.js"', ['line 2: har: "FOLDER/p.js" is the plugin itself, ']],
    ['spool = "s"\n[collector]\nkeep = 2', [
      "line 1: spool: needs a collector to mirror to: -t HOST",
      "line 3: keep: needs --rotate-size or --rotate-time, ",
    ]],
    ['target = "a:"\nqueue = "1MiB"\nskip = "pid ="', ["line 1: target: expected ", "line 3: skip: "]],
  ];
  await withTempDir(async (folder) => {
    const path = `${folder}/c.toml`;
    Deno.writeTextFileSync(`${folder}/p.js`, PLUGIN);
    for (const [toml, expected] of cases) {
      Deno.writeTextFileSync(path, toml.replaceAll("FOLDER", folder));
      const { mistakes } = await checkConfig(path);
      const told = mistakes.map(({ line, text }) => `line ${line}: ${text.replaceAll(folder, "FOLDER")}`);
      assert.deepEqual(
        told.map((line, at) => line.slice(0, expected[at]?.length)),
        expected,
        told.join("\n"),
      );
    }
  });
});

Deno.test("config show: each value with where it comes from, and what holds without one", async () => {
  await withTempDir(async (folder) => {
    const path = `${folder}/c.toml`;
    Deno.writeTextFileSync(path, 'mtu = 9000\n[collector]\noutput = "mirror0"\n');
    const env = { SSLCOLLECTOR_CONFIG: path, SSLCOLLECTOR_CODEC: "http2to1" };
    const agent = (await runCommand(["config", "show"], { env })).stdout;
    assert.match(agent, /^codec = "http2to1" # SSLCOLLECTOR_CODEC \(environment\)$/m);
    assert.match(agent, new RegExp(`^mtu = 9000 # ${path}: line 1: mtu$`, "m"));
    assert.match(agent, /^# output: not set$/m);
    assert.match(agent, /^# idle-timeout: by default 1h$/m);
    const collector = (await runCommand(["config", "show", "collector"], { env })).stdout;
    assert.match(collector, new RegExp(`^output = \\["mirror0"\\] # ${path}: line 3: output$`, "m"));
    assert.doesNotMatch(collector, /codec/);
  });
});

Deno.test("config: a collector takes its sinks from file and environment", async () => {
  await withTempDir(async (folder) => {
    const path = `${folder}/c.toml`;
    Deno.writeTextFileSync(path, '[collector]\noutput = "./file.pcapng"\n');
    const args = ["-C", "--dry-run", "--insecure-plaintext"];
    for (const [name, value] of [["SSLCOLLECTOR_CONFIG", path], ["SSLCOLLECTOR_OUTPUT", "./file.pcapng"]]) {
      const { code, stdout, stderr } = await runCommand(args, { cwd: folder, env: { [name]: value } });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.match(stdout, /into .*file\.pcapng/);
    }
  });
});

Deno.test("dry run: what is wrong is said as at a start, what is right is told, and nothing is made", async () => {
  await withTempDir(async (folder) => {
    const cases: [args: string[], code: number, said: RegExp][] = [
      [
        ["--dry-run", "-o", "./x.pcapng", "--codec", "http2to1"],
        0,
        /^would mirror to .*x\.pcapng, with the codec http2to1$/m,
      ],
      [["run", "--dry-run", "-o", "./x.pcapng", "--", "touch", "made"], 0, /^would mirror to /m],
      [
        ["-C", "--dry-run", "-o", "./x.pcapng", "--insecure-plaintext"],
        0,
        /^would collect on \[::\]:3005 into /m,
      ],
      [["--dry-run", "-o", "./none/x.pcapng"], 2, /--output: cannot write/],
      [["--dry-run", "-o", "./x.pcapng", "--codec", "none"], 2, /--codec: /],
      [["-C", "--dry-run", "-o", "./x.pcapng", "--pki", "none"], 2, /--pki: there is no none\/ca\.crt/],
      [["--dry-run", "-o", "./x.pcapng", "--ui", "0.0.0.0:9200"], 2, /--ui: 0\.0\.0\.0 is not loopback/],
      [["--dry-run", "-o", "./x.pcapng", "--metrics", "203.0.113.1:9100"], 2, /--metrics: cannot listen/],
    ];
    for (const [args, code, said] of cases) {
      const finished = await runCommand([
        ...args,
        ...args[0] === "run" || args[0] === "-C" ? [] : ["--runtime-dir", "run"],
      ], { cwd: folder });
      assert.match(finished.stdout + finished.stderr, said);
      assert.equal(finished.code, code);
    }
    assert.deepEqual(
      [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name !== "run"),
      [],
    );
  });
});

Deno.test("config: the file that SSLCOLLECTOR_CONFIG names counts alone, and must be there", async () => {
  await withTempDir(async (folder) => {
    const named = `${folder}/named.toml`;
    const environment = { SSLCOLLECTOR_CONFIG: named };
    await assert.rejects(found({ environment, toml: "vlan = 7" }), {
      message: `SSLCOLLECTOR_CONFIG: there is no file "${named}"`,
    });
    await Deno.writeTextFile(named, "mtu = 9000");
    assert.deepEqual(await found({ environment, toml: "vlan = 7" }), [[
      `${named}: line 1: mtu`,
      "--mtu 9000",
    ]]);
    await assert.rejects(found({ environment: { SSLCOLLECTOR_CONFIG: folder } }), {
      message: /^SSLCOLLECTOR_CONFIG: /,
    });
  });
});
