// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mendOf } from "../../cli/doctor_health.ts";

Deno.test("doctor: what mends an agent or collector follows from the reason that it gives", () => {
  const mends = [
    ["certificate web1 has expired", "sslcollector pki renew web1, where the CA is"],
    ["certificate web1 is valid for 3 days more", "sslcollector pki renew web1, where the CA is"],
    ["mirror0 is down", "ip link set mirror0 up"],
    ["10.0.0.5:3005 is not connected: ECONNREFUSED", "sslcollector doctor, on the collector's host"],
    ["agent web1 is away for 14 s", "sslcollector doctor, on the host of web1"],
  ] as const;
  for (const [reason, fix] of mends) assert.equal(mendOf(reason), fix);
  for (const reason of ["10.0.0.5:3005 drops packets: spool-full", "clear text is lost: ring-full"]) {
    assert.match(mendOf(reason), / a larger --|^a larger --/);
  }
  assert.match(mendOf("clear text is lost: sendfile"), /docs/);
});
