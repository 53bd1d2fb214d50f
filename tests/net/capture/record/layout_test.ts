// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as record from "../../../../net/capture/record/layout.ts";
import { encodeHello, encodeOpen, openFlags } from "../../../../net/capture/recording/record_writer.ts";
import { checkAgainstHeader, layoutExpressions } from "../../../support/c_layout.ts";
import { OPEN_EXAMPLE } from "../../../support/capture_examples.ts";

Deno.test("offsets, sizes and constants are those of record.h", async () => {
  const structs = {
    sslc_greeting: record.GREETING,
    sslc_slot: record.SLOT,
    sslc_address: record.ADDRESS,
    sslc_open: record.OPEN,
    sslc_hello: record.HELLO,
    sslc_region: record.REGION,
    sslc_ring: record.RING,
  };
  const expressions = layoutExpressions(structs);
  const { WORD, FLAG, KIND } = record;
  expressions.push(
    ["SSLC_MAGIC", record.MAGIC],
    ["SSLC_ABI", record.ABI],
    ["SSLC_PAGE", record.PAGE],
    ["SSLC_UNIT", record.UNIT],
    ["SSLC_RETIRED", record.RETIRED.forGood],
    ["SSLC_RETIRED_AGAIN", record.RETIRED.again],
    ["SSLC_UNWANTED", record.RETIRED.unwanted],
    ["SSLC_WORD_SLOT_SHIFT", WORD.slotShift],
    ["SSLC_WORD_SLOT_BITS", WORD.slotBits],
    ["SSLC_WORD_DATA_SHIFT", WORD.dataShift],
    ["SSLC_WORD_DATA_BITS", WORD.dataBits],
    ["SSLC_WORD_FRESH_SHIFT", WORD.freshShift],
    ["SSLC_SLOTS_MAX", record.SLOTS_MAX],
    ["SSLC_DATA_MAX", record.DATA_MAX],
    ["SSLC_DATA_MIN", record.DATA_MIN],
    ["SSLC_RINGS_MAX", record.RINGS_MAX],
    ["SSLC_FIRST_DATA", record.FIRST_DATA],
    ["SSLC_UNSERVED_DATA", record.UNSERVED_DATA],
    ["SSLC_OWNER_UNKNOWN", record.OWNER_UNKNOWN],
    ["SSLC_OPEN", KIND.open],
    ["SSLC_HELLO", KIND.hello],
    ["SSLC_DATA", KIND.data],
    ["SSLC_GAP", KIND.gap],
    ["SSLC_CLOSE", KIND.close],
    ["SSLC_SKIP", KIND.skip],
    ["SSLC_UPDATE", FLAG.update],
    ["SSLC_INHERITED", FLAG.inherited],
    ["SSLC_LATE", FLAG.late],
    ["SSLC_ORDERLY", FLAG.orderly],
    ["SSLC_ALERT_SENT", FLAG.alertSent],
    ["SSLC_NEVER_USER", FLAG.neverUser],
    ["SSLC_AGAIN", FLAG.again],
    ["SSLC_HELLO_GONE", FLAG.helloGone],
    ["SSLC_FAMILY_UNIX", record.FAMILY_UNIX],
    ["SSLC_GRADE_NONE", record.GRADES.indexOf("none")],
    ["SSLC_GRADE_SOCKET", record.GRADES.indexOf("socket")],
    ["SSLC_GRADE_NESTED", record.GRADES.indexOf("nested")],
    ["SSLC_GRADE_HELLO", record.GRADES.indexOf("hello")],
  );
  await checkAgainstHeader("hook/record.h", expressions);
});

Deno.test("an open is read as it was written, with every kind of address", () => {
  const ip6 = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  const six = { grade: "socket", localIp: ip6, localPort: 65_535, remoteIp: ip6, remotePort: 1 } as const;
  for (const address of [OPEN_EXAMPLE.address, six, undefined]) {
    for (const clientRandom of [OPEN_EXAMPLE.clientRandom, ""]) {
      const { uid: _, ...claimed } = { ...OPEN_EXAMPLE, address, clientRandom };
      const open = { ...claimed, uid: 0 };
      const [toServer, toClient] = open.offsets;
      assert.deepEqual(record.parseOpen(encodeOpen(open), openFlags(open), toServer, toClient), claimed);
    }
  }
});

Deno.test("an open and a hello over a Unix socket are read as they were written", () => {
  const { uid: _, ...claimed } = { ...OPEN_EXAMPLE, address: undefined, overUnixSocket: true };
  const [toServer, toClient] = claimed.offsets;
  const open = { ...claimed, uid: 0 };
  assert.deepEqual(record.parseOpen(encodeOpen(open), openFlags(open), toServer, toClient), claimed);
  const { clientRandom } = OPEN_EXAMPLE;
  const hello = { address: undefined, overUnixSocket: true, clientRandom, received: true, carrier: 0 };
  assert.deepEqual(record.parseHello(encodeHello(hello)), hello);
});

Deno.test("an open that is cut or lies about its lengths is refused", () => {
  const bytes = encodeOpen(OPEN_EXAMPLE);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => record.parseOpen(bytes.subarray(0, length), 0, 0, 0),
      record.RecordError,
      `${length}`,
    );
  }
  for (const [at, value] of [[record.OPEN.sniLength, 255], [0, 5], [1, 4]]) {
    const wrong = bytes.slice();
    wrong[at] = value;
    assert.throws(() => record.parseOpen(wrong, 0, 0, 0), record.RecordError);
  }
});

Deno.test("names are printable whatever the program wrote", () => {
  const bytes = encodeOpen(OPEN_EXAMPLE);
  bytes[record.OPEN.size] = 0x1b;
  bytes[record.OPEN.comm] = 0xff;
  const open = record.parseOpen(bytes, 0, 0, 0);
  assert.equal(open.alpn, "?2");
  assert.equal(open.comm, "?ginx");
});

Deno.test("a hello is read as it was written", () => {
  const { address, clientRandom } = OPEN_EXAMPLE;
  for (const received of [true, false]) {
    const hello = { address, clientRandom, received, carrier: 2 ** 52 - 1 };
    assert.deepEqual(record.parseHello(encodeHello(hello)), hello);
  }
  const bytes = encodeHello({ address: undefined, clientRandom, received: true, carrier: 0 });
  bytes[record.HELLO.carrier + 7] = 1;
  assert.throws(() => record.parseHello(bytes), record.RecordError);
  assert.throws(() => record.parseHello(bytes.subarray(0, 87)), record.RecordError);
});

Deno.test("64-bit numbers are exact below 2^52 and refused from there on", () => {
  assert.equal(record.numberOf(-1, 0xfffff), 2 ** 52 - 1);
  assert.equal(record.numberOf(0, 0x100000), NaN);
  assert.equal(record.numberOf(-1, -1), NaN);
  assert.equal(record.counterOf(-1, -1), 0);
  assert.equal(record.counterOf(7, 1), 2 ** 32 + 7);
});

Deno.test("a region's name holds the FNV-1a hash of the runtime directory's", () => {
  // From the authors' test vectors.
  assert.equal(record.rendezvousOf(""), 0xcbf29ce484222325n);
  assert.equal(record.rendezvousOf("foobar"), 0x85944171f73967e8n);
  assert.equal(record.regionName(0xabcn), "sslcollector:3:0000000000000abc");
});
