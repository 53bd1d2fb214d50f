// SPDX-License-Identifier: MIT
// HTTPS server for tests: https_server.mjs HOST PORT CERTIFICATE KEY BODIES RECEIVED. GET sends a file of the folder BODIES, PUT
// makes one in the folder RECEIVED and answers 204. Ends at SIGTERM.
import { createWriteStream, readFileSync } from "node:fs";
import { createServer } from "node:https";
import { basename } from "node:path";
import { pipeline } from "node:stream";

const [host, port, certificate, key, bodies, received] = process.argv.slice(2);

const server = createServer(
  { cert: readFileSync(certificate), key: readFileSync(key) },
  (request, response) => {
    const name = basename(request.url);
    if (request.method === "GET") return response.end(readFileSync(`${bodies}/${name}`));
    pipeline(request, createWriteStream(`${received}/${name}`), (error) => {
      response.writeHead(error ? 500 : 204).end();
    });
  },
);
server.listen(Number(port), host);
process.on("SIGTERM", () => process.exit());
