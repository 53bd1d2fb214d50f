// SPDX-License-Identifier: MIT
/** Protocols that Suricata finds on their clear port only. */
import assert from "node:assert/strict";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/codec.ts";
import { Connection } from "../../../net/forge/connection.ts";
import { CLEAR_PORTS } from "../../../net/forge/settings.ts";
import { IPV4_KEY, Recorder, testSettings } from "../../support/capture.ts";
import { judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { hex } from "../../support/random.ts";
import { withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

type Write = readonly [direction: 0 | 1, hex: string];

/** MQTT 3.1.1: CONNECT as `c`, CONNACK, PUBLISH of `hi` to `t`, DISCONNECT. */
const MQTT: readonly Write[] = [
  [TO_SERVER, "100d00044d51545404020000000163"],
  [TO_CLIENT, "20020000"],
  [TO_SERVER, "30050001746869"],
  [TO_SERVER, "e000"],
];

/** A for example.test, answered with 192.0.2.7; two bytes of length before each message. */
const QUESTION = "076578616d706c6504746573740000010001";
const DNS: readonly Write[] = [
  [TO_SERVER, `001e123401000001000000000000${QUESTION}`],
  [TO_CLIENT, `002e123481800001000100000000${QUESTION}c00c000100010000003c0004c0000207`],
];

async function kinds(port: number, writes: readonly Write[], portMap?: ReadonlyMap<number, number>) {
  const recorder = new Recorder();
  const key = { client: IPV4_KEY.client, server: { ip: IPV4_KEY.server.ip, port } };
  const connection = new Connection(key, recorder.buffer, testSettings({ portMap }));
  writes.forEach(([direction, bytes], at) => connection.write(direction, hex(bytes), at * 1e6));
  connection.close("fin", 1e9);
  return await withTempDir(async (folder) => {
    await Deno.writeFile(`${folder}/capture.pcapng`, recorder.bytes());
    return (await judgeStrict(`${folder}/capture.pcapng`)).kinds;
  });
}

for (const [name, port, writes] of [["mqtt", 8883, MQTT], ["dns", 853, DNS]] as const) {
  Deno.test({
    name: `${name} over TLS is ${name} for Suricata with the clear ports, nothing without`,
    ...skipIf(judgeMissing()),
    async fn() {
      assert.equal((await kinds(port, writes))[name], undefined);
      assert.ok((await kinds(port, writes, CLEAR_PORTS))[name] > 0);
    },
  });
}
