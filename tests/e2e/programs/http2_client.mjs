// SPDX-License-Identifier: MIT
// Many requests at a time over one HTTP/2 connection of Node: http2_client.mjs URL CERTIFICATE COUNT PATH...
// Each path is had COUNT times and put back once under /put/. Says as JSON lines what was sent and what came.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http2 from "node:http2";

const [url, certificate, count, ...paths] = process.argv.slice(2);
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
// Node 18 tries the first address of localhost alone, which is IPv6, and not every server of the tests listens there.
const client = http2.connect(url, { ca: readFileSync(certificate), family: 4 });

function exchange(method, path, body, number) {
  return new Promise((resolve, reject) => {
    const fields = { "x-number": `${number}`, "user-agent": "node", cookie: `n=${number}` };
    const stream = client.request({ ":method": method, ":path": path, ...fields }, {
      endStream: body === undefined,
    });
    const chunks = [];
    let status;
    stream.on("response", (head) => status = head[":status"]);
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => {
      const received = Buffer.concat(chunks);
      const sent = body ?? Buffer.alloc(0);
      const sizes = { requestBytes: sent.length, responseBytes: received.length };
      const hashes = { requestBody: hash(sent), responseBody: hash(received) };
      const requestFields = Object.entries(fields);
      console.log(JSON.stringify({ method, path, status, ...hashes, ...sizes, requestFields }));
      resolve(received);
    });
    if (body !== undefined) stream.end(body);
  });
}

const bodies = new Map();
const number = (index, times) => index * Number(count) + times;
await Promise.all(paths.flatMap((path, index) =>
  Array.from({ length: Number(count) }, async (_, times) => {
    bodies.set(path, await exchange("GET", path, undefined, number(index, times)));
  })
));
await Promise.all(paths.map((path, index) => exchange("PUT", `/put${path}`, bodies.get(path), -index)));
client.close();
