// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { startAgent } from "../../../net/agent/agent.ts";
import { startCollector } from "../../../net/collector/collector.ts";
import type { CollectorSettings } from "../../../net/collector/settings.ts";
import { BadSetting } from "../../../net/settings/bad_setting.ts";
import { parseSegment } from "../../../net/wire/segment.ts";
import { withPki } from "../../support/link_harness.ts";
import { withTempDir } from "../../support/run.ts";
import { scriptedSource } from "../../support/scripted_source.ts";

const REQUEST = "GET /a HTTP/1.1\r\n\r\n";
const RESPONSE = "HTTP/1.1 204 No Content\r\n\r\n";

Deno.test("an agent mirrors over mutual TLS to a collector that hands each packet to a function", () =>
  withPki(async ({ directory: pki }) => {
    const payloads: string[] = [];
    const collector = await startCollector({
      hostname: "127.0.0.1",
      port: 0,
      pki,
      allow: ["web1"],
      workers: 0,
      sinks: [({ frame }) => {
        const text = new TextDecoder().decode(parseSegment(frame)!.payload);
        if (text !== "") payloads.push(text);
      }],
    });
    assert(collector.hasCertificates);
    const agent = await startAgent({
      sources: [scriptedSource([REQUEST], RESPONSE)],
      targets: [`127.0.0.1:${collector.port}`],
      pki,
    });
    await agent.ended;
    const { sinks: [sent] } = await agent.finish();
    const { agents, sinks: [taken] } = await collector.close();
    assert.deepEqual(payloads, [REQUEST, RESPONSE]);
    assert.deepEqual(agents.map(({ name, packets }) => [name, packets]), [["web1", sent.counters.written]]);
    assert.equal(taken.counters.written, sent.counters.written);
  }));

Deno.test("settings that are wrong are named before anything is opened", () =>
  withTempDir(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    const output = `${folder}/out.pcapng`;
    const plain = { sinks: [output], plaintext: true, hostname: "127.0.0.1", port: 0 };
    const mistakes: [CollectorSettings, string][] = [
      [{ ...plain, sinks: [] }, "sinks: expected at least one place for packets"],
      [{ ...plain, allow: ["web1"] }, "allow: looks at certificates, and there are none with plaintext"],
      [{ ...plain, workers: 65 }, "workers: expected a whole number from 0 to 64, got 65"],
      [{ ...plain, statePath: output }, `statePath: "${output}" is a sink already, give another file`],
      [{ ...plain, port }, `port: port ${port} is taken: give another with port`],
      [{ ...plain, hostname: "203.0.113.1" }, "hostname: 203.0.113.1 is no address of this host"],
    ];
    for (const [settings, message] of mistakes) {
      await assert.rejects(startCollector(settings), (error) => {
        assert(error instanceof BadSetting);
        assert.equal(error.message, message);
        return true;
      });
    }
    await assert.rejects(startCollector({ sinks: [output], pki: `${folder}/none` }), /^BadSetting: pki: /);
    assert.deepEqual([...Deno.readDirSync(folder)], [], "nothing may be left behind");
  }));
