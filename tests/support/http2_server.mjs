// SPDX-License-Identifier: MIT
// An HTTP/2 server for Node, in clear text or, given a certificate and a key, over TLS: answers by its path's query and says
// as JSON lines what it did.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";

const [certificate, key] = process.argv.slice(2);
/** Between two events of a stream of them; eight take longer than an exchange may wait. */
const EVENT_MS = 200;
/** Of bodies that are told of as they were before. */
const ENCODINGS = { br: brotliCompressSync, deflate: deflateSync, gzip: gzipSync };

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
const server = certificate
  ? http2.createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  : http2.createServer();
server.on("stream", (stream, headers) => {
  const path = headers[":path"], method = headers[":method"];
  const query = new URL(path, "http://x").searchParams;
  const chunks = [];
  stream.on("error", () => {});
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => {
    const request = Buffer.concat(chunks);
    const respond = query.has("events") ? respondEvents : respondBody;
    respond(stream, method, path, query, (status, body, responseFields) => {
      const requestFields = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
      const facts = { method, path, status, requestBody: hash(request), responseBody: hash(body) };
      const sizes = { requestBytes: request.length, responseBytes: body.length };
      console.log(JSON.stringify({ ...facts, ...sizes, requestFields, responseFields }));
    });
  });
});

function respondBody(stream, method, path, query, tell) {
  const size = Number(query.get("size") ?? 0);
  const status = Number(query.get("status") ?? 200);
  const plain = new Uint8Array(size).map((_, i) => (i * 31 + (i >> 8)) & 255);
  const encoding = query.get("encoding");
  const body = query.has("gzip") ? gzipSync(plain) : encoding ? ENCODINGS[encoding](plain) : plain;
  const fields = { "x-path": path, "set-cookie": ["a=1", "b=2"] };
  tell(status, method === "HEAD" ? "" : encoding ? plain : body, [["x-path", path]]);
  if (query.has("length")) fields["content-length"] = body.length;
  if (query.has("gzip")) fields["content-encoding"] = "gzip";
  if (encoding) fields["content-encoding"] = encoding;
  if (query.has("type")) fields["content-type"] = query.get("type");
  if (query.has("hint")) stream.additionalHeaders({ ":status": 103, link: "</a>" });
  const waitForTrailers = query.has("trailers");
  if (waitForTrailers) {
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-sum": String(size) }));
  }
  stream.respond({ ":status": status, ...fields }, {
    endStream: method === "HEAD" || (size === 0 && !waitForTrailers),
    waitForTrailers,
  });
  if (method !== "HEAD" && (size > 0 || waitForTrailers)) stream.end(body);
}

function respondEvents(stream, _method, _path, query, tell) {
  const fields = { "content-type": "text/event-stream", "cache-control": "no-store" };
  stream.respond({ ":status": 200, ...fields });
  let body = "", left = Number(query.get("events"));
  const timer = setInterval(() => {
    const event = `id: ${left}\ndata: event ${left}\n\n`;
    body += event;
    stream.write(event);
    if (--left > 0) return;
    clearInterval(timer);
    tell(200, body, Object.entries(fields));
    stream.end();
  }, EVENT_MS);
}

server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
