// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { configure, reset } from "@logtape/logtape";
import { startAgent } from "../../../net/agent/agent.ts";
import { netnsMissing, withVeth } from "../../support/netns.ts";
import { scriptedSource } from "../../support/scripted_source.ts";
import { skipIf } from "../../support/skip.ts";

/** What an agent into a new interface warns of. */
async function warnings(interfaceMtu: number, mtu?: number): Promise<string[]> {
  const lines: string[] = [];
  await configure({
    sinks: { kept: ({ message }) => void lines.push(message.join("")) },
    loggers: [
      { category: ["sslcollector"], lowestLevel: "warning", sinks: ["kept"] },
      { category: ["logtape", "meta"], sinks: [] },
    ],
  });
  try {
    await withVeth(async ({ near }) => {
      const agent = await startAgent({ sources: [scriptedSource([], "")], sinks: [near], mtu });
      await agent.finish();
    }, interfaceMtu);
  } finally {
    await reset();
  }
  return lines.map((line) => line.replace(/^\S+/, "NAME"));
}

Deno.test({
  name: "an agent asks for larger packets where an interface of the mirror's own takes small ones",
  ...skipIf(netnsMissing()),
  fn: async () => {
    const [line, ...more] = await warnings(1500);
    assert.match(
      line,
      /^NAME takes packets of 1500 bytes: with 9000 at both of its ends \(ip link set \S+ mtu 9000\)/,
    );
    assert.deepEqual(more, []);
    assert.deepEqual(await warnings(9000), []);
    assert.deepEqual(await warnings(1500, 1500), [], "whoever chose a size is asked for nothing");
  },
});
