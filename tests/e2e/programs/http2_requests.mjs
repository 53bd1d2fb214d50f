// SPDX-License-Identifier: MIT
// Requests at a time over one HTTP/2 connection of Node: http2_requests.mjs URL CERTIFICATE BODY LIST, the list with METHOD PATH in
// a line.
import { readFileSync } from "node:fs";
import http2 from "node:http2";

const [url, certificate, body, list] = process.argv.slice(2);
const sent = readFileSync(body);
// Node 18 tries the first address of localhost alone, which is IPv6, and not every server of the tests listens there.
const client = http2.connect(url, { ca: readFileSync(certificate), family: 4 });

const exchange = (method, path) =>
  new Promise((resolve, reject) => {
    const stream = client.request({ ":method": method, ":path": path }, { endStream: method !== "POST" });
    if (method === "POST") stream.end(sent);
    stream.on("error", reject).on("close", resolve).resume();
  });

const lines = readFileSync(list, "utf8").trimEnd().split("\n");
await Promise.all(lines.map((line) => exchange(...line.split(" "))));
client.close();
