// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BadInput } from "../../cli/bad_input.ts";
import { findSettings } from "../../cli/config.ts";
import { withTempDir } from "../support/run.ts";

interface Given {
  readonly environment?: Record<string, string>;
  readonly toml?: string;
  readonly options?: readonly string[];
}

/** Words and sources found, the file's path written as FILE. */
async function found({ environment = {}, toml, options = [] }: Given): Promise<[string, string][]> {
  return await withTempDir((folder) => {
    const path = `${folder}/settings.toml`;
    if (toml !== undefined) Deno.writeTextFileSync(path, toml);
    try {
      return findSettings(environment, path, (option) => options.includes(option))
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
    ["vlan in FILE", "--vlan 7"],
  ]);
});

Deno.test("config: whoever says where packets go says all of it", async () => {
  const toml = 'output = "mirror0"\ntarget = "ids1"\nvlan = 7\n';
  const environment = { SSLCOLLECTOR_TARGET: "ids2" };
  for (const option of ["output", "target"]) {
    assert.deepEqual(await found({ toml, environment, options: [option] }), [["vlan in FILE", "--vlan 7"]]);
  }
  assert.deepEqual(await found({ toml, environment }), [
    ["vlan in FILE", "--vlan 7"],
    ["SSLCOLLECTOR_TARGET (environment)", "--target ids2"],
  ]);
  assert.deepEqual(await found({ toml }), [
    ["output in FILE", "--output mirror0"],
    ["vlan in FILE", "--vlan 7"],
    ["target in FILE", "--target ids1"],
  ]);
});

Deno.test("config: several values, by white space or as an array", async () => {
  assert.deepEqual(await found({ environment: { SSLCOLLECTOR_OUTPUT: "lo out.pcapng" } }), [
    ["SSLCOLLECTOR_OUTPUT (environment)", "--output lo --output out.pcapng"],
  ]);
  assert.deepEqual(await found({ toml: 'port-map = ["443=80", "8443=8080"]' }), [
    ["port-map in FILE", "--port-map 443=80 --port-map 8443=8080"],
  ]);
  await assert.rejects(found({ toml: "mtu = [1, 2]" }), {
    message: "mtu in FILE: expected one value, got 2",
  });
});

Deno.test("config: flags are true or false", async () => {
  assert.deepEqual(await found({ toml: "quiet = true\nrequire-attribution = false" }), [
    ["require-attribution in FILE", ""],
    ["quiet in FILE", "--quiet"],
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
      ["mtu in FILE", "--mtu 9000"],
    ],
  );
});

Deno.test("config: a broken file is named with the line or the setting", async () => {
  await assert.rejects(found({ toml: "mtu = 9000\nvlan = = 1\n" }), { message: /^FILE: line 2: / });
  await assert.rejects(found({ toml: 'colour = "red"' }), {
    message: /^FILE: there is no setting "colour": known are interface, /,
  });
  await assert.rejects(found({ toml: "[sink]\nmtu = 1\n" }), { message: /^FILE: sink/ });
});

Deno.test("config: the file that SSLCOLLECTOR_CONFIG names counts alone, and must be there", async () => {
  await withTempDir(async (folder) => {
    const named = `${folder}/named.toml`;
    const environment = { SSLCOLLECTOR_CONFIG: named };
    await assert.rejects(found({ environment, toml: "vlan = 7" }), {
      message: `SSLCOLLECTOR_CONFIG: there is no file "${named}"`,
    });
    await Deno.writeTextFile(named, "mtu = 9000");
    assert.deepEqual(await found({ environment, toml: "vlan = 7" }), [[`mtu in ${named}`, "--mtu 9000"]]);
    await assert.rejects(found({ environment: { SSLCOLLECTOR_CONFIG: folder } }), {
      message: /^SSLCOLLECTOR_CONFIG: /,
    });
  });
});
