// SPDX-License-Identifier: MIT
// Node's HTTP/2 server with both kinds of tunnels: http2_tunnel_server.mjs CERTIFICATE KEY
// CONNECT reaches the authority, but for port 1, which is refused; a WebSocket gets back what it sends; everything else is
// answered with 404. Says as JSON lines the port, and each exchange with what its tunnel carried.
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { Meter, tell } from "./http2_tunnel_facts.mjs";
import { CLOSE, frame, onFrames } from "./websocket_frames.mjs";

const [certificate, key] = process.argv.slice(2);
const server = http2.createSecureServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  settings: { enableConnectProtocol: true },
});

server.on("stream", (stream, headers) => {
  const { ":method": method, ":path": path, ":authority": authority, ":protocol": protocol } = headers;
  const toServer = new Meter(), toClient = new Meter();
  const answer = (told, path, status) => {
    stream.respond({ ":status": status === 101 ? 200 : status }, { endStream: status >= 400 });
    stream.on("close", () => tell(told, path, status, toServer, toClient));
  };
  const send = (bytes) => stream.write(toClient.add(bytes));
  if (protocol === "websocket") {
    answer("GET", path, 101);
    stream.on("data", (bytes) => toServer.add(bytes));
    onFrames(stream, (opcode, payload) => {
      send(frame(opcode, payload));
      if (opcode === CLOSE) stream.end();
    });
  } else if (method !== "CONNECT") {
    answer(method, path, 404);
  } else if (authority.endsWith(":1")) {
    answer("CONNECT", authority, 403);
  } else {
    const [host, port] = authority.split(":");
    const socket = net.connect(Number(port), host, () => {
      answer("CONNECT", authority, 200);
      stream.on("data", (bytes) => socket.write(toServer.add(bytes)));
      stream.on("end", () => socket.end());
    });
    socket.on("data", send);
    socket.on("end", () => stream.end());
  }
});

server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
