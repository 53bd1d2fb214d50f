// SPDX-License-Identifier: MIT
/** Writes that could only come after another of their own direction: Suricata sees each as it would on the wire. */
import assert from "node:assert/strict";
import { TO_CLIENT, TO_SERVER } from "../../../codecs/codec.ts";
import { Connection } from "../../../net/forge/connection.ts";
import { type Exchange, judgeMissing, judgeStrict } from "../../ids/judge.ts";
import { IPV4_KEY, Recorder, testSettings } from "../../support/capture.ts";
import { withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";

type Write = readonly [direction: 0 | 1, text: string];

const CONNECT: Write = [TO_SERVER, "CONNECT inner.test:7 HTTP/1.1\r\nHost: inner.test:7\r\n\r\n"];
const ESTABLISHED = "HTTP/1.1 200 Connection established\r\n\r\n";
const UPGRADE: Write = [
  TO_SERVER,
  "GET /chat HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n",
];
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
/** No protocol that Suricata knows. */
const GREETING = "hello, whoever is there: the tunnel's server speaks first, and says a marker";

const pieces = (text: string, length: number): Write[] =>
  text.match(new RegExp(`[^]{1,${length}}`, "g"))!.map((piece) => [TO_CLIENT, piece]);

const CONNECTED: Exchange = ["CONNECT", "inner.test:7", 200, null];
const UPGRADED: Exchange = ["GET", "/chat", 101, null];
const CASES: Readonly<Record<string, readonly [Exchange, ...Write[]]>> = {
  "9 bytes at a time": [CONNECTED, CONNECT, [TO_CLIENT, ESTABLISHED], ...pieces(GREETING, 9)],
  "in one write": [CONNECTED, CONNECT, [TO_CLIENT, ESTABLISHED], [TO_CLIENT, GREETING]],
  "behind a head in three writes": [CONNECTED, CONNECT, ...pieces(ESTABLISHED, 15), [TO_CLIENT, GREETING]],
  "with full segments": [CONNECTED, CONNECT, [TO_CLIENT, ESTABLISHED], [TO_CLIENT, GREETING.padEnd(14600)]],
  "after an upgrade": [UPGRADED, UPGRADE, [TO_CLIENT, SWITCHED], ...pieces(GREETING, 9)],
};

for (const [name, [exchange, ...writes]] of Object.entries(CASES)) {
  for (const stepNs of [0, 50_000, 5e6]) {
    Deno.test({
      name: `a tunnel whose server speaks first, ${name}, ${stepNs} ns apart: seen`,
      ...skipIf(judgeMissing()),
      fn: () =>
        withTempDir(async (folder) => {
          const recorder = new Recorder();
          const connection = new Connection(IPV4_KEY, recorder.buffer, testSettings());
          const all = [...writes, [TO_SERVER, "hello, server"], [TO_CLIENT, "bye"]] as const;
          all.forEach(([direction, text], at) =>
            connection.write(direction, new TextEncoder().encode(text), at * stepNs)
          );
          connection.close("fin", 1e9);
          const path = `${folder}/tunnel.pcapng`;
          await Deno.writeFile(path, recorder.bytes());
          const rules = ["a marker", "hello, server"].map((text, at) =>
            `alert tcp any any -> any any (msg:"${text}"; content:"${text}"; sid:${at + 1};)`
          );
          const verdict = await judgeStrict(path, { expect: [exchange], rules: rules.join("\n") });
          const seen = new Set(verdict.alerts.map(({ signature }) => signature));
          assert.ok(seen.has("hello, server"));
          // Behind CONNECT it finds no content across the first pieces of 9 bytes, even where each is acknowledged.
          if (name !== "9 bytes at a time") assert.ok(seen.has("a marker"));
        }),
    });
  }
}
