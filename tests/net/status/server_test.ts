// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { gauge } from "../../../net/status/recent.ts";
import type { StatusReport } from "../../../net/status/report.ts";
import { StatusServer, type StatusSubject } from "../../../net/status/server.ts";
import { withTempDir } from "../../support/run.ts";

class Subject implements StatusSubject {
  reasons: string[] = [];

  report(): StatusReport {
    const state = this.reasons.length === 0 ? "healthy" : "degraded";
    return {
      role: "collector",
      version: "1",
      pid: 2,
      startedMs: 3,
      nowMs: 4,
      place: "here",
      health: { state, reasons: this.reasons },
      sinks: [],
      agents: [],
    };
  }

  readonly answered = ["/more"];

  metrics = () => [gauge("up", "Up.", [{ value: 1 }])];
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function overSocket(path: string, page: string, method = "GET"): Promise<Answer> {
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  const response = await fetch(`http://localhost${page}`, { client, method });
  return { status: response.status, text: await response.text() };
}

async function overPort(port: number, page: string): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${page}`);
  return { status: response.status, text: await response.text() };
}

Deno.test("status: who asks before there is an answer is told so, and then answered", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/runtime/status/x.sock`;
    const server = new StatusServer();
    await server.serveSocket(path);
    try {
      assert.deepEqual(await overSocket(path, "/status"), { status: 503, text: "starting\n" });
      assert.deepEqual(await overSocket(path, "/healthz"), { status: 200, text: "alive\n" });
      const subject = new Subject();
      server.begin(subject);
      assert.deepEqual(JSON.parse((await overSocket(path, "/status")).text), subject.report());
      assert.deepEqual(await overSocket(path, "/readyz"), { status: 200, text: "healthy\n" });
      subject.reasons = ["a is down", "b loses"];
      assert.deepEqual(await overSocket(path, "/readyz"), {
        status: 503,
        text: "degraded\na is down\nb loses\n",
      });
      assert.match((await overSocket(path, "/metrics")).text, /^sslcollector_up 1$/m);
      assert.deepEqual(await overSocket(path, "/other"), {
        status: 404,
        text: "there are /metrics, /healthz, /readyz, /status, /more\n",
      });
      assert.equal((await overSocket(path, "/status", "POST")).status, 405);
    } finally {
      await server.close();
    }
    assert.deepEqual([...Deno.readDirSync(`${folder}/runtime/status`)], []);
  }));

Deno.test("status: the socket's folder is for its user, the one around it for all", () =>
  withTempDir(async (folder) => {
    const umask = Deno.umask(0o077);
    const server = new StatusServer();
    try {
      await server.serveSocket(`${folder}/runtime/status/x.sock`);
      assert.equal(Deno.statSync(`${folder}/runtime`).mode! & 0o777, 0o755);
      assert.equal(Deno.statSync(`${folder}/runtime/status`).mode! & 0o777, 0o700);
      Deno.chmodSync(`${folder}/runtime/status`, 0o755);
      await server.serveSocket(`${folder}/runtime/status/y.sock`);
      assert.equal(Deno.statSync(`${folder}/runtime/status`).mode! & 0o777, 0o700);
    } finally {
      Deno.umask(umask);
      await server.close();
    }
  }));

Deno.test("status: a socket that a process left is taken over, one on which somebody answers is not", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/status/x.sock`;
    Deno.mkdirSync(`${folder}/status`);
    Deno.writeTextFileSync(path, ""); // Like one whose process has ended, it refuses connections.
    const [first, second] = [new StatusServer(), new StatusServer()];
    try {
      await first.serveSocket(path);
      first.begin(new Subject());
      await assert.rejects(
        second.serveSocket(path),
        /^Error: cannot listen on .*: another process answers there$/,
      );
      assert.equal((await overSocket(path, "/status")).status, 200);
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  }));

Deno.test("status: what the subject answers besides is for the socket, and ends with the server", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/status/x.sock`;
    const server = new StatusServer();
    const stream = new TransformStream<Uint8Array, Uint8Array>();
    const writer = stream.writable.getWriter();
    const subject = Object.assign(new Subject(), {
      answer: (url: URL) =>
        Promise.resolve(url.pathname === "/lines" ? new Response(stream.readable) : undefined),
      close: () => void writer.close(),
    });
    server.serveMetrics({ hostname: "127.0.0.1", port: 0 });
    await server.serveSocket(path);
    server.begin(subject);
    const lines = overSocket(path, "/lines");
    await writer.write(new TextEncoder().encode("one"));
    assert.equal((await overSocket(path, "/other")).status, 404);
    assert.equal((await overPort(server.metricsPort!, "/lines")).status, 404);
    await server.close();
    assert.deepEqual(await lines, { status: 200, text: "one" });
  }));

Deno.test("status: one who has asked and does not read keeps no server from its end", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/status/x.sock`;
    const server = new StatusServer();
    const subject = Object.assign(new Subject(), {
      answer: () => Promise.resolve(new Response(new Uint8Array(16 * 1024 * 1024))),
    });
    await server.serveSocket(path);
    server.begin(subject);
    using connection = await Deno.connect({ transport: "unix", path });
    await connection.write(new TextEncoder().encode("GET /lines HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert.equal(await connection.read(new Uint8Array(100)), 100);
    await server.close();
  }));

Deno.test("status: the port has metrics and health, and nothing of a report", async () => {
  const [server, other] = [new StatusServer(), new StatusServer()];
  try {
    server.serveMetrics({ hostname: "127.0.0.1", port: 0 });
    server.begin(new Subject());
    const port = server.metricsPort!;
    assert.match((await overPort(port, "/metrics")).text, /^sslcollector_up 1$/m);
    assert.equal((await overPort(port, "/readyz")).status, 200);
    assert.equal((await overPort(port, "/status")).status, 404);
    assert.throws(
      () => other.serveMetrics({ hostname: "127.0.0.1", port }),
      { message: `cannot listen on port ${port} of 127.0.0.1: it is taken` },
    );
  } finally {
    await Promise.all([server.close(), other.close()]);
  }
});
