// An HTTP/2 server in clear text for Node: answers by its path's query and says as JSON lines what it did.
import { createHash } from "node:crypto";
import http2 from "node:http2";

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
const server = http2.createServer();
server.on("stream", (stream, headers) => {
  const path = headers[":path"], method = headers[":method"];
  const chunks = [];
  stream.on("error", () => {});
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => {
    const query = new URL(path, "http://x").searchParams;
    const size = Number(query.get("size") ?? 0);
    const status = Number(query.get("status") ?? 200);
    const body = new Uint8Array(size).map((_, i) => (i * 31 + (i >> 8)) & 255);
    const responseBody = hash(method === "HEAD" ? "" : body);
    console.log(
      JSON.stringify({ method, path, status, requestBody: hash(Buffer.concat(chunks)), responseBody }),
    );
    const fields = { ":status": status, "x-path": path, "set-cookie": ["a=1", "b=2"] };
    if (query.has("length")) fields["content-length"] = size;
    if (query.has("hint")) stream.additionalHeaders({ ":status": 103, link: "</a>" });
    const waitForTrailers = query.has("trailers");
    if (waitForTrailers) {
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-sum": String(size) }));
    }
    stream.respond(fields, {
      endStream: method === "HEAD" || (size === 0 && !waitForTrailers),
      waitForTrailers,
    });
    if (method !== "HEAD" && (size > 0 || waitForTrailers)) stream.end(body);
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
