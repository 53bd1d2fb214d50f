// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { HttpListener } from "../../../net/status/http_listener.ts";
import { until } from "../../support/until.ts";

const encoder = new TextEncoder();

/** Listens while `test` runs. */
async function listening(
  answer: (request: Request) => Response,
  test: (port: number) => Promise<void>,
  patienceMs?: number,
  connectionsMax?: number,
): Promise<void> {
  const socket = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const listener = new HttpListener(socket, answer, patienceMs, connectionsMax);
  try {
    await test(socket.addr.port);
  } finally {
    await listener.close();
  }
}

/** What comes until the connection ends, whichever way. */
async function rest(connection: Deno.Conn): Promise<string> {
  let text = "";
  const bytes = new Uint8Array(4096);
  try {
    for (let length; (length = await connection.read(bytes)) !== null;) {
      text += new TextDecoder().decode(bytes.subarray(0, length));
    }
  } catch {
    // Reset.
  }
  return text;
}

async function said(port: number, question: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(encoder.encode(question));
  return await rest(connection);
}

const echo = ({ method, url, headers }: Request) =>
  new Response(`${method} ${url} ${headers.get("x")}`, { headers: { "x-answer": "yes" } });

Deno.test("http listener: a question is answered once, in chunks, and the connection ends", () =>
  listening(echo, async (port) => {
    const question = "GET /a?b=%20c HTTP/1.1\r\nHost: h:1\r\nX:  y \r\n\r\n";
    const lines = ["HTTP/1.1 200 ", "content-type: text/plain;charset=UTF-8", "x-answer: yes"];
    const head = [...lines, "transfer-encoding: chunked", "connection: close", "", ""].join("\r\n");
    assert.equal(
      await said(port, question + question),
      `${head}19\r\nGET http://h:1/a?b=%20c y\r\n0\r\n\r\n`,
    );
    const old = await said(port, "GET / HTTP/1.0\r\n\r\n");
    assert.ok(old.endsWith("connection: close\r\n\r\nGET http://localhost/ null"), old);
    const heads = await said(port, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.ok(heads.endsWith("x-answer: yes\r\nconnection: close\r\n\r\n"), heads);
    const proxied = await said(port, "GET http://other/b HTTP/1.1\r\nHost: h\r\n\r\n");
    assert.match(proxied, /GET http:\/\/h\/b null/);
    const nameless = await said(port, "GET /b HTTP/1.1\r\nHost:\r\n\r\n");
    assert.match(nameless, /GET http:\/\/localhost\/b null/);
    const foreign = await said(port, "GET / HTTP/1.1\r\nHost: h\r\nX: \u00c0\u20ac\r\n\r\n");
    assert.match(foreign, /^HTTP\/1\.1 200 /, "letters of any language");
  }));

Deno.test("http listener: what readers may differ about is no question", () =>
  listening(echo, async (port) => {
    const bad = [
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nauthorization: c\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "\x16\x03\x01\r\n\r\n",
    ];
    for (const question of bad) {
      assert.match(await said(port, question), /^HTTP\/1\.1 400 /, JSON.stringify(question));
    }
    assert.match(await said(port, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), /^HTTP\/1\.1 405 /);
    assert.match(await said(port, "GET /".padEnd(64 * 1024, "a")), /^HTTP\/1\.1 431 /);
  }));

Deno.test("http listener: who connects and asks nothing keeps nobody from asking", () =>
  listening(echo, async (port) => {
    const silent: Deno.Conn[] = [];
    try {
      for (let i = 0; i < 80; i++) silent.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      assert.match(await said(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), /^HTTP\/1\.1 200 /);
      assert.equal(await rest(silent[0]), "");
    } finally {
      for (const connection of silent) connection.close();
    }
  }));

Deno.test("http listener: a question that does not come whole ends", () =>
  listening(echo, async (port) => {
    assert.equal(await said(port, "GET / HTTP/1.1\r\nHost:"), "");
  }, 20));

Deno.test(
  "http listener: an answer that comes after its end leaves nothing behind",
  { sanitizeOps: true },
  async () => {
    const patienceMs = 300;
    const socket = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const answer = Promise.withResolvers<Response>();
    const listener = new HttpListener(socket, () => answer.promise, patienceMs);
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: socket.addr.port });
    await connection.write(encoder.encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    // Behind that nothing looks after those that are waited for.
    await new Promise((resolve) => setTimeout(resolve, 1.5 * patienceMs));
    await listener.close();
    answer.resolve(new Response("late"));
    await new Promise((resolve) => setTimeout(resolve, patienceMs / 5));
  },
);

const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;

/** Far more than a connection holds that nobody reads. */
const LARGE = new Uint8Array(16 * 1024 * 1024);

Deno.test("http listener: who asks and takes no answer keeps nobody from asking, and no descriptor", () => {
  const large = ({ url }: Request) => new Response(url.endsWith("/large") ? LARGE : "small");
  return listening(
    large,
    async (port) => {
      const lazy: Deno.Conn[] = [];
      const before = descriptors();
      try {
        for (let i = 0; i < 6; i++) {
          const connection = await Deno.connect({ hostname: "127.0.0.1", port });
          lazy.push(connection);
          await connection.write(encoder.encode("GET /large HTTP/1.1\r\nHost: h\r\n\r\n"));
          await connection.read(new Uint8Array(1000));
        }
        assert.match(await said(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), /^HTTP\/1\.1 200 /);
        await until("no more than 4 to be held", () => descriptors() - before <= lazy.length + 4);
      } finally {
        for (const connection of lazy) connection.close();
      }
    },
    undefined,
    4,
  );
});

Deno.test("http listener: an answer that nobody takes ends", () => {
  let cancelled = false;
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(LARGE),
        cancel: () => void (cancelled = true),
      }),
    );
  return listening(endless, async (port) => {
    using lazy = await Deno.connect({ hostname: "127.0.0.1", port });
    await lazy.write(encoder.encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    await until("the answer to be given up", () => cancelled);
  }, 1000);
});

Deno.test("http listener: an answer that goes on ends when who asked has left", () => {
  let cancelled = false;
  const waiting = () => new Response(new ReadableStream({ cancel: () => void (cancelled = true) }));
  return listening(waiting, async (port) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(encoder.encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    await connection.read(new Uint8Array(1000));
    connection.close();
    await until("the answer to be given up", () => cancelled);
  });
});

Deno.test("http listener: a connection that cannot be taken, for want of descriptors, is not the last one", async () => {
  const socket = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { addr } = socket;
  let failures = 2;
  const failing = {
    addr,
    accept: () =>
      failures-- > 0 ? Promise.reject(new Error("Too many open files (os error 24)")) : socket.accept(),
    close: () => socket.close(),
  };
  const listener = new HttpListener(failing as unknown as Deno.TcpListener, echo);
  assert.match(await said(addr.port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), /^HTTP\/1\.1 200 /);
  await listener.close();
});
