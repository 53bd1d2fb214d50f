// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as tls from "node:tls";
import type { Credentials } from "../../../../net/pki/credentials.ts";
import { issueCertificate, makeAuthority } from "../../../../net/pki/issue.ts";
import { linkBlock, linkHead, newSessionId } from "../../../../net/link/blocks/link.ts";
import type { LinkServer } from "../../../../net/collector/link_server.ts";
import {
  remoteSink,
  startLinkServer,
  TestLog,
  type TestPki,
  VALIDITY,
  withPki,
} from "../../../support/link_harness.ts";
import { missing, runOk } from "../../../support/run.ts";
import { assertEachOnce, NumberedPackets, numbersIn } from "../../../support/link_packets.ts";
import { skipIf } from "../../../support/skip.ts";
import { awaited } from "../../../support/until.ts";

const DAY_MS = 86_400_000;

/** What an attacker or a mistaken operator connects with. */
interface Attempt {
  readonly certificate?: string;
  readonly key?: string;
  readonly options?: tls.ConnectionOptions;
}

/** Tries to send packets; settles when the collector has closed the connection. */
function attempt(pki: TestPki, port: number, { certificate, key, options }: Attempt): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ca: [...pki.agent.authorities],
    cert: certificate,
    key,
    ALPNProtocols: ["sslcollector/1"],
    ...options,
  }, () => {
    socket.write(linkHead("attempt", "any"));
    socket.write(
      linkBlock({ kind: "hello", session: newSessionId(), first: 0, next: 1, mtu: 1500, name: "x" }),
    );
    socket.write(linkBlock({ kind: "position", next: 0, reason: "" }));
    new NumberedPackets((batch) => socket.write(batch.blocks.slice())).make(1);
  });
  socket.on("error", () => {});
  socket.on("data", () => {});
  socket.on("close", () => resolve());
  return awaited("the collector to close a connection", promise);
}

async function authorityOf(pki: TestPki) {
  return {
    certificate: await Deno.readTextFile(`${pki.directory}/ca.crt`),
    key: await Deno.readTextFile(`${pki.directory}/ca.key`),
  };
}

/** A collector that must not take anything but what `web1` sends, and the log of its refusals. */
async function withStrictServer(
  use: (pki: TestPki, server: LinkServer, log: TestLog) => Promise<void>,
  allow?: string[],
): Promise<void> {
  await withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log, { allow });
    await use(pki, server, log);
    assert.equal(server.agents.size, 0, "nobody got in");
    // Whoever may, still can.
    if (!allow) {
      const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
      new NumberedPackets((batch) => sink.write(batch)).make(10);
      await sink.flush();
      await sink.close();
    }
    await server.close();
    assertEachOnce(numbersIn(await Deno.readFile(out)), allow ? 0 : 10);
  });
}

/** With the name by which the status tells of it, where the certificate is of the CA. */
const others: [string, RegExp, (pki: TestPki) => Promise<Attempt> | Attempt, name?: string][] = [
  ["no certificate", /^refused 127\.0\.0\.1:\d+: no certificate$/, () => ({})],
  ["another CA's certificate", /: certificate "web1" of another CA$/, async () => {
    const request = { role: "agent", name: "web1", names: [], validity: VALIDITY } as const;
    return await issueCertificate(await makeAuthority("test CA", VALIDITY), request);
  }],
  ["an expired certificate", /: certificate "old" expired on \d{4}-/, async (pki) => {
    const validity = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - 1000) };
    return await issueCertificate(await authorityOf(pki), {
      role: "agent",
      name: "old",
      names: [],
      validity,
    });
  }, "old"],
  ["a certificate that is not valid yet", /: certificate "new" is not valid before /, async (pki) => {
    const validity = {
      notBefore: new Date(Date.now() + DAY_MS / 2),
      notAfter: new Date(Date.now() + DAY_MS),
    };
    return await issueCertificate(await authorityOf(pki), {
      role: "agent",
      name: "new",
      names: [],
      validity,
    });
  }, "new"],
  [
    "a collector's certificate",
    /: certificate "hub" is for collector, not for an agent$/,
    (pki) => pki.collector,
    "hub",
  ],
  ["TLS 1.2", /: no TLS 1\.3$/, (pki) => ({
    ...pki.agent,
    options: { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" },
  })],
  ["another application protocol", /: handshake failed: .*known protocol/, (pki) => ({
    ...pki.agent,
    options: { ALPNProtocols: ["h2"] },
  })],
  ["no application protocol", /: application protocol is not sslcollector\/1$/, (pki) => ({
    ...pki.agent,
    options: { ALPNProtocols: [] },
  })],
];
for (const [name, line, make, told] of others) {
  Deno.test(`the collector refuses ${name}`, () =>
    withStrictServer(async (pki, server, log) => {
      await attempt(pki, server.port, await make(pki));
      await log.find(line);
      assert.equal(log.lines.length, 1, log.lines.join("\n"));
      assert.deepEqual(server.refused.map(({ name }) => name), told === undefined ? [] : [told]);
    }));
}

Deno.test("the collector refuses an agent that is not on its list", () =>
  withStrictServer(async (pki, server, log) => {
    await attempt(pki, server.port, pki.agent);
    await log.find(/: agent "web1" is not on the list of those allowed$/);
    assert.equal(log.lines.length, 1);
    const [{ name, reason, times }] = server.refused;
    assert.deepEqual([name, reason, times], [
      "web1",
      'agent "web1" is not on the list of those allowed',
      1,
    ]);
  }, ["web2", "web3"]));

for (
  const [name, bytes] of [
    ["plain TCP", linkHead("attempt", "any")],
    ["rubbish", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
  ] as const
) {
  Deno.test(`the collector refuses ${name} instead of TLS`, () =>
    withStrictServer(async (_pki, server, log) => {
      const connection = await Deno.connect({ port: server.port });
      await connection.write(bytes);
      await log.find(/: no TLS at all: rubbish, or plain TCP$/);
      connection.close();
      assert.equal(log.lines.length, 1);
    }));
}

Deno.test("the agent sends nothing to a collector of another name, and says which it is", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log);
    const sink = remoteSink(`localhost:${server.port}`, pki.agent, log, { stalledMs: 50 });
    new NumberedPackets((batch) => sink.write(batch)).make(10);
    await log.find(
      /^localhost:\d+: collector's certificate is not for localhost but for 127\.0\.0\.1; trying again$/,
    );
    await sink.close();
    await server.close();
    assert.equal(server.agents.size, 0);
    assert.equal(sink.counters.dropped.get("not-acknowledged"), 10);
  }));

Deno.test("the agent sends nothing to somebody with an agent's certificate, or of another CA", () =>
  withPki(async (pki) => {
    const request = { role: "agent", name: "hub", names: ["127.0.0.1"], validity: VALIDITY } as const;
    const ofAgent = await issueCertificate(await authorityOf(pki), request);
    const ofOther = await issueCertificate(await makeAuthority("test CA", VALIDITY), {
      ...request,
      role: "collector",
    });
    for (
      const [wrong, here, there] of [
        [
          ofAgent,
          /: collector showed a certificate "hub" is for agent, not for a collector;/,
          /: the agent says that .* is not for a collector$/,
        ],
        [
          ofOther,
          /: collector showed a certificate "hub" of another CA;/,
          /: the agent says that this collector's certificate is of another CA than its own$/,
        ],
      ] as const
    ) {
      const log = new TestLog();
      const credentials: Credentials = { ...pki.collector, ...wrong };
      const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log, { credentials });
      const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, { stalledMs: 50 });
      new NumberedPackets((batch) => sink.write(batch)).make(10);
      assert.match(await log.find(/^127\.0\.0\.1:\d+: .*trying again$/), here);
      await log.find(there);
      await sink.close();
      await server.close();
      assert.equal(server.agents.size, 0);
      assert.equal(sink.counters.written, 0);
    }
  }));

Deno.test("an agent that is not let in is told why, in the words of the collector's log", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log);
    const request = { role: "agent", name: "web1", names: [], validity: VALIDITY } as const;
    const other = await issueCertificate(await makeAuthority("company CA", VALIDITY), request);
    const sink = remoteSink(`127.0.0.1:${server.port}`, { ...pki.agent, ...other }, log, { stalledMs: 50 });
    await log.find(/^refused 127\.0\.0\.1:\d+: certificate "web1" of another CA$/);
    await log.find(/: refused by the collector: certificate "web1" of another CA; trying again$/);
    await sink.close();
    await server.close();
  }));

Deno.test("a collector that ends is not told as a loss", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const server = await startLinkServer(pki, `${pki.folder}/out.pcapng`, log);
    const warnings: string[] = [];
    const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log, {
      stalledMs: 50,
      warn: (line) => warnings.push(line),
    });
    await log.find(/collector takes packets/);
    await server.close();
    await log.find(/^127\.0\.0\.1:\d+: the collector ends; trying again$/);
    await sink.close();
    assert.ok(warnings.every((line) => !/lost|ends/.test(line)), warnings.join("\n"));
  }));

Deno.test({
  name:
    "the agent sends nothing to a certificate without a role, or with its name nowhere but in the subject",
  ...skipIf(missing("openssl")),
  fn: () =>
    withPki(async (pki) => {
      const { folder, directory } = pki;
      const made = async (extensions: string) => {
        await Deno.writeTextFile(`${folder}/extensions`, extensions);
        const key = `${folder}/wrong.key`;
        await runOk(
          "openssl",
          "genpkey",
          "-algorithm",
          "EC",
          "-pkeyopt",
          "ec_paramgen_curve:P-256",
          "-out",
          key,
        );
        await runOk(
          "openssl",
          "req",
          "-new",
          "-key",
          key,
          "-subj",
          "/CN=localhost",
          "-out",
          `${folder}/wrong.csr`,
        );
        const signing = ["-CA", `${directory}/ca.crt`, "-CAkey", `${directory}/ca.key`, "-CAcreateserial"];
        const more = ["-days", "1", "-extfile", `${folder}/extensions`];
        const certificate = await runOk(
          "openssl",
          "x509",
          "-req",
          "-in",
          `${folder}/wrong.csr`,
          ...signing,
          ...more,
        );
        return { certificate, key: await Deno.readTextFile(key) };
      };
      const cases = [
        [
          "subjectAltName=DNS:localhost\n",
          /collector showed a certificate "localhost" is for nothing, not for a/,
        ],
        ["extendedKeyUsage=serverAuth\n", /has no subject alternative name|is not for localhost/],
      ] as const;
      for (const [extensions, reason] of cases) {
        const log = new TestLog();
        const credentials: Credentials = { ...pki.collector, ...await made(extensions) };
        const server = await startLinkServer(pki, `${folder}/out.pcapng`, log, { credentials });
        const sink = remoteSink(`localhost:${server.port}`, pki.agent, log, { stalledMs: 50 });
        new NumberedPackets((batch) => sink.write(batch)).make(10);
        assert.match(await log.find(/^localhost:\d+: .*trying again$/), reason);
        await sink.close();
        await server.close();
        assert.equal(server.agents.size, 0);
      }
    }),
});

Deno.test("a thousand half handshakes do not keep an agent out", () =>
  withStrictServer(async (pki, server, log) => {
    const held: Deno.Conn[] = [];
    for (let at = 0; at < 1000; at++) {
      const connection = await Deno.connect({ port: server.port });
      // The head of a handshake record, and nothing of it.
      await connection.write(Uint8Array.of(0x16, 0x03, 0x01, 0x01, 0x00));
      held.push(connection);
    }
    await log.find(/handshake not finished, and 256 others are under way/);
    const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
    await log.find(/collector takes packets/);
    await sink.close();
    await log.find(/gone: it ended/);
    server.agents.clear();
    for (const connection of held) connection.close();
  }));

Deno.test("new certificates are used for new connections, and old connections go on", () =>
  withPki(async (pki) => {
    const log = new TestLog();
    const out = `${pki.folder}/out.pcapng`;
    const server = await startLinkServer(pki, out, log);
    const sink = remoteSink(`127.0.0.1:${server.port}`, pki.agent, log);
    const packets = new NumberedPackets((batch) => sink.write(batch));
    packets.make(10);
    await sink.flush();
    const authority = await makeAuthority("next CA", VALIDITY);
    const request = { name: "hub", names: ["127.0.0.1"], validity: VALIDITY } as const;
    const collector = await issueCertificate(authority, { ...request, role: "collector" });
    const agent = await issueCertificate(authority, { ...request, role: "agent", name: "web2" });
    const authorities = [...pki.collector.authorities, authority.certificate];
    server.setCredentials({ ...pki.collector, ...collector, authorities });
    packets.make(10);
    await sink.flush();
    const next = remoteSink(`127.0.0.1:${server.port}`, {
      ...pki.agent,
      ...agent,
      authorities: [authority.certificate],
    }, log);
    await log.find(/agent web2 .* connected/);
    await next.close();
    await sink.close();
    await server.close();
    assertEachOnce(numbersIn(await Deno.readFile(out)), 20);
  }));
