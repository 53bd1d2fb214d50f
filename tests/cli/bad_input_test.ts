// SPDX-License-Identifier: MIT
/** Mistakes that only the machine can tell: found before anything starts, in one line, with exit status 2. @module */
import assert from "node:assert/strict";
import { type CommandOptions, runCommand, spawnCommand } from "../support/command.ts";
import { netnsMissing, withVeth } from "../support/netns.ts";
import { missing, withTempDir } from "../support/run.ts";
import { notRoot, skipIf } from "../support/skip.ts";

/** The one line, without the program's name. */
async function mistake(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args, options);
  assert.deepEqual({ code, stdout }, { code: 2, stdout: "" }, stderr);
  const line = /^sslcollector: (.+)\n$/.exec(stderr);
  assert(line, `expected one line, got ${JSON.stringify(stderr)}`);
  return line[1];
}

const run = (...options: string[]) => ["run", ...options, "--", "true"];

Deno.test("bad input: an unknown interface, observed or written to", async () => {
  assert.match(
    await mistake(run("-I", "nosuch0")),
    /^--interface: there is no interface "nosuch0": those with addresses are .*\blo\b/,
  );
  assert.match(
    await mistake(run("-o", "nosuch0")),
    /^--output: no interface is named "nosuch0": give one of .*\blo\b.*, or a file ending in \.pcapng/,
  );
});

Deno.test("bad input: a directory that is missing, no directory or not writable", async () => {
  await withTempDir(async (folder) => {
    const target = `${folder}/no/out.pcapng`;
    const missingFolder =
      `cannot write "${target}": the directory ${folder}/no does not exist, make it first`;
    assert.equal(await mistake(run("-o", target)), `--output: ${missingFolder}`);
    assert.equal(
      await mistake(run("-o", `${folder}/a.pcapng`, "--record", target)),
      `--record: ${missingFolder}`,
    );
    assert.equal(
      await mistake(run("-o", `${folder}/`)),
      `--output: expected a file name, got "${folder}/"`,
    );
    await Deno.writeTextFile(`${folder}/no`, "");
    assert.equal(
      await mistake(run("-o", target)),
      `--output: cannot write "${target}": ${folder}/no is not a directory`,
    );
    assert.equal(
      await mistake(run("-o", `${folder}/a.pcapng`, "--record", `${folder}/a.pcapng`)),
      `--record: "${folder}/a.pcapng" is a sink already, give another file`,
    );
    assert.deepEqual(
      [...Deno.readDirSync(folder)].map(({ name }) => name),
      ["no"],
      "nothing may be left behind",
    );
  });
  const unwritable = "/proc/sslcollector.pcapng";
  assert.match(await mistake(run("-o", unwritable)), new RegExp(`^--output: cannot write "${unwritable}": `));
});

const capabilitiesStay = missing("setpriv") ?? notRoot("dropping capabilities");

/** Root without some of its rights: any other user may not read this checkout or the cache of its modules. */
const without = (...names: string[]) => {
  const dropped = names.map((name) => `-${name}`).join(",");
  return { under: ["setpriv", `--bounding-set=${dropped}`, `--inh-caps=${dropped}`, "--"] };
};

Deno.test(
  "bad input: a directory or a file without the permission to write",
  skipIf(capabilitiesStay),
  async () => {
    await withTempDir(async (folder) => {
      await Deno.mkdir(`${folder}/closed`);
      await Deno.writeTextFile(`${folder}/closed/there.pcapng`, "", { mode: 0o444 });
      await Deno.chmod(`${folder}/closed`, 0o555);
      const output = (name: string) =>
        mistake(run("-o", `${folder}/closed/${name}`), without("dac_override", "dac_read_search"));
      assert.equal(
        await output("new.pcapng"),
        `--output: cannot write "${folder}/closed/new.pcapng": the directory ${folder}/closed is not writable ` +
          "(EACCES), choose another place",
      );
      assert.equal(
        await output("there.pcapng"),
        `--output: cannot write "${folder}/closed/there.pcapng": there.pcapng is not writable (EACCES), ` +
          "choose another place",
      );
    });
  },
);

Deno.test(
  "bad input: an interface without the permission names the capability",
  skipIf(capabilitiesStay),
  async () => {
    assert.equal(
      await mistake(run("-o", "lo"), without("net_raw")),
      "--output: Cannot send on interface lo without the capability CAP_NET_RAW: run as root, or give it to the program",
    );
  },
);

Deno.test("bad input: a user's own agent cannot use another's runtime directory", async () => {
  await withTempDir(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const options = ["-o", `${folder}/out.pcapng`, "--runtime-dir"];
    assert.equal(
      await mistake(run(...options, `${folder}/file`)),
      `--runtime-dir: Cannot use the runtime directory "${folder}/file": it is no directory`,
    );
    assert.match(
      await mistake(run(...options, "/proc/no")),
      /^--runtime-dir: Cannot use the runtime directory "\/proc\/no": /,
    );
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"], "no sink was opened");
  });
});

Deno.test("bad input: a codec that does not exist or is none", async () => {
  await withTempDir(async (folder) => {
    const codec = (list: string) => mistake(run("-o", `${folder}/out.pcapng`, "--codec", list));
    assert.match(
      await codec("gzip"),
      /^--codec: there is no codec "gzip": built in are .*raw.*; a plugin is given as a path$/,
    );
    assert.match(
      await codec("raw,,raw"),
      /^--codec: expected codec names or paths joined with commas, got "raw,,raw"$/,
    );
    assert.equal(await codec(`${folder}/my.ts`), `--codec: ${folder}/my.ts: no such file`);
    await Deno.writeTextFile(`${folder}/my.ts`, "export default { name: 1 };");
    assert.match(await codec(`${folder}/my.ts`), new RegExp(`^--codec: ${folder}/my.ts: .+`));
    await Deno.writeTextFile(`${folder}/broken.ts`, "export default {");
    assert.match(await codec(`${folder}/broken.ts`), new RegExp(`^--codec: ${folder}/broken.ts: .+`));
  });
});

Deno.test("bad input: options that contradict each other", async () => {
  await withTempDir(async (cwd) => {
    const told = async (...options: string[]) => await mistake(run(...options), { cwd });
    assert.equal(
      await told("--keep", "3"),
      "--keep: needs --rotate-size or --rotate-time, without which there is one file",
    );
    assert.match(
      await told("-o", "lo", "--rotate-time", "1h"),
      /^--rotate-size and --rotate-time: need a file among the sinks/,
    );
    assert.equal(
      await told("-o", "-"),
      "--output: - would mix the capture with the program's own output; give a file such as out.pcapng",
    );
    assert.equal(await told("-o", "a.pcap", "-o", "a.pcap"), "--output: a.pcap is given twice");
    assert.equal(
      await told("-o", "a.pcap", "-o", "./a.pcap"),
      "--output: ./a.pcap is the same file as a.pcap",
    );
    await Deno.symlink("b.pcap", `${cwd}/a.pcap`);
    assert.equal(
      await told("-o", "a.pcap", "--record", "b.pcap"),
      '--record: "b.pcap" is a sink already, give another file',
    );
  });
});

Deno.test({
  name: "bad input: packets that the interface does not take",
  ...skipIf(netnsMissing()),
  fn: () =>
    withVeth(async ({ near }) => {
      assert.equal(
        await mistake(run("-o", near, "--mtu", "9001")),
        `--mtu: expected at most the 1500 that ${near} takes, got 9001`,
      );
    }),
});

Deno.test("bad input: metrics without a port of their own; nothing was begun", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  await withTempDir(async (folder) => {
    const own = ["-o", `${folder}/out.pcapng`, "--runtime-dir", `${folder}/run`];
    for (const command of [own, ["-C", "--insecure-plaintext", "-L", "127.0.0.1:0", ...own]]) {
      const line = await mistake([...command, "--metrics", `${port}`]);
      assert.equal(line, `--metrics: cannot listen on port ${port} of 127.0.0.1: it is taken`);
    }
    const made = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert(!made.includes("out.pcapng"), `${made}`);
  });
});

Deno.test("bad input: a port that is taken", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const sink = `pcap-over-ip:${listener.addr.port}`;
  assert.equal(
    await mistake(run("-o", sink)),
    `--output: cannot listen for "${sink}": port ${listener.addr.port} is taken, choose another`,
  );
});

Deno.test("bad input: settings name the variable or the file", async () => {
  await withTempDir(async (folder) => {
    const path = `${folder}/sslcollector.toml`;
    const env = { SSLCOLLECTOR_CONFIG: path };
    const args = run("-o", `${folder}/out.pcapng`);
    assert.equal(await mistake(args, { env }), `SSLCOLLECTOR_CONFIG: there is no file "${path}"`);
    await Deno.writeTextFile(path, "mtu = 1500\nvlan = [\n");
    assert.match(await mistake(args, { env }), new RegExp(`^SSLCOLLECTOR_CONFIG: ${path}: line \\d+: `));
    await Deno.writeTextFile(path, "colour = true\n");
    assert.equal(
      await mistake(args, { env }),
      `SSLCOLLECTOR_CONFIG: ${path}: line 1: colour: there is no such setting; similar is color`,
    );
    await Deno.writeTextFile(path, "vlan = 5000\n");
    assert.equal(
      await mistake(args, { env }),
      `${path}: line 1: vlan: expected a number from 1 to 4094, got "5000"`,
    );
    assert.equal(
      await mistake(args, { env: { SSLCOLLECTOR_ROTATE_TIME: "soon" } }),
      'SSLCOLLECTOR_ROTATE_TIME (environment): expected a duration such as 90s, 10m or 1h, got "soon"',
    );
  });
});

Deno.test("bad input: a recording that is missing or is none", async () => {
  await withTempDir(async (folder) => {
    const replay = (path: string) => mistake(["replay", path, "-o", `${folder}/out.pcapng`]);
    assert.match(await replay(`${folder}/no.rec`), /^replay: .*no\.rec/);
    assert.match(await replay(folder), new RegExp(`^replay: .*${folder}: Is a directory`));
    await Deno.writeTextFile(
      `${folder}/text.rec`,
      "This is no recording of anything, and long enough to be one.\n".repeat(9),
    );
    assert.match(await replay(`${folder}/text.rec`), /^replay: .*text\.rec/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["text.rec"]);
  });
});

Deno.test("bad input: a file that is read or written already stays as it is", async () => {
  await withTempDir(async (cwd) => {
    const recording = await Deno.readFile(new URL("../vectors/recordings/forks_v1.sslc", import.meta.url));
    const cases = [
      ["replay y.sslc -o o.pcapng --har y.sslc", '--har: "y.sslc" is the recording itself'],
      ["read y.sslc --har ./y.sslc", '--har: "./y.sslc" is the capture itself'],
      ["run -o o.pcapng --record y.sslc --har y.sslc -- true", '--har: "y.sslc" is --record already'],
    ];
    await Deno.writeFile(`${cwd}/y.sslc`, recording);
    for (const [args, told] of cases) {
      assert.equal(await mistake(args.split(" "), { cwd }), `${told}, give another file`);
    }
    assert.deepEqual(await Deno.readFile(`${cwd}/y.sslc`), recording);
    assert.deepEqual([...Deno.readDirSync(cwd)].map(({ name }) => name), ["y.sslc"]);
  });
});

Deno.test("bad input: a second agent in one runtime directory", async () => {
  await withTempDir(async (folder) => {
    const options = [
      "--quiet",
      "--summary",
      "none",
      "--runtime-dir",
      `${folder}/run`,
      "-o",
      `${folder}/out.pcapng`,
    ];
    const first = spawnCommand(options);
    try {
      const stderr = first.stderr.getReader();
      let said = "";
      while (!said.includes("start a program with:")) {
        const { value, done } = await stderr.read();
        assert(!done, `the first agent ended: ${said}`);
        said += new TextDecoder().decode(value);
      }
      const before = await Deno.readFile(`${folder}/out.pcapng`);
      assert.equal(
        await mistake(options),
        `--runtime-dir: Cannot serve hooks in "${folder}/run": the agent with process id ${first.pid} does`,
      );
      assert.deepEqual(
        await Deno.readFile(`${folder}/out.pcapng`),
        before,
        "the first agent's file was touched",
      );
      first.kill("SIGINT");
      while (!(await stderr.read()).done) { /* to its end */ }
      assert.equal((await first.status).code, 0);
    } finally {
      await first.stdout.cancel();
      try {
        first.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    }
  });
});
