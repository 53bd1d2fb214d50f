// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as net from "node:net";
import * as tls from "node:tls";
import { assertReadingStops, assertStoppable } from "../../../../net/link/transport/flow_control.ts";

Deno.test("this runtime's TLS sockets can be made to wait", () => assertReadingStops());

Deno.test("a TLS socket whose connection is kept elsewhere is told, not taken for one that waits", () => {
  const below = net.connect({ host: "127.0.0.1", port: 0 }).on("error", () => {});
  const socket = new tls.TLSSocket(below, { isServer: true }).on("error", () => {});
  assertStoppable(socket);
  for (const parent of [undefined, null, {}, { _handle: null }, { _handle: { readStop() {} } }]) {
    const other: tls.TLSSocket = Object.create(socket, { _parent: { value: parent } });
    assert.throws(() => assertStoppable(other), /TLS connections cannot be made to wait in this Deno/);
  }
  socket.destroy();
  below.destroy();
});
