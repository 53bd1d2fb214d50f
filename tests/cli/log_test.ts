// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { formatRecord } from "../../cli/log.ts";
import { runCommand } from "../support/command.ts";
import { withTempDir } from "../support/run.ts";

Deno.test("a line of the log has time and level off a terminal, and is one line whoever's words are in it", () => {
  const record = {
    timestamp: Date.UTC(2026, 10, 26, 18, 30, 1, 5),
    message: [],
    rawMessage: "agent web1\x1b[2J\nsslcollector: error: disk on fire",
    properties: {},
  };
  const time = "2026-11-26T18:30:01.005Z";
  const text = "agent web1\\u{1b}[2J\\u{a}sslcollector: error: disk on fire";
  assert.equal(formatRecord({ ...record, level: "info" }, false), `${time} sslcollector: info: ${text}`);
  assert.equal(
    formatRecord({ ...record, level: "warning" }, false),
    `${time} sslcollector: warning: ${text}`,
  );
  assert.equal(formatRecord({ ...record, level: "info" }, true), `sslcollector: ${text}`);
  assert.equal(formatRecord({ ...record, level: "error" }, true), `sslcollector: error: ${text}`);
});

Deno.test("log: off a terminal a line has time, level and text, or is an object of JSON", () =>
  withTempDir(async (folder) => {
    const sink = `${folder}/out{1}.pcapng`;
    const args = ["run", "-o", sink, "--summary", "none"];
    const text = await runCommand([...args, "--", "true"]);
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
    assert.match(
      text.stderr,
      new RegExp(`^${time} sslcollector: info: mirroring true to ${folder}/out\\{1\\}.pcapng\n`),
    );
    const json = await runCommand([...args, "--log-format", "json", "--", "true"]);
    const { level, message } = JSON.parse(json.stderr.split("\n")[0]);
    assert.deepEqual({ level, message }, { level: "info", message: `mirroring true to ${sink}` });
  }));

Deno.test("log: with messages as JSON every line is an object, the page's address and the summary too", () =>
  withTempDir(async (folder) => {
    const args = ["run", "-o", `${folder}/out.pcapng`, "--ui", "0", "--log-format", "json"];
    const lines = async (...more: string[]) => {
      const { stderr } = await runCommand([...args, ...more, "--", "true"]);
      return stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    };
    const told = await lines();
    assert(told.some(({ level, message }) => level === "info" && /^page: http:/.test(message)));
    assert.equal(told.at(-1).sinks[0].written, 0);
    const asText = await lines("--summary", "text");
    assert(asText.some(({ message }) => /^total: 0 flows/.test(message)));
  }));

Deno.test("log: a variable that is no setting is warned of, with the one that is meant", () =>
  withTempDir(async (folder) => {
    const warned = async (...options: string[]) => {
      const args = ["run", "-o", `${folder}/out.pcapng`, "--dry-run", ...options, "--", "true"];
      const { code, stderr } = await runCommand(args, {
        env: { SSLCOLLECTOR_CODECS: "raw", SSLCOLLECTOR_MTU: "" },
      });
      assert.equal(code, 0);
      return stderr.trimEnd();
    };
    const text = "SSLCOLLECTOR_CODECS (environment) is no setting; similar is SSLCOLLECTOR_CODEC";
    assert.match(await warned(), /^\S+Z sslcollector: warning: /);
    assert.ok((await warned()).endsWith(`: ${text}`));
    const { level, message } = JSON.parse(await warned("--log-format", "json"));
    assert.deepEqual([level, message], ["warning", text]);
  }));
