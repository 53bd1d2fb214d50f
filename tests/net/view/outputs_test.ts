// SPDX-License-Identifier: MIT
/** Events and archives: their fields, what they hide, their files. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { EventWriter } from "../../../net/view/events.ts";
import { HarWriter } from "../../../net/view/har.ts";
import { FileLines, SocketLines } from "../../../net/view/line_output.ts";
import type { EntryReader } from "../../../net/view/view.ts";
import { ENCODINGS, latin1, message } from "../../support/encoded_bodies.ts";
import { mountMissing } from "../../support/mount.ts";
import { runOk, withTempDir } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { until } from "../../support/until.ts";
import { ViewHarness } from "../../support/view_harness.ts";

const TIME_BASE_NS = 1_700_000_000_000_000_000n;

function harness(): ViewHarness {
  const view = new ViewHarness({ bodyBytes: 100_000 });
  view.open(1, { alpn: "http/1.1" });
  const [coding, encode] = ENCODINGS.gzip;
  view.send(
    1,
    0,
    message([
      "POST /a?x=1&token=s3cret HTTP/1.1",
      "Host: shop.example:8443",
      "Cookie: a=s3cret; b=s3cret",
      "User-Agent: test",
      "Content-Type: text/plain",
    ], latin1("abc")),
  );
  view.send(
    1,
    1,
    message([
      "HTTP/1.1 201 Created",
      "Content-Type: application/json",
      `Content-Encoding: ${coding}`,
      "Set-Cookie: c=s3cret; Path=/",
    ], encode(latin1('{"id":1}'))),
  );
  view.send(1, 0, message(["GET /img HTTP/1.1", "Host: shop.example"]));
  view.send(1, 1, message(["HTTP/1.1 200 OK", "Content-Type: image/png"], Uint8Array.of(0x89, 0x50, 0xff)));
  view.send(1, 0, message(["GET /cut HTTP/1.1", "Host: shop.example"]));
  view.close(1);
  view.mirror.pipeline.drain();
  view.view.flush();
  return view;
}

function give(reader: EntryReader, { entries }: ViewHarness): void {
  reader.begin?.(TIME_BASE_NS);
  for (const entry of entries) {
    reader.take(entry);
    reader.flush?.();
  }
}

// deno-lint-ignore no-explicit-any
async function events(showsSecrets: boolean, path: string): Promise<Record<string, any>[]> {
  const output = new FileLines(path, {}, assert.fail);
  const writer = new EventWriter({ output, showsSecrets, stats: () => ({ flows: 1 }) });
  give(writer, harness());
  writer.missed(3);
  await writer.close();
  return Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("events have Suricata's names, and what only a mirror knows in an object of its own", () =>
  withTempDir(async (folder) => {
    const all = await events(false, `${folder}/eve.json`);
    assert.deepEqual(all.map(({ event_type }) => event_type), [
      "tls",
      "http",
      "http",
      "http",
      "flow",
      "stats",
    ]);
    const [tls, post, , cut, flow, stats] = all;
    assert.equal(tls.tls.sni, "example.test");
    assert.equal(tls.tls.version, "TLS 1.3");
    assert.deepEqual(post.http, {
      hostname: "shop.example",
      http_port: 8443,
      url: "/a?x=1&token=‹hidden›",
      http_user_agent: "test",
      http_content_type: "application/json",
      http_method: "POST",
      protocol: "HTTP/1.1",
      status: 201,
      length: 28,
      request_length: 3,
    });
    assert.match(post.timestamp, /^2023-11-14T22:13:21\.\d{6}\+0000$/);
    assert.match(post.community_id, /^1:/);
    assert.equal(post.src_ip, "10.0.0.1");
    assert.equal(post.dest_port, 443);
    assert.equal(post.sslcollector.program, "program1");
    assert.equal(post.sslcollector.duration_ms, 1);
    assert.equal(cut.sslcollector.cut, "closed");
    assert.equal(cut.http.status, undefined);
    assert.equal(flow.flow.bytes_toserver > 100, true);
    assert.deepEqual(stats.stats.sslcollector.events, { missed: 3, dropped: 0 });
    assert.doesNotMatch(JSON.stringify(all), /s3cret/);
    assert.match(JSON.stringify(await events(true, `${folder}/b.json`)), /s3cret/);
    assert.equal(Deno.statSync(`${folder}/eve.json`).mode! & 0o777, 0o600);
  }));

const text = v.string();
const count = v.pipe(v.number(), v.integer());
const pair = v.looseObject({ name: text, value: text });
const time = v.union([v.literal(-1), v.pipe(v.number(), v.minValue(0))]);
/** HTTP Archive 1.2, as its specification has it: names that begin with an underscore are an application's own. */
const harSchema = v.strictObject({
  log: v.strictObject({
    version: v.literal("1.2"),
    creator: v.strictObject({ name: text, version: text, comment: v.optional(text) }),
    browser: v.optional(v.strictObject({ name: text, version: text, comment: v.optional(text) })),
    pages: v.optional(v.array(v.unknown())),
    comment: v.optional(text),
    entries: v.array(v.pipe(
      v.looseObject({
        pageref: v.optional(text),
        startedDateTime: v.pipe(text, v.isoTimestamp()),
        time: v.pipe(v.number(), v.minValue(0)),
        request: v.strictObject({
          method: text,
          url: v.pipe(text, v.url()),
          httpVersion: text,
          cookies: v.array(pair),
          headers: v.array(pair),
          queryString: v.array(pair),
          postData: v.optional(v.looseObject({ mimeType: text, params: v.array(v.unknown()), text })),
          headersSize: count,
          bodySize: count,
          comment: v.optional(text),
        }),
        response: v.strictObject({
          status: count,
          statusText: text,
          httpVersion: text,
          cookies: v.array(pair),
          headers: v.array(pair),
          content: v.strictObject({
            size: count,
            compression: v.optional(count),
            mimeType: text,
            text: v.optional(text),
            encoding: v.optional(v.literal("base64")),
            comment: v.optional(text),
          }),
          redirectURL: text,
          headersSize: count,
          bodySize: count,
          comment: v.optional(text),
        }),
        cache: v.strictObject({}),
        timings: v.strictObject({
          blocked: time,
          dns: time,
          connect: time,
          ssl: time,
          send: v.pipe(v.number(), v.minValue(0)),
          wait: v.pipe(v.number(), v.minValue(0)),
          receive: v.pipe(v.number(), v.minValue(0)),
        }),
        serverIPAddress: v.optional(text),
        connection: v.optional(text),
        comment: v.optional(text),
      }),
      v.check(({ time, timings }) => {
        const parts = [
          timings.blocked,
          timings.dns,
          timings.connect,
          timings.send,
          timings.wait,
          timings.receive,
        ];
        return Math.abs(time - parts.filter((part) => part > 0).reduce((sum, part) => sum + part, 0)) < 1e-6;
      }, "time is not the sum of its parts"),
      v.check(
        (entry) => Object.keys(entry).every((key) => key.startsWith("_") || !/^(flow|program)/.test(key)),
        "a name of its own",
      ),
    )),
  }),
});

function archive(path: string) {
  return v.parse(harSchema, JSON.parse(Deno.readTextFileSync(path))).log;
}

/** One that never rotates, nor has anything to warn of. */
function harWriter(path: string): HarWriter {
  return new HarWriter({ path, rotation: {}, version: "0", showsSecrets: false, warn: assert.fail });
}

Deno.test("an archive is whole and valid after every batch, with bodies decoded", () =>
  withTempDir((folder) => {
    const path = `${folder}/x.har`;
    const writer = harWriter(path);
    assert.deepEqual(archive(path).entries, []);
    const { entries } = harness();
    writer.begin(TIME_BASE_NS);
    let exchanges = 0;
    for (const entry of entries) {
      writer.take(entry);
      writer.flush();
      if (entry.kind === "exchange") exchanges++;
      assert.equal(archive(path).entries.length, exchanges);
    }
    writer.missed(2);
    writer.close();
    const log = archive(path);
    const [post, image, cut] = log.entries;
    assert.equal(post.request.url, "https://shop.example:8443/a?x=1&token=‹hidden›");
    assert.equal(post.request.postData?.text, "abc");
    assert.equal(post.response.content.text, '{"id":1}');
    assert.equal(post.response.content.size, 8);
    assert.equal(post.response.bodySize, 28);
    assert.equal(image.response.content.encoding, "base64");
    assert.equal(image.response.content.text, "iVD/");
    assert.equal(cut.response.status, 0);
    assert.equal(cut.comment, "cut: closed");
    assert.match(log.comment!, /^2 exchanges are missing/);
    assert.doesNotMatch(Deno.readTextFileSync(path), /s3cret/);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  }));

/** One answer with this body, gzip. */
function answered(body: Uint8Array): ViewHarness {
  const [coding, encode] = ENCODINGS.gzip;
  const view = new ViewHarness({ bodyBytes: 100_000 });
  view.open(1);
  view.send(1, 0, message(["GET / HTTP/1.1", "Host: shop.example"]));
  view.send(1, 1, message(["HTTP/1.1 200 OK", `Content-Encoding: ${coding}`], encode(body)));
  view.close(1);
  view.view.flush();
  return view;
}

Deno.test("an archive grows in proportion to what peers send, however small they can make it", () =>
  withTempDir((folder) => {
    const letters = { zeros: 0, quotes: 0x22 };
    for (const [name, letter] of Object.entries(letters)) {
      const path = `${folder}/${name}.har`;
      const writer = harWriter(path);
      const view = answered(new Uint8Array(4 * 1024 * 1024).fill(letter));
      give(writer, view);
      writer.close();
      const [{ response }] = archive(path).entries;
      assert.match(response.content.comment!, /^more than \d+ times as much when decoded$/);
      assert.ok(Deno.statSync(path).size < 512 * 1024, `${name}: ${Deno.statSync(path).size} bytes`);
    }
  }));

Deno.test("what a batch brings is written as it comes, and not all at once in memory", () =>
  withTempDir((folder) => {
    const path = `${folder}/x.har`;
    const writer = harWriter(path);
    const { entries } = answered(new Uint8Array(60_000).fill(0x61));
    writer.begin(TIME_BASE_NS);
    for (let turn = 0; turn < 40; turn++) for (const entry of entries) writer.take(entry);
    const written = archive(path).entries.length;
    assert.ok(written > 0 && written <= 40, `${written} are there before the batch ends`);
    writer.close();
    assert.equal(archive(path).entries.length, 40);
  }));

Deno.test("archives and events rotate as captures do", () =>
  withTempDir((folder) => {
    const options = { version: "0", showsSecrets: false, warn: assert.fail };
    const rotation = { rotateBytes: 4096, keep: 3 };
    const writer = new HarWriter({ path: `${folder}/x.har`, rotation, ...options });
    for (let turn = 0; turn < 20; turn++) give(writer, harness());
    writer.close();
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.equal(files.length, 3);
    for (const name of files) {
      assert.match(name, /^x_\d{5}_\d{14}\.har$/);
      assert.ok(archive(`${folder}/${name}`).entries.length > 0);
      assert.ok(Deno.statSync(`${folder}/${name}`).size <= 4096);
    }
  }));

Deno.test("events go on where another program has moved, removed or cut their file", () =>
  withTempDir(async (folder) => {
    const path = `${folder}/eve.json`;
    const lines = new FileLines(path, {}, assert.fail);
    const text = () => Deno.readTextFileSync(path);
    lines.write("1\n2\n", 2);
    Deno.renameSync(path, `${folder}/eve.json.1`);
    lines.write("3\n", 1);
    assert.equal(text(), "3\n");
    assert.equal(Deno.readTextFileSync(`${folder}/eve.json.1`), "1\n2\n");
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    Deno.truncateSync(path);
    lines.write("4\n", 1);
    assert.equal(text(), "4\n");
    Deno.removeSync(path);
    lines.write("5\n", 1);
    assert.equal(text(), "5\n");
    await lines.close();
    assert.equal(lines.dropped, 0);
  }));

Deno.test("an archive is begun anew where another program has moved or cut its file", () =>
  withTempDir((folder) => {
    const path = `${folder}/x.har`;
    const writer = harWriter(path);
    give(writer, harness());
    assert.equal(archive(path).entries.length, 3);
    Deno.renameSync(path, `${folder}/old.har`);
    give(writer, harness());
    assert.equal(archive(path).entries.length, 3);
    assert.equal(archive(`${folder}/old.har`).entries.length, 3);
    Deno.truncateSync(path, 1000);
    give(writer, harness());
    assert.equal(archive(path).entries.length, 3);
    Deno.renameSync(path, `${folder}/older.har`);
    writer.missed(2);
    writer.close();
    assert.equal(archive(`${folder}/older.har`).entries.length, 3);
    assert.deepEqual(archive(path).entries, [], "a whole one, which has what was missed");
  }));

Deno.test({
  name: "on a full disk, an archive stays whole and events end with a whole line",
  ...skipIf(mountMissing()),
  fn: () =>
    withTempDir(async (folder) => {
      await runOk("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder);
      try {
        const warnings: string[] = [];
        const warn = (message: string) => warnings.push(message);
        const path = `${folder}/x.har`;
        const writer = new HarWriter({ path, rotation: {}, version: "0", showsSecrets: false, warn });
        while (warnings.length === 0) give(writer, harness());
        writer.close();
        assert.ok(archive(path).entries.length >= 3);
        Deno.removeSync(path);
        const lines = new FileLines(`${folder}/eve.json`, {}, warn);
        while (lines.dropped === 0) lines.write(`${"x".repeat(999)}\n`.repeat(10), 10);
        await lines.close();
        assert.equal(lines.dropped, 10);
        const text = Deno.readTextFileSync(`${folder}/eve.json`);
        assert.equal(text.length % 10_000, 0);
        assert.deepEqual(warnings.map((warning) => warning.replace(/^\S+: /, "")), [
          "writing stopped: No space left on device",
          "writing stopped: No space left on device",
        ]);
      } finally {
        await runOk("umount", folder);
      }
    }),
});

Deno.test("a file that cannot be written any more drops lines, counts them and says so once", async () => {
  const warnings: string[] = [];
  const lines = new FileLines("/dev/full", {}, (message) => warnings.push(message));
  lines.write("a\nb\n", 2);
  lines.write("c\n", 1);
  await lines.close();
  assert.equal(lines.dropped, 3);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /^\/dev\/full: writing stopped: /);
});

Deno.test("lines go to whoever listens on a Unix socket; without anybody they are counted", () =>
  withTempDir(async (folder) => {
    const warnings: string[] = [];
    const alone = new SocketLines(`${folder}/none`, (message) => warnings.push(message));
    alone.write("x\n", 1);
    await until("the warning", () => warnings.length > 0);
    assert.equal(alone.dropped, 1);
    await alone.close();
    using listener = Deno.listen({ transport: "unix", path: `${folder}/socket` });
    const lines = new SocketLines(`${folder}/socket`, assert.fail);
    using connection = await listener.accept();
    await until("the connection", () => lines.isConnected);
    lines.write("hello\n", 1);
    const bytes = new Uint8Array(100);
    const length = await connection.read(bytes);
    assert.equal(new TextDecoder().decode(bytes.subarray(0, length!)), "hello\n");
    await lines.close();
    assert.equal(lines.dropped, 0);
  }));
