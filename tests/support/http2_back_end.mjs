// SPDX-License-Identifier: MIT
// A server for Node, of HTTP/2 or of HTTP/1.1 ("1"), without TLS, or with it given a certificate and a key: says its port, then the path of each
// request that it gets. The last letter of a path says how it answers: a with a body, b never, c later and without a length, h behind 100 hints.
// It ends with its standard input, if that is a pipe.
import { fstatSync, readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";

const [version, certificate, key] = process.argv.slice(2);
const isFirst = version === "1";
const server = isFirst
  ? http.createServer()
  : certificate
  ? http2.createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  : http2.createServer();

function answer(path, respond) {
  console.log(path);
  const how = path.at(-1);
  if (how === "a" || how === "h") respond({ "content-length": 5 }, "hello");
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
      const hints = fields[":path"].endsWith("h") ? 100 : 0;
      for (let i = 0; i < hints; i++) stream.additionalHeaders({ ":status": 103, link: `</${i}>` });
      stream.respond({ ":status": 200, ...more });
      stream.end(body);
    });
  });
}
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
if (fstatSync(0).isFIFO()) process.stdin.on("end", () => process.exit()).resume();
