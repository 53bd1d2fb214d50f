/** A bare `node:tls` server as a process of its own: reads, counts, and says so. @module */
import * as tls from "node:tls";
import { loadCredentials } from "../../net/pki/store.ts";

if (import.meta.main) {
  const { pki, bytes }: { pki: string; bytes: number } = JSON.parse(Deno.args[0]);
  const { certificate, key } = await loadCredentials(pki, "collector");
  const server = tls.createServer({ cert: certificate, key, minVersion: "TLSv1.3" }, (socket) => {
    let left = bytes;
    socket.on("error", () => {});
    socket.on("data", (data: Uint8Array) => {
      left -= data.length;
      if (left <= 0) console.log("done");
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as { port: number }).port}`));
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}
