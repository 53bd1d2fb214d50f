// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { checkListeners } from "../../../net/settings/listeners.ts";

Deno.test("listeners: places that are not this host's are named, taken ones are right", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = taken.addr;
  checkListeners({});
  checkListeners({ metrics: { hostname, port }, ui: { hostname, port: 0 } });
  const foreign = { hostname: "203.0.113.1", port: 9100 };
  const cannot = "cannot listen on port 9100 of 203.0.113.1: ";
  for (const setting of ["metrics", "ui"]) {
    assert.throws(
      () => checkListeners({ [setting]: foreign }),
      ({ message }: Error) => message.startsWith(`${setting}: ${cannot}`),
    );
  }
});
