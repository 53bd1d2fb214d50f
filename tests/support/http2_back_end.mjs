// SPDX-License-Identifier: MIT
// A server for Node without TLS, of HTTP/2 or of HTTP/1.1 ("1"): says its port, then the path of each request that it gets. The last letter of a
// path says how it answers: a with a body, b never, c later and without a length. It ends with its standard input.
import http from "node:http";
import http2 from "node:http2";

const isFirst = process.argv[2] === "1";
const server = isFirst ? http.createServer() : http2.createServer();

function answer(path, respond) {
  console.log(path);
  const how = path.at(-1);
  if (how === "a") respond({ "content-length": 5 }, "hello");
  else if (how === "c") setImmediate(() => respond({}, "later"));
}

if (isFirst) {
  server.on("request", (request, response) => {
    answer(request.url, (fields, body) => response.writeHead(200, fields).end(body));
  });
} else {
  server.on("sessionError", () => {});
  server.on("stream", (stream, fields) => {
    stream.on("error", () => {});
    answer(fields[":path"], (more, body) => {
      if (stream.destroyed || stream.headersSent) return;
      stream.respond({ ":status": 200, ...more });
      stream.end(body);
    });
  });
}
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
process.stdin.on("end", () => process.exit()).resume();
