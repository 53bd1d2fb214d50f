// SPDX-License-Identifier: MIT
/**
 * Asks for PATHs at ORIGIN by each of Node's clients, with `?NAME` of the client behind each, and prints what it got as lines of JSON.
 * Usage: report_requests.mjs ORIGIN PATH...
 */
import http2 from "node:http2";
import https from "node:https";

const [origin, ...paths] = process.argv.slice(2);

async function report(method, path, ask) {
  const startMs = performance.now();
  const { status, size } = await ask();
  console.log(JSON.stringify({ method, path, status, size, ms: performance.now() - startMs }));
}

async function byHttps(name) {
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  for (const [index, path] of paths.entries()) {
    const method = index === 0 ? "HEAD" : "GET";
    await report(
      method,
      path + name,
      () =>
        new Promise((resolve, reject) =>
          https.request(origin + path + name, { agent, method }, (response) => {
            let size = 0;
            response.on("data", (bytes) => size += bytes.length);
            response.on("end", () => resolve({ status: response.statusCode, size }));
          }).on("error", reject).end()
        ),
    );
  }
  agent.destroy();
}

async function byHttp2(name) {
  const session = http2.connect(origin, { rejectUnauthorized: false });
  await Promise.all(paths.map((path) =>
    report("GET", path + name, () =>
      new Promise((resolve, reject) => {
        let [status, size] = [0, 0];
        session.request({ ":path": path + name })
          .on("response", (fields) => status = fields[":status"])
          .on("data", (bytes) => size += bytes.length)
          .on("end", () => resolve({ status, size }))
          .on("error", reject);
      }))
  ));
  session.close();
}

async function byFetch(name) {
  for (const path of paths) {
    await report("GET", path + name, async () => {
      const response = await fetch(origin + path + name);
      return { status: response.status, size: (await response.arrayBuffer()).byteLength };
    });
  }
}

await Promise.all([byHttps("?https"), byHttp2("?http2"), byFetch("?fetch")]);
