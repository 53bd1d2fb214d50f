// SPDX-License-Identifier: MIT
/** A server that has run out of descriptors for a moment, and is looked at then: says what a client of it is told. @module */
import * as net from "node:net";
import { AcceptWatch } from "../../../../../net/link/transport/accept_watch.ts";

/** Takes all descriptors that are left. */
function takeAll(): Deno.FsFile[] {
  const files: Deno.FsFile[] = [];
  try {
    for (;;) files.push(Deno.openSync("/dev/null"));
  } catch {
    return files;
  }
}

const server = net.createServer((socket) => socket.end("hello"));
const { promise, resolve } = Promise.withResolvers<void>();
server.listen({ host: "127.0.0.1", port: 0 }, resolve);
await promise;
const { port } = server.address() as net.AddressInfo;
const watch = new AcceptWatch(server, { host: "127.0.0.1", port });
const files = takeAll();
// One for the client, none for the server.
files.pop()!.close();
const waiting = await Deno.connect({ hostname: "127.0.0.1", port });
// The runtime tries to take the client meanwhile.
for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
for (const file of files) file.close();
const anew = new Promise((resolve) => server.once("listening", resolve));
const looks = [watch.look(), watch.look()];
await anew;
looks.push(watch.look());
const client = await Deno.connect({ hostname: "127.0.0.1", port });
const bytes = new Uint8Array(100);
const length = await client.read(bytes);
console.log(JSON.stringify({ looks, told: new TextDecoder().decode(bytes.subarray(0, length ?? 0)) }));
waiting.close();
Deno.exit();
