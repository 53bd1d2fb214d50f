// SPDX-License-Identifier: MIT
import { FieldList } from "../../../../codecs/http/field_list.ts";
import assert from "node:assert/strict";
import { HpackDecoder } from "../../../../codecs/http2/hpack/decoder.ts";
import { FrameReader, type FrameSink } from "../../../../codecs/http2/frame_reader.ts";
import { fieldsOf, finalStories, newNpmHpack } from "../../../support/hpack_stories.ts";
import { frame, headers, hpackInteger, join, literal } from "../../../support/http2_frames.ts";
import { hpackTarget } from "../../../fuzz/http2_targets.ts";
import { hex, withSeed } from "../../../support/random.ts";

const list = new FieldList();
const decode = (decoder: HpackDecoder, block: Uint8Array) => {
  assert.equal(decoder.decode(block, 0, block.length, list), undefined);
  return fieldsOf(list);
};
const decodeAll = (blocks: readonly string[], decoder = new HpackDecoder()) =>
  blocks.map((block) => decode(decoder, hex(block)).map((field) => field.join(": ")));

const REQUESTS = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
  [
    ":method: GET",
    ":scheme: https",
    ":path: /index.html",
    ":authority: www.example.com",
    "custom-key: custom-value",
  ],
];
const RESPONSES = [
  [
    ":status: 302",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:21 GMT",
    "location: https://www.example.com",
  ],
  [
    ":status: 307",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:21 GMT",
    "location: https://www.example.com",
  ],
  [
    ":status: 200",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:22 GMT",
    "location: https://www.example.com",
    "content-encoding: gzip",
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  ],
];

Deno.test("RFC 7541, appendix C.2: single fields", () => {
  assert.deepEqual(decodeAll(["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"]), [
    ["custom-key: custom-header"],
  ]);
  assert.deepEqual(decodeAll(["040c 2f73 616d 706c 652f 7061 7468"]), [[":path: /sample/path"]]);
  assert.deepEqual(decodeAll(["1008 7061 7373 776f 7264 0673 6563 7265 74"]), [["password: secret"]]);
  assert.deepEqual(decodeAll(["82"]), [[":method: GET"]]);
});

Deno.test("RFC 7541, appendix C.3 and C.4: requests, without and with Huffman", () => {
  const plain = decodeAll([
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
  ]);
  const huffman = decodeAll([
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
  ]);
  assert.deepEqual(plain, REQUESTS);
  assert.deepEqual(huffman, REQUESTS);
});

/** Two fields of the sections' table are 256 bytes: C.5 and C.6 begin with a table of that size. */
function smallTable(): HpackDecoder {
  const decoder = new HpackDecoder();
  decode(decoder, Uint8Array.from(hpackInteger(256, 5, 0x20)));
  return decoder;
}

Deno.test("RFC 7541, appendix C.5 and C.6: responses with evictions, without and with Huffman", () => {
  const plain = smallTable();
  assert.deepEqual(
    decodeAll([
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d " +
      "546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "4803 3330 37c1 c0bf",
      "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f " +
      "6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b " +
      "2076 6572 7369 6f6e 3d31",
    ], plain),
    RESPONSES,
  );
  // The table's size as the RFC gives it for each.
  assert.equal(plain.table.sizeBytes, 215);
  const huffman = smallTable();
  assert.deepEqual(
    decodeAll([
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 " +
      "8f0b 97c8 e9ae 82ae 43d3",
      "4883 640e ffc1 c0bf",
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 " +
      "dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ], huffman),
    RESPONSES,
  );
  assert.equal(huffman.table.sizeBytes, 215);
});

Deno.test("every final story of http2jp", () => {
  const stories = finalStories();
  assert.equal(stories.length, 350);
  for (const { name, cases } of stories) {
    const decoder = new HpackDecoder();
    cases.forEach(({ wire, fields, tableSize }, i) => {
      if (tableSize !== undefined) decoder.allowTableSize(tableSize);
      assert.deepEqual(decode(decoder, wire), fields, `${name}, case ${i}`);
    });
  }
});

Deno.test("every final story, each block in a frame that comes one byte at a time", () => {
  for (const { name, cases } of finalStories()) {
    const decoder = new HpackDecoder();
    const decoded: (readonly [string, string])[][] = [];
    const sink: FrameSink = {
      isSure: true,
      frame: () => undefined,
      payload(_header, bytes, start, end) {
        const error = decoder.decode(bytes, start, end, list);
        decoded.push(fieldsOf(list));
        return error;
      },
      payloadLost: () => assert.fail("payload lost"),
      data: () => assert.fail("data"),
      badPadding: () => assert.fail("padding"),
      dataGap: () => assert.fail("gap"),
      dataEnd: () => assert.fail("data"),
      syncLost: () => assert.fail("sync lost"),
      isExpected: () => true,
      synced: () => assert.fail("synced"),
      unreadable: (reason) => assert.fail(reason),
    };
    const reader = new FrameReader(1, sink, false, 256 * 1024);
    for (const { wire, tableSize } of cases) {
      if (tableSize !== undefined) decoder.allowTableSize(tableSize);
      const bytes = headers(1, wire);
      for (let at = 0; at < bytes.length; at++) reader.data(bytes.subarray(at, at + 1));
    }
    assert.deepEqual(decoded, cases.map(({ fields }) => fields), name);
  }
});

Deno.test("100,000 random lists encoded by npm hpack", () =>
  withSeed((random) => {
    const names = [
      ":path",
      "cookie",
      "x-a",
      "accept",
      "content-length",
      "set-cookie",
      "x-" + "long".repeat(20),
    ];
    const text = (length: number) =>
      Array.from({ length }, () =>
        String.fromCharCode(random.below(8) === 0 ? random.below(128) : 97 + random.below(6)))
        .join("");
    let encoder = newNpmHpack(), decoder = new HpackDecoder();
    for (let lists = 0; lists < 100_000; lists++) {
      if (lists % 500 === 0) {
        encoder = newNpmHpack();
        decoder = new HpackDecoder();
        encoder.useHuffman(random.below(2));
      }
      if (random.below(50) === 0) {
        encoder.setTableSize(random.below(4097));
      }
      const fields = Array.from({ length: random.below(5) }, () =>
        [
          random.below(4) === 0 ? text(1 + random.below(12)) : names[random.below(names.length)],
          text(random.below(random.below(20) === 0 ? 300 : 10)),
        ] as const);
      const block = encoder.encode(fields);
      const error = decoder.decode(block, 0, block.length, list);
      assert.equal(error, undefined);
      assert.equal(list.count, fields.length);
      fields.forEach(([name, value], i) => {
        const written = name + value;
        for (let k = 0, at = list.nameStart[i]; k < written.length; k++, at++) {
          if (list.bytes[at] !== written.charCodeAt(k)) {
            assert.deepEqual(fieldsOf(list), fields);
          }
        }
        assert.equal(list.valueStart[i] - list.nameStart[i], name.length);
        assert.equal(list.valueEnd[i] - list.valueStart[i], value.length);
      });
    }
  }));

Deno.test("100,000 mutated blocks: a list or an error, within the bounds", () =>
  withSeed((random) => {
    const errors = new Map<string, number>();
    hpackTarget(random, 100_000, errors);
    assert.deepEqual([...errors.keys()].sort(), [
      "hpack-huffman",
      "hpack-index",
      "hpack-integer",
      "hpack-table-size",
      "hpack-truncated",
    ]);
  }));

Deno.test("each way a block can be wrong", () => {
  const errorOf = (block: Uint8Array) => new HpackDecoder().decode(block, 0, block.length, list);
  assert.equal(errorOf(hex("80")), "hpack-index");
  assert.equal(errorOf(hex("be")), "hpack-index");
  assert.equal(errorOf(hex("7f 40 00")), "hpack-index");
  assert.equal(errorOf(hex("ff")), "hpack-truncated");
  assert.equal(errorOf(hex("00 03 61 62")), "hpack-truncated");
  assert.equal(errorOf(hex("00 01 61")), "hpack-truncated");
  // 2^28 fits; 2^29 and, modulo 2^32, -2^31 mean nothing.
  assert.equal(errorOf(hex("ff 80 80 80 80 01")), "hpack-index");
  assert.equal(errorOf(hex("ff 80 80 80 80 02")), "hpack-integer");
  assert.equal(errorOf(hex("ff 80 80 80 80 08")), "hpack-integer");
  assert.equal(errorOf(hex("ff 80 80 80 80 80")), "hpack-truncated");
  assert.equal(errorOf(hex("00 7f ff ff ff ff 0f")), "hpack-truncated");
  // Padding of zeros, EOS.
  assert.equal(errorOf(hex("00 81 18 00")), "hpack-huffman");
  assert.equal(errorOf(hex("00 84 ff ff ff ff 00")), "hpack-huffman");
  // A size above what was allowed.
  assert.equal(errorOf(hex("3f e2 1f")), "hpack-table-size");
  assert.equal(errorOf(hex("3f e1 1f 82")), undefined);
});

Deno.test("what some peers take although it is an error", () => {
  const taken = (block: string) => {
    const bytes = hex(block);
    const decoder = new HpackDecoder();
    assert.equal(decoder.decode(bytes, 0, bytes.length, list), undefined, block);
    const { tolerated } = decoder;
    assert.equal(decoder.decode(hex("82"), 0, 1, list), undefined);
    assert.equal(decoder.tolerated, undefined);
    return tolerated;
  };
  assert.equal(taken("82 20"), "hpack-table-size");
  assert.equal(taken("20 82"), undefined);
  // :authority of 127 and no more bytes, by an integer of 4 octets and of 12.
  const value = " 61".repeat(127);
  assert.equal(taken(`01 7f 80 80 80 00${value}`), undefined);
  assert.equal(taken(`01 7f 80 80 80 80 80 80 80 80 80 80 80 00${value}`), "hpack-integer");
  // Added modulo 2^32: what does not fit is left out.
  assert.equal(taken(`01 7f 80 80 80 80 70${value}`), "hpack-integer");
  // "a" padded with 3, 11 and 27 ones; nothing but ones.
  assert.equal(taken("01 81 1f"), undefined);
  assert.equal(taken("01 82 1f ff"), "hpack-huffman");
  assert.equal(taken("01 84 1f ff ff ff"), "hpack-huffman");
  assert.equal(taken("01 81 ff"), "hpack-huffman");
});

Deno.test("a table size is allowed from its acknowledgement on", () => {
  const decoder = new HpackDecoder();
  decoder.allowTableSize(8192);
  assert.equal(decode(decoder, Uint8Array.from(hpackInteger(8192, 5, 0x20))).length, 0);
  assert.equal(decoder.table.maxSizeBytes, 8192);
});

Deno.test("a bomb stops at the bound on references and leaves the table right", () => {
  const list = new FieldList();
  list.repeatLimitBytes = 64 * 1024;
  const decoder = new HpackDecoder();
  const bomb = join(
    literal("x", "y".repeat(4050), true),
    new Uint8Array(100_000).fill(0xbe),
    literal("z", "1", true),
  );
  assert.equal(decoder.decode(bomb, 0, bomb.length, list), undefined);
  // The literals, and of the references those that leave 16 KiB for others.
  const [first, ...others] = fieldsOf(list);
  assert.deepEqual([first[0], others.at(-1)], ["x", ["z", "1"]]);
  assert.deepEqual([others.length, list.elidedCount], [1 + 12, 100_000 - 12]);
  // The table holds what the peer's holds: z, and x no more, for both are larger than 4,096.
  assert.deepEqual(decode(decoder, hex("be")), [["z", "1"]]);
  assert.equal(decoder.decode(hex("bf"), 0, 1, list), "hpack-index");
});

Deno.test("beyond the bound the first reference to what decides is told, again in each block", () => {
  const decoder = new HpackDecoder();
  const fill = join(
    literal("cookie", "a=1", true),
    literal("x-plain", "1", true),
    literal("content-encoding", "gzip", true),
    literal("User-Agent", "agent", true),
  );
  decode(decoder, fill);
  const list = new FieldList();
  list.repeatLimitBytes = -1000;
  // GET, and each of the four twice; the numbers of the table run backwards.
  const again = hex("82c1c1c0c0bfbfbebe");
  for (let times = 0; times < 2; times++) {
    assert.equal(decoder.decode(again, 0, again.length, list), undefined);
    assert.deepEqual(fieldsOf(list), [
      [":method", "GET"],
      ["cookie", "a=1"],
      ["content-encoding", "gzip"],
      ["User-Agent", "agent"],
    ]);
    assert.equal(list.elidedCount, 5);
  }
  // In the block that put them in they are there already.
  const fresh = join(literal("cookie", "b=2", true), hex("be"));
  decoder.decode(fresh, 0, fresh.length, list);
  assert.deepEqual([fieldsOf(list), list.elidedCount], [[["cookie", "b=2"]], 1]);
});

Deno.test("beyond the bound a literal loses at most a long name, never its value, and the table nothing", () => {
  const decoder = new HpackDecoder();
  const name = "n".repeat(100);
  decode(decoder, literal(name, "", true));
  const list = new FieldList();
  list.repeatLimitBytes = 0;
  // Names of the table with literal values: not indexed, indexed, and a short one.
  const named = join(hex("0f2f"), hex("0161"), hex("7e"), hex("0162"), hex("44"), hex("022f63"));
  assert.equal(decoder.decode(named, 0, named.length, list), undefined);
  assert.deepEqual(fieldsOf(list), [
    ["x-sslcollector-unknown", "a"],
    ["x-sslcollector-unknown", "b"],
    [":path", "/c"],
  ]);
  assert.equal(list.elidedCount, 2);
  // It has the whole name: of "b", now the second.
  assert.deepEqual(decode(decoder, hex("bf")), [[name, "b"]]);
});

Deno.test("lists grow with what comes: a literal of 900 KB, and 200,000 fields", () => {
  const long = "v".repeat(900_000);
  assert.deepEqual(
    decode(new HpackDecoder(), join(literal("a", "1"), literal("x", long), literal("b", "2"))),
    [
      ["a", "1"],
      ["x", long],
      ["b", "2"],
    ],
  );
  const many = decode(new HpackDecoder(), new Uint8Array(400_000).fill(0x0f).map((_, i) => i % 2 ? 0 : 0x04));
  assert.equal(many.length, 200_000);
});

Deno.test("a table beyond the bound on memory reads as lost, never as another entry", () => {
  const decoder = new HpackDecoder(1000);
  decoder.allowTableSize(65536);
  decode(decoder, Uint8Array.from(hpackInteger(65536, 5, 0x20)));
  for (let i = 0; i < 100; i++) decode(decoder, literal("name", `value-${i}-`.padEnd(96, "x"), true));
  assert.equal(decode(decoder, hex("be"))[0][1].slice(0, 9), "value-99-");
  const old = join(Uint8Array.from(hpackInteger(61 + 50, 7, 0x80)));
  assert.deepEqual(decode(decoder, old), [["x-sslcollector-unknown", "?"]]);
  assert.equal(list.lostCount, 1);
  assert.ok(decoder.table.fields.bytes.length <= 1000 * 1.25 + 4);
});

Deno.test("after blocks were lost: placeholders, and the table is relearnt", () => {
  const decoder = new HpackDecoder();
  decode(decoder, literal("a", "1", true));
  decoder.forget();
  assert.deepEqual(decode(decoder, hex("be")), [["x-sslcollector-unknown", "?"]]);
  // A lost name with a value of its own.
  assert.deepEqual(decode(decoder, join(hex("7e"), hex("01 62"))), [["x-sslcollector-unknown", "b"]]);
  decode(decoder, literal("c", "2", true));
  assert.deepEqual(decode(decoder, hex("be 82")), [["c", "2"], [":method", "GET"]]);
  // An update to 0 empties the peers' table: from there on nothing is unknown.
  decode(decoder, hex("20 3f e1 1f"));
  assert.equal(decoder.decode(hex("be"), 0, 1, list), "hpack-index");
});

Deno.test("frame() of the test support tells the length it is given", () => {
  assert.deepEqual([...frame(1, 2, 3, Uint8Array.of(9), 70000)], [1, 0x11, 0x70, 1, 2, 0, 0, 0, 3, 9]);
});
