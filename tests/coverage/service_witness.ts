// SPDX-License-Identifier: MIT
/**
 * Run in the network of a service: `service_witness.ts CERTIFICATE PORT CONVERSATION` says to it what the JSON has, and prints as JSON
 * what passed.
 *
 * @module
 */
import { bytesOf, type Conversation } from "./conversations.ts";
import { witness } from "./witness.ts";

/** Takes what the service says in the clear until `awaited` is in it. */
async function hear(connection: Deno.Conn, awaited: string): Promise<void> {
  const buffer = new Uint8Array(1 << 12);
  for (let heard = ""; !heard.includes(awaited);) {
    const length = await connection.read(buffer);
    if (length === null) throw new Error(`the service closed before it said ${JSON.stringify(awaited)}`);
    heard += new TextDecoder("latin1").decode(buffer.subarray(0, length));
  }
}

const [certificate, port, conversation] = Deno.args;
const { clear, request }: Conversation = JSON.parse(conversation);
const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
for (const { awaits, says } of clear) {
  await hear(connection, awaits);
  await connection.write(bytesOf(says));
}
const caCerts = [Deno.readTextFileSync(certificate)];
console.log(
  JSON.stringify(await witness(await Deno.startTls(connection, { hostname: "127.0.0.1", caCerts }), request)),
);
