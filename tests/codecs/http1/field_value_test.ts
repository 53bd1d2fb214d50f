// SPDX-License-Identifier: MIT
import { FieldList } from "../../../codecs/http/field_list.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodableBasic,
  LENGTH_INVALID,
  parseContentLength,
  sameValue,
} from "../../../codecs/http1/field_value.ts";
import { addFields } from "../../support/field_list.ts";
import { bytesOf } from "../../support/http2_frames.ts";

const lengthOf = (text: string) => parseContentLength(bytesOf(`9${text}9`), 1, 1 + text.length);

Deno.test("a content-length is 1 to 15 digits, and means their number", () => {
  assert.equal(lengthOf("0"), 0);
  assert.equal(lengthOf("007"), 7);
  assert.equal(lengthOf("999999999999999"), 999_999_999_999_999);
  fc.assert(fc.property(fc.stringMatching(/^[0-9]{1,15}$/), (digits) => {
    assert.equal(lengthOf(digits), Number(digits));
  }));
});

Deno.test("anything else is no content-length", () => {
  for (const text of ["", " 1", "1 ", "+1", "-1", "0x1", "1,1", "1.0", "1e3", "\xb2", "1234567890123456"]) {
    assert.equal(lengthOf(text), LENGTH_INVALID, text);
  }
});

Deno.test("host names are one value whatever the case of their letters", () => {
  const same = (a: string, b: string) => sameValue(addFields(new FieldList(), [["host", a], ["x", b]]), 0, 1);
  assert.ok(same("Example.TEST:443", "example.test:443"));
  assert.ok(same("", ""));
  for (const other of ["example.test", "example.test:44", "example.test:4433", "example\x0etest:443"]) {
    assert.ok(!same("example.test:443", other), other);
  }
  // @ and ` differ by the bit that makes a capital a small letter.
  assert.ok(!same("@", "`"));
});

const isDecodable = (text: string) => decodableBasic(bytesOf(`=${text}=`), 1, 1 + text.length);

Deno.test("Basic credentials that every parser decodes, and schemes that are not Basic", () => {
  for (
    const value of [
      "Basic YQ==",
      "bAsIc YWI=",
      "Basic YWJj",
      " \tBasic YWJj",
      "Bearer x",
      "Basi",
      "",
      "Digest =\xff",
    ]
  ) {
    assert.ok(isDecodable(value), JSON.stringify(value));
  }
});

Deno.test("Basic credentials at which Suricata gives a connection up", () => {
  for (
    const value of [
      "Basic",
      "Basic ",
      "Basic  YWJj",
      "Basic\tYWJj",
      "BasicX YWJj",
      "Basic YWJ",
      "Basic YW-_",
      "Basic YQ=",
      "Basic ====",
      "Basic YWJj ",
      "Basic Y=Jj",
    ]
  ) {
    assert.ok(!isDecodable(value), JSON.stringify(value));
  }
});

Deno.test("whatever btoa() encodes is decodable", () => {
  fc.assert(fc.property(fc.string({ unit: "binary-ascii", minLength: 1 }), (text) => {
    assert.ok(isDecodable(`Basic ${btoa(text)}`));
  }));
});
