// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { configureSync, resetSync } from "@logtape/logtape";
import { DAY_MS, daysFrom } from "../../../net/pki/issue.ts";
import { initAuthority, issueInto } from "../../../net/pki/store.ts";
import { openCredentials } from "../../../net/settings/credentials.ts";
import { withTempDir } from "../../support/run.ts";

Deno.test("a certificate is spoken of from 14 days before its end, once a day", () =>
  withTempDir(async (folder) => {
    const [lines, callbacks]: [string[], (() => void)[]] = [[], []];
    configureSync({
      sinks: { lines: ({ message }) => lines.push(message.join("")) },
      loggers: [{ category: ["sslcollector"], sinks: ["lines"] }, { category: ["logtape"], sinks: [] }],
    });
    const [now, { setInterval }] = [Date.now, globalThis];
    try {
      await initAuthority(folder, "test CA", daysFrom(Date.now(), 100));
      await issueInto(folder, {
        role: "agent",
        name: "web1",
        names: [],
        validity: daysFrom(Date.now(), 15.5),
      });
      globalThis.setInterval = ((callback: () => void, ms: number) => {
        if (ms === DAY_MS) callbacks.push(callback);
        return setInterval(callback, ms);
      }) as typeof setInterval;
      const live = await openCredentials({ pki: folder }, "agent");
      assert.deepEqual(lines, []);
      for (let day = 1; day <= 3; day++) {
        Date.now = () => now() + day * DAY_MS;
        for (const callback of callbacks) callback();
      }
      assert.deepEqual(lines.map((line) => /valid for (\d+) days more/.exec(line)?.[1]), ["13", "12"]);
      assert.match(lines[0], /certificate "web1"/);
      live.close();
    } finally {
      [Date.now, globalThis.setInterval] = [now, setInterval];
      resetSync();
    }
  }));
