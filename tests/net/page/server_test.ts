// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Page } from "../../../net/page/listen.ts";
import { checkPage } from "../../../net/settings/page.ts";
import { forgedConnections } from "../../support/forged.ts";
import { clientStart, data, END_STREAM, headers, join, serverStart } from "../../support/http2_frames.ts";
import { missing, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { sha256, tsharkHttpBodies, tsharkWarnings } from "../../support/tshark.ts";
import { agentReport, PageClient, SeenExchanges, TOKEN } from "../../support/page_harness.ts";

const GET = (path: string) => `GET ${path} HTTP/1.1\nHost: shop.example`;
const OK = "HTTP/1.1 200 OK\nContent-Type: application/json";

Deno.test("page: what was seen is told to who has the token, and to nobody else", () => {
  using client = new PageClient(new SeenExchanges().subject());
  assert.equal(client.ask("/api/status").status, 200);
  for (const authorization of ["", "Bearer ", "Bearer right-toke", `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
    for (const path of ["status", "rows", "detail?row=0", "body?row=0", "har?row=0", "none"]) {
      const { status, headers } = client.ask(`/api/${path}`, { authorization });
      assert.equal(status, 401, `${path} with ${JSON.stringify(authorization)}`);
      assert.equal(headers.get("www-authenticate"), "Bearer");
    }
  }
  assert.equal(client.ask("/", { authorization: "" }).status, 200);
});

Deno.test("page: a name that is not this host's is refused, whatever the port", () => {
  using client = new PageClient(new SeenExchanges().subject(), ["page.example"]);
  const status = (host: string) => client.ask("/api/status", { host }).status;
  for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1:9200", "[::1]:9200", "page.example:443"]) {
    assert.equal(status(host), 200, host);
  }
  for (const host of ["evil.example", "localhost.evil.example:9200", "127.0.0.2:9200", "[::2]", "", "::1"]) {
    assert.equal(status(host), 421, host);
    assert.equal(client.ask("/", { host }).status, 421, host);
  }
});

Deno.test("page: what another site asks is refused, even with the token", () => {
  using client = new PageClient(new SeenExchanges().subject());
  const status = (headers: Record<string, string>) => client.ask("/api/status", headers).status;
  assert.equal(status({ origin: "http://localhost:9200" }), 200);
  for (const origin of ["http://localhost:9201", "http://evil.example", "null", "http://localhost"]) {
    assert.equal(status({ origin }), 403, origin);
  }
  assert.equal(status({ "sec-fetch-site": "same-origin" }), 200);
  for (const site of ["cross-site", "same-site"]) assert.equal(status({ "sec-fetch-site": site }), 403, site);
});

Deno.test("page: every answer forbids what the page does not need", () => {
  using client = new PageClient(new SeenExchanges().subject());
  for (const path of ["/", "/none", "/api/status", "/api/none", "/api/detail?row=9"]) {
    for (const authorization of ["", `Bearer ${TOKEN}`]) {
      const { headers } = client.ask(path, { authorization });
      const policy = headers.get("content-security-policy")!;
      assert.match(policy, /^default-src 'none';/);
      assert.match(policy, /script-src 'self';/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
      assert.equal(headers.get("cache-control"), "no-store");
      assert.equal(headers.get("set-cookie"), null);
      assert.equal(headers.get("access-control-allow-origin"), null);
    }
  }
  assert.equal(client.ask("/api/status", {}, "POST").status, 405);
  using early = new PageClient();
  assert.equal(early.ask("/api/status").status, 503);
});

Deno.test("page: rows are those of the filter, and what is wrong with a filter is told with its place", async () => {
  const seen = new SeenExchanges();
  seen.exchange(GET("/a"), OK, "{}");
  seen.exchange(GET("/b\u202ex"), "HTTP/1.1 404 Not Found\nContent-Type: text/html", "no");
  using client = new PageClient(seen.subject());
  const { rows, missed, isLive } = await client.rows();
  assert.deepEqual(rows.map(({ path, status, size }) => [path, status, size]), [["/a", 200, 2], [
    "/b·x",
    404,
    2,
  ]]);
  assert.deepEqual([missed, isLive, rows[0].host, rows[0].type, rows[0].program], [
    0,
    true,
    "shop.example",
    "application/json",
    "program1",
  ]);
  assert.deepEqual((await client.rows("status >= 400")).rows.map(({ status }) => status), [404]);
  const mistaken = client.ask(`/api/rows?filter=${encodeURIComponent("status >=")}`);
  assert.equal(mistaken.status, 400);
  assert.deepEqual(await mistaken.json(), {
    message: "expected a value after >= at character 9",
    position: 9,
  });
});

Deno.test("page: secrets are neither shown nor found by a filter, unless they are to be shown", async () => {
  const seen = new SeenExchanges();
  const secret = "s3cr3t";
  seen.exchange(
    `GET /a?token=${secret} HTTP/1.1\nHost: shop.example\nAuthorization: Bearer ${secret}\nCookie: a=${secret}`,
    `${OK}\nSet-Cookie: a=${secret}\nLocation: /?key=${secret}`,
    "{}",
  );
  using client = new PageClient(seen.subject());
  const { rows } = await client.rows();
  const [{ number }] = rows;
  const told = [rows, await client.detail(number), await client.ask(`/api/har?row=${number}`).json()];
  assert.doesNotMatch(JSON.stringify(told), new RegExp(secret));
  assert.equal((await client.rows(`path contains "${secret}"`)).rows.length, 0);
  using open = new PageClient(seen.subject({}, true));
  assert.equal((await open.rows(`path contains "${secret}"`)).rows.length, 1);
  const detail = await open.detail(number);
  assert.deepEqual(detail.request!.fields[1], ["Authorization", `Bearer ${secret}`]);
});

Deno.test("page: a detail has heads, times and the connection, also as packets show it", async () => {
  const seen = new SeenExchanges();
  seen.exchange(GET("/a"), OK, "{}");
  using client = new PageClient(seen.subject());
  const { row, flow, forged, request, response, waitMs, receiveMs } = await client.detail(
    (await client.rows()).rows[0].number,
  );
  assert.deepEqual([row.method, waitMs, receiveMs, row.ms], ["GET", 1, 1, 2]);
  assert.deepEqual([flow.program, flow.pid, flow.server], ["program1", 101, { ip: "10.0.0.2", port: 443 }]);
  assert.match(flow.communityId, /^1:/);
  assert.equal(forged?.port, 80);
  assert.notEqual(forged.communityId, flow.communityId);
  assert.equal(request!.firstLine, "GET /a HTTP/1.1");
  assert.deepEqual(response!.fields[0], ["Content-Type", "application/json"]);
  assert.deepEqual(response!.body, {
    lengthBytes: 2,
    keptBytes: 2,
    codings: [],
    trouble: "",
    form: "text",
    imageType: "",
  });
});

Deno.test("page: a body is bytes of no type, and an image by its first bytes alone", async () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0);
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
  const seen = new SeenExchanges();
  seen.exchange(GET("/png"), "HTTP/1.1 200 OK\nContent-Type: text/html", png);
  seen.exchange(GET("/svg"), "HTTP/1.1 200 OK\nContent-Type: image/svg+xml", svg);
  seen.exchange(GET("/no"), "HTTP/1.1 200 OK\nContent-Type: image/png", Uint8Array.of(0, 1, 2, 3, 0xff));
  using client = new PageClient(seen.subject());
  const numbers = (await client.rows()).rows.map(({ number }) => number);
  const forms = [];
  for (const number of numbers) {
    const { form, imageType } = (await client.detail(number)).response!.body;
    forms.push([form, imageType]);
  }
  assert.deepEqual(forms, [["image", "image/png"], ["text", ""], ["binary", ""]]);
  for (const [at, number] of numbers.entries()) {
    const { headers, status } = client.ask(`/api/body?row=${number}&side=response`);
    assert.deepEqual([status, headers.get("content-type")], [200, "application/octet-stream"], `body ${at}`);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
  assert.equal(await client.ask(`/api/body?row=${numbers[1]}&side=response`).text(), svg);
});

Deno.test("page: an archive has one exchange, or those of a connection; what left the log is said to be gone", async () => {
  const seen = new SeenExchanges();
  for (const path of ["/a", "/b"]) seen.exchange(GET(path), OK, "{}");
  seen.connect();
  seen.exchange(GET("/c"), OK, "{}");
  using client = new PageClient(seen.subject());
  const { rows } = await client.rows();
  const urls = async (query: string) => {
    const { log } = await client.ask(`/api/har?${query}`).json();
    return log.entries.map(({ request }: { request: { url: string } }) => new URL(request.url).pathname);
  };
  assert.deepEqual(await urls(`row=${rows[1].number}`), ["/b"]);
  const { flow } = await client.detail(rows[0].number);
  assert.deepEqual(await urls(`flow=${flow.id}`), ["/a", "/b"]);
  for (const path of ["detail?row=999", "body?row=999", "har?row=999", "har?flow=999", "detail"]) {
    assert.equal(client.ask(`/api/${path}`).status, 410, path);
  }
});

Deno.test("page: a list goes on with what comes, tells what it missed, and ends with the server", async () => {
  const seen = new SeenExchanges();
  using client = new PageClient(seen.subject());
  const reader = client.ask("/api/rows").body!.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => JSON.parse((await reader.read()).value!);
  assert.deepEqual(await next(), { rows: [], missed: 0, skipped: 0, isLive: true });
  seen.exchange(GET("/late"), OK, "{}");
  assert.deepEqual((await next()).rows.map(({ path }: { path: string }) => path), ["/late"]);
  for (let at = 0; at < 3000; at++) seen.exchange(GET(`/many/${at}`), OK, "{}");
  const { missed, skipped, rows } = await next();
  assert.ok(missed > 1000 && skipped > 0, `${missed} missed, ${skipped} skipped`);
  assert.equal(missed + skipped + rows.length, 3000);
  assert.equal(rows.at(-1).path, "/many/2999");
  assert.equal((await client.rows('path == "/many/2800"')).rows.length, 1);
  client.server.close();
  let end;
  do end = await reader.read(); while (!end.done);
});

Deno.test("page: no more lists are open than are read, and one that nobody reads any more makes room", async () => {
  using client = new PageClient(new SeenExchanges().subject());
  const open = Array.from({ length: 16 }, () => client.ask("/api/rows"));
  assert.equal(client.ask("/api/rows").status, 429);
  await open[0].body!.cancel();
  const again = client.ask("/api/rows");
  assert.equal(again.status, 200);
});

Deno.test("page: a collector's has a status and no requests", async () => {
  using client = new PageClient({ report: agentReport, bodyBytes: 0, version: "1" });
  assert.equal((await client.ask("/api/status").json()).hasRows, false);
  assert.equal(client.ask("/api/rows").status, 404);
});

Deno.test("page: it listens nowhere but on loopback", () => {
  for (const hostname of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    checkPage({ ui: { hostname, port: 1 } });
  }
  for (const hostname of ["0.0.0.0", "::", "192.0.2.1", "page.example", "127.0.0.1.example", "::1:1"]) {
    assert.throws(() => checkPage({ ui: { hostname, port: 1 } }), /is not loopback, and the page has no TLS/);
  }
  assert.throws(() => checkPage({ uiHosts: ["page.example:443"] }), /expected a name without port/);
});

Deno.test("page: its address works as it is told, over IPv6 too", async () => {
  for (const hostname of ["127.0.0.1", "::1", "localhost"]) {
    const page = await Page.listen({ hostname, port: 0, names: [] });
    try {
      page.begin(new SeenExchanges().subject());
      const { origin, hash } = new URL(page.url);
      const html = await (await fetch(page.url)).text();
      assert.match(html, /<script type="module" src="\/page\.js">/);
      assert.doesNotMatch(html, /<script>|style=|https?:/);
      assert.match(await (await fetch(`${origin}/page.js`)).text(), /api\/rows/);
      const authorization = `Bearer ${new URLSearchParams(hash.slice(1)).get("token")}`;
      const response = await fetch(`${origin}/api/status`, { headers: { authorization } });
      assert.equal((await response.json()).report.role, "agent");
      await assert.rejects(
        Page.listen({ hostname, port: Number(new URL(page.url).port), names: [] }),
        /^Error: cannot listen on port \d+ of .*: it is taken$/,
      );
    } finally {
      await page.close();
    }
  }
});

Deno.test("page: a connection as a capture: its exchanges one after the other, with what was not kept as a gap", async () => {
  const seen = new SeenExchanges(1024 * 1024, 1000);
  seen.exchange(`${GET("/a?token=s3cr3t")}\nCookie: a=s3cr3t`, OK, "{}");
  seen.exchange(GET("/b"), "HTTP/1.1 304 Not Modified");
  seen.exchange(GET("/c"), "HTTP/1.1 200 OK", "x".repeat(3000));
  seen.connect();
  seen.exchange(GET("/other"), OK, "{}");
  using client = new PageClient(seen.subject());
  const { rows } = await client.rows();
  const { flow } = await client.detail(rows[0].number);
  const response = client.ask(`/api/pcapng?flow=${flow.id}`);
  assert.equal(response.headers.get("content-type"), "application/x-pcapng");
  const [connection, ...others] = forgedConnections(await response.bytes());
  const [toServer, toClient] = connection.streams.map((bytes) => new TextDecoder().decode(bytes));
  assert.deepEqual([others.length, connection.end, connection.name.endsWith("10.0.0.2:80")], [
    0,
    "fin",
    true,
  ]);
  assert.deepEqual(
    toServer.match(/^GET .*/gm),
    ["/a?token=‹hidden›", "/b", "/c"].map((path) => `GET ${path} HTTP/1.1`),
  );
  assert.doesNotMatch(toServer + toClient, /s3cr3t|other/);
  assert.match(
    toClient,
    /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\nContent-Length: 2\r\n\r\n\{\}HTTP\/1\.1 304/,
  );
  assert.deepEqual(connection.gaps[1].map(({ length }) => length), [2000]);
  assert.equal(client.ask("/api/pcapng?flow=999").status, 410);
});

Deno.test("page: an exchange of HTTP/2 is one of HTTP/1.1 in a capture", async () => {
  const seen = new SeenExchanges();
  seen.connect();
  const request = [[":method", "POST"], [":scheme", "https"], [":path", "/p"], [
    ":authority",
    "shop.example",
  ]] as const;
  seen.mirror.send(
    1,
    0,
    join(clientStart(), headers(1, [...request, ["x-a", "b"]]), data(1, "body", END_STREAM)),
  );
  seen.mirror.send(
    1,
    1,
    join(serverStart(), headers(1, [[":status", "201"], ["x-c", "d"]]), data(1, "made", END_STREAM)),
  );
  using client = new PageClient(seen.subject());
  const { flow } = await client.detail((await client.rows()).rows[0].number);
  const [{ streams }] = forgedConnections(await client.ask(`/api/pcapng?flow=${flow.id}`).bytes());
  const [toServer, toClient] = streams.map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(toServer, "POST /p HTTP/1.1\r\nhost: shop.example\r\nx-a: b\r\nContent-Length: 4\r\n\r\nbody");
  assert.equal(toClient, "HTTP/1.1 201 \r\nx-c: d\r\nContent-Length: 4\r\n\r\nmade");
});

Deno.test({
  name: "page: a capture has bodies as they were, and nothing that tshark wonders about",
  ...skipIf(missing("tshark")),
  fn: () =>
    withTempDir(async (folder) => {
      const seen = new SeenExchanges();
      const bodies = ["{}", "x".repeat(40_000)];
      for (const [at, body] of bodies.entries()) seen.exchange(GET(`/${at}.json`), OK, body);
      using client = new PageClient(seen.subject());
      const { flow } = await client.detail((await client.rows()).rows[0].number);
      const path = `${folder}/connection.pcapng`;
      await Deno.writeFile(path, await client.ask(`/api/pcapng?flow=${flow.id}`).bytes());
      const found = await tsharkHttpBodies(path);
      assert.deepEqual(
        found.map(({ sha256 }) => sha256),
        bodies.map((body) => sha256(new TextEncoder().encode(body))),
      );
      assert.deepEqual(await tsharkWarnings(path), []);
    }),
});
