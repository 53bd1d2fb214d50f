// SPDX-License-Identifier: MIT
/** What is read into the exchange log later is what would have been read at once, and whoever asks sees all of it. */
import assert from "node:assert/strict";
import type { Codec } from "../../../codecs/codec.ts";
import type { Direction } from "../../../codecs/direction.ts";
import { http2to1 } from "../../../codecs/http2to1/codec.ts";
import { raw } from "../../../codecs/raw.ts";
import { clientStart, serverStart } from "../../support/http2_frames.ts";
import { LogReader } from "../../../net/view/log_reader.ts";
import type { Entry } from "../../../net/view/exchange.ts";
import { withSeed } from "../../support/random.ts";
import { byFlow, http2Piece, viewScript } from "../../support/view_script.ts";
import { ViewHarness } from "../../support/view_harness.ts";

const STEPS = 400;
/** Some 2 MiB, which is more than may wait. */
const MANY = 6000;
/** As much that nobody reads may wait twice as long. */
const UNFOLLOWED = { logBytes: 8 * 1024 * 1024, followers: { isEmpty: true, readAll: false } };
/** Of two blocks. */
const WAITING_FLOWS_MAX = 2 * 1024;
/** More than may wait, and less than the log has room for. */
const SLOW = 4000;
/** A flow that no other test uses. */
const FLOOD = 1000;
/** Several times what may wait unread. */
const PASSED_STEPS = 8000;
/** What has waited for so long is read. */
const LEISURE_MS = 60_000;

for (const codecs of [[raw], [http2to1(), raw]] as readonly Codec[][]) {
  Deno.test(`what is read later is what would have been read at once (${codecs[0].name})`, () =>
    withSeed((random) => {
      const options = { logBytes: 4 * 1024 * 1024, bodyBytes: 100 };
      const atOnce = new ViewHarness(options, codecs);
      const later = new ViewHarness(options, codecs, "later");
      for (const step of viewScript(random, STEPS)) {
        step(atOnce);
        step(later);
        if (random.oneIn(100)) later.read();
      }
      atOnce.read();
      later.read();
      assert.deepEqual([...later.failures, ...atOnce.failures], []);
      assert.ok(later.entries.length > STEPS / 2);
      assert.deepEqual(byFlow(later), byFlow(atOnce));
    }));
}

/** Small exchanges of a flow, with numbers; some 3,000 of them may wait. Answers how many bytes each direction had. */
function exchange(harness: ViewHarness, flow: number, from: number, end: number): [number, number] {
  const bytes: [number, number] = [0, 0];
  const send = (direction: Direction, text: string) => {
    harness.send(flow, direction, text);
    bytes[direction] += text.length;
  };
  for (let number = from; number < end; number++) {
    send(0, `GET /${number} HTTP/1.1\r\nHost: shop.test\r\nX-Long: ${"x".repeat(200)}\r\n\r\n`);
    send(1, "HTTP/1.1 204 No Content\r\n\r\n");
  }
  return bytes;
}

Deno.test("whoever asks sees all that came, however much has waited", () => {
  const harness = new ViewHarness({ logBytes: 16 * 1024 * 1024 }, [raw], "later");
  harness.open(1);
  exchange(harness, 1, 0, 1);
  assert.deepEqual(harness.lines(), ["GET /0 204 0"]);
  exchange(harness, 1, 1, MANY);
  assert.deepEqual(
    harness.lines(),
    Array.from({ length: MANY }, (_, number) => `GET /${number} 204 0`),
  );
});

/** Another flow fills what may wait some times over. */
function flood(harness: ViewHarness): void {
  harness.open(FLOOD);
  exchange(harness, FLOOD, 0, 2 * MANY);
}

const ofFlow = ({ entries }: ViewHarness, flow: number) => entries.filter((entry) => entry.flow.id === flow);

Deno.test("of what comes fast while nobody follows the newest is there, and the rest is counted", () => {
  const harness = new ViewHarness(UNFOLLOWED, [raw], "later");
  const page = new LogReader(harness.view.readable);
  harness.open(1);
  const bytes = exchange(harness, 1, 0, MANY);
  const lines = harness.lines();
  const oldest = MANY - lines.length;
  assert.ok(oldest > 0 && lines.length > MANY / 4, `${lines.length}`);
  assert.deepEqual(lines, lines.map((_, at) => `GET /${oldest + at} 204 0`));
  assert.deepEqual(harness.exchanges().slice(0, 2).map(({ remarks }) => remarks), [["resynced"], []]);
  page.update();
  page.take(MANY);
  assert.equal(page.missed, oldest);
  harness.close(1);
  harness.read();
  const ends = harness.entries.flatMap((entry) =>
    entry.kind === "flow end" ? [[entry.isHttp, entry.toServer, entry.toClient]] : []
  );
  assert.deepEqual(ends, [[true, ...bytes]]);
});

Deno.test("what comes slowly is read though nobody follows", () => {
  const harness = new ViewHarness(UNFOLLOWED, [raw], "later");
  harness.open(1);
  for (let from = 0; from < SLOW; from += 100) {
    exchange(harness, 1, from, from + 100);
    harness.wait(LEISURE_MS / 10);
  }
  assert.deepEqual(harness.lines(), Array.from({ length: SLOW }, (_, number) => `GET /${number} 204 0`));
});

Deno.test("from the look of one who follows on everything is read", () => {
  const followers = { isEmpty: true, readAll: false };
  const harness = new ViewHarness({ ...UNFOLLOWED, followers }, [raw], "later");
  harness.open(1);
  exchange(harness, 1, 0, MANY);
  followers.isEmpty = false;
  followers.readAll = true;
  harness.read();
  harness.entries.length = 0;
  for (let from = MANY; from < 3 * MANY; from += MANY / 2) {
    exchange(harness, 1, from, from + MANY / 2);
    harness.read();
  }
  assert.deepEqual(
    harness.lines(),
    Array.from({ length: 2 * MANY }, (_, number) => `GET /${MANY + number} 204 0`),
  );
});

Deno.test("an exchange of which a part is passed over says that it is not whole", () => {
  const harness = new ViewHarness(UNFOLLOWED, [raw], "later");
  harness.open(1);
  harness.send(1, 0, "GET /open HTTP/1.1\r\n\r\n");
  harness.read();
  harness.send(1, 1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  harness.send(1, 1, "0123456789");
  flood(harness);
  harness.send(1, 0, "GET /next HTTP/1.1\r\n\r\n");
  harness.send(1, 1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  harness.read();
  const lines = ofFlow(harness, 1).flatMap((entry) =>
    entry.kind === "exchange" ? [[entry.target, entry.status, entry.cut]] : []
  );
  assert.deepEqual(lines, [["/open", 0, "bound"], ["/next", 200, ""]]);
});

Deno.test("flows that are passed over from begin to end leave no rows", () => {
  const harness = new ViewHarness(UNFOLLOWED, [raw], "later");
  harness.open(1);
  exchange(harness, 1, 0, 2);
  harness.close(1);
  flood(harness);
  harness.read();
  assert.deepEqual(ofFlow(harness, 1), []);
});

Deno.test("of flows that say nothing no more wait than are some megabytes of objects", () => {
  const harness = new ViewHarness(UNFOLLOWED, [raw], "later");
  for (let flow = 1; flow <= MANY; flow++) {
    harness.open(flow);
    harness.close(flow);
  }
  harness.read();
  const flows = new Set(harness.entries.map((entry) => entry.flow.id));
  assert.ok(flows.has(MANY) && flows.size <= WAITING_FLOWS_MAX, `${flows.size}`);
});

Deno.test("what could not be understood later is not passed over: HTTP/2, tunnels, other protocols", () => {
  const harness = new ViewHarness(UNFOLLOWED, [raw], "later");
  harness.open(1, { alpn: "h2", offsets: [0, 0] });
  harness.send(1, 0, clientStart());
  harness.send(1, 1, serverStart());
  for (const [direction, bytes] of http2Piece(0)) harness.send(1, direction, bytes);
  harness.open(2);
  harness.send(2, 0, "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  harness.send(
    2,
    1,
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  );
  harness.send(2, 1, Uint8Array.of(0x81, 2, 0x68, 0x69));
  harness.open(3);
  harness.send(3, 0, "CONNECT shop.test:443 HTTP/1.1\r\n\r\n");
  harness.send(3, 1, "HTTP/1.1 200 OK\r\n\r\n");
  harness.send(3, 0, "tunnel");
  harness.open(4);
  harness.send(4, 1, "220 mail.test ESMTP\r\n");
  harness.send(4, 0, "EHLO x\r\n");
  flood(harness);
  for (const [direction, bytes] of http2Piece(1)) harness.send(1, direction, bytes);
  for (let flow = 1; flow <= 4; flow++) harness.close(flow);
  harness.read();
  const kinds = (flow: number) =>
    ofFlow(harness, flow).map((entry) =>
      entry.kind === "exchange"
        ? `${entry.method} ${entry.target} ${entry.status} ${entry.cut}`.trim()
        : entry.kind
    );
  assert.deepEqual(kinds(1), ["flow begin", "GET /0 200", "GET /1 200", "flow end"]);
  assert.deepEqual(kinds(2), ["flow begin", "message", "-  101", "flow end"]);
  assert.deepEqual(kinds(3), ["flow begin", "CONNECT shop.test:443 200", "flow end"]);
  assert.deepEqual(kinds(4), ["flow begin", "flow end"]);
});

Deno.test("nothing is told of flows that are passed over in parts but what they had", () =>
  withSeed((random) => {
    const followers = { isEmpty: true, readAll: false };
    const atOnce = new ViewHarness({ logBytes: 16 * 1024 * 1024 });
    const later = new ViewHarness({ ...UNFOLLOWED, followers }, [raw], "later");
    for (const step of viewScript(random, PASSED_STEPS)) {
      step(atOnce);
      step(later);
      if (random.oneIn(1000)) followers.readAll = !(followers.isEmpty = !followers.isEmpty);
      if (random.oneIn(500)) later.read();
    }
    atOnce.read();
    later.read();
    assert.deepEqual([...later.failures, ...atOnce.failures], []);
    const told = new Set([...byFlow(atOnce).values()].flat().map((entry) => JSON.stringify(entry)));
    const whole = [...byFlow(later).values()].flat().filter((entry) => isWhole(entry as Entry));
    assert.ok(whole.length > PASSED_STEPS / 4);
    for (const entry of whole) assert.ok(told.has(JSON.stringify(entry)), JSON.stringify(entry));
  }));

function isWhole(entry: Entry): boolean {
  return entry.kind !== "exchange" || entry.cut === "" && entry.remarks.length === 0;
}
