// SPDX-License-Identifier: MIT
// Node's HTTP/2 client with tunnels: http2_tunnel_client.mjs URL CERTIFICATE WORD...
// Each WORD is a path, for a WebSocket that sends messages and closes, or an authority, for a CONNECT that asks there by
// HTTP/1.1; all at a time on one connection. Says as JSON lines each exchange with what its tunnel carried.
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { Meter, tell } from "./http2_tunnel_facts.mjs";
import { CLOSE, frame, onFrames, TEXT } from "./websocket_frames.mjs";

const [url, certificate, ...words] = process.argv.slice(2);
const MASK = Buffer.from([1, 2, 3, 4]);
const MESSAGES = ["hello over HTTP/2", "x".repeat(20_000), "bye"];
// Node 18 tries the first address of localhost alone, which is IPv6, and not every server of the tests listens there.
const client = http2.connect(url, { ca: readFileSync(certificate), family: 4 });

function webSocket(path) {
  const stream = client.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": path,
    "sec-websocket-version": "13",
    origin: "https://localhost",
  });
  const toServer = new Meter(), toClient = new Meter();
  const send = (opcode, payload) => stream.write(toServer.add(frame(opcode, payload, MASK)));
  stream.on("data", (bytes) => toClient.add(bytes));
  let answered = 0;
  onFrames(stream, (opcode, payload) => {
    if (opcode === TEXT && payload.toString() !== MESSAGES[answered]) throw new Error(`message ${answered}`);
    if (opcode === CLOSE) stream.end();
    else if (++answered < MESSAGES.length) send(TEXT, Buffer.from(MESSAGES[answered]));
    else send(CLOSE, Buffer.from([3, 232]));
  });
  stream.on("response", () => send(TEXT, Buffer.from(MESSAGES[0])));
  return ended(stream, (status) => tell("GET", path, status === 200 ? 101 : status, toServer, toClient));
}

function connect(authority) {
  const stream = client.request({ ":method": "CONNECT", ":authority": authority });
  const toServer = new Meter(), toClient = new Meter();
  stream.on("data", (bytes) => toClient.add(bytes));
  stream.on("response", ({ ":status": status }) => {
    if (status !== 200) return stream.end();
    stream.end(
      toServer.add(Buffer.from(`GET /inside HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`)),
    );
  });
  return ended(stream, (status) => tell("CONNECT", authority, status, toServer, toClient));
}

function ended(stream, done) {
  return new Promise((resolve, reject) => {
    let status;
    stream.on("response", (head) => status = head[":status"]);
    stream.on("error", reject);
    stream.on("close", () => resolve(done(status)));
  });
}

client.on("remoteSettings", async () => {
  await Promise.all(words.map((word) => word.startsWith("/") ? webSocket(word) : connect(word)));
  client.close();
});
