// SPDX-License-Identifier: MIT
/** `--port-map`, from wherever it is said, down to the packets. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runCommand } from "../support/command.ts";
import { forgedConnections } from "../support/forged.ts";
import { withTempDir } from "../support/run.ts";

const RECORDING = fileURLToPath(new URL("../vectors/recordings/every_entry_v1.sslc", import.meta.url));

interface Said {
  readonly line?: readonly string[];
  readonly environment?: string;
  readonly file?: string;
}

/** The ports that flows of the recording to 443 are forged with. */
async function portsFor443({ line = [], environment, file }: Said): Promise<string[]> {
  return await withTempDir(async (folder) => {
    const env: Record<string, string> = {};
    if (environment !== undefined) env.SSLCOLLECTOR_PORT_MAP = environment;
    if (file !== undefined) {
      await Deno.writeTextFile(`${folder}/config.toml`, file);
      env.SSLCOLLECTOR_CONFIG = `${folder}/config.toml`;
    }
    const output = `${folder}/out.pcapng`;
    const { code, stderr } = await runCommand(["replay", ...line, "-o", output, RECORDING], { env });
    assert.equal(code, 0, stderr);
    const names = forgedConnections(await Deno.readFile(output)).map(({ name }) => name);
    const servers = names.filter((name) => name.startsWith("10.0.0.1:40001>"));
    return servers.map((name) => name.slice(name.lastIndexOf(":") + 1));
  });
}

Deno.test("port map: clear puts the usual clear ports, and later maps win", async () => {
  assert.deepEqual(await portsFor443({}), ["443"]);
  assert.deepEqual(await portsFor443({ line: ["--port-map", "clear"] }), ["80"]);
  assert.deepEqual(await portsFor443({ line: ["--port-map", "clear", "--port-map", "443=8080"] }), ["8080"]);
  assert.deepEqual(await portsFor443({ line: ["--port-map", "443=8080", "--port-map", "clear"] }), ["80"]);
  assert.deepEqual(await portsFor443({ line: ["--port-map", "clear,443=8080,443=8081"] }), ["8081"]);
});

Deno.test("port map: environment and file say it likewise", async () => {
  assert.deepEqual(await portsFor443({ environment: "clear 443=8080" }), ["8080"]);
  assert.deepEqual(await portsFor443({ file: 'port-map = ["443=8080", "clear"]' }), ["80"]);
  assert.deepEqual(await portsFor443({ environment: "clear", file: "port-map = '443=8080'" }), ["80"]);
});
