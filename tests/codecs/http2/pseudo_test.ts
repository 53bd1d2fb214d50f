// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hasPseudo, readRequestHead, readResponseHead } from "../../../codecs/http2/pseudo.ts";
import { unreadRequest, unreadResponse } from "../../support/field_list.ts";
import { fieldsOf } from "../../support/hpack_stories.ts";
import { type Fields, request, response } from "../../support/http2_frames.ts";

const LOST: Fields[number] = ["x-lost", ""];

/** The list is read with a lost field in the place of each {@linkcode LOST}. */
function lists<Head extends { fields: { addLost(): void } }>(
  fields: Fields,
  make: (fields: Fields) => Head,
): Head {
  const at = fields.indexOf(LOST);
  const head = make(at < 0 ? fields : fields.slice(0, at));
  if (at >= 0) head.fields.addLost();
  return head;
}
function readRequest(fields: Fields) {
  const head = lists(fields, unreadRequest);
  return { fault: readRequestHead(head), head };
}
const requestFault = (fields: Fields) => readRequest(fields).fault;
function readResponse(fields: Fields) {
  const head = lists(fields, unreadResponse);
  return { fault: readResponseHead(head), head };
}

const [METHOD, SCHEME, AUTHORITY, PATH] = request("GET", "/");
const PROTOCOL: Fields[number] = [":protocol", "websocket"];
const CONNECT: Fields[number] = [":method", "CONNECT"];

Deno.test("a request's head says where its fields are", () => {
  const { head, fault } = readRequest([METHOD, SCHEME, AUTHORITY, PATH, ["a", "b"]]);
  assert.equal(fault, undefined);
  assert.deepEqual([head.method, head.authority, head.target, head.protocol, head.firstRegular], [
    0,
    2,
    3,
    -1,
    4,
  ]);
  assert.deepEqual(head.faults, []);
});

Deno.test("a field that means something must be there once", () => {
  for (const missing of [METHOD, PATH]) {
    const fields = [METHOD, SCHEME, AUTHORITY, PATH].filter((field) => field !== missing);
    assert.equal(requestFault(fields), "missing-pseudo-header", missing[0]);
  }
  assert.equal(requestFault([[":method", ""], SCHEME, PATH]), "missing-pseudo-header");
  for (const twice of [METHOD, AUTHORITY, PATH]) {
    assert.equal(requestFault([METHOD, SCHEME, AUTHORITY, PATH, twice]), "duplicate-pseudo-header", twice[0]);
  }
  assert.equal(requestFault([CONNECT, PROTOCOL, PROTOCOL, SCHEME, PATH]), "duplicate-pseudo-header");
  assert.equal(requestFault([METHOD, SCHEME, PATH, [":status", "200"]]), "unknown-pseudo-header");
  assert.equal(requestFault([METHOD, SCHEME, PATH, [":foo", ""]]), "unknown-pseudo-header");
});

Deno.test("CONNECT has an authority, and a path only with a protocol", () => {
  assert.equal(requestFault([CONNECT, AUTHORITY]), undefined);
  assert.equal(requestFault([CONNECT]), "missing-pseudo-header");
  assert.equal(requestFault([CONNECT, AUTHORITY, PATH]), "connect-pseudo-header");
  assert.equal(requestFault([CONNECT, AUTHORITY, SCHEME]), "connect-pseudo-header");
  assert.equal(requestFault([CONNECT, PROTOCOL, SCHEME, PATH, AUTHORITY]), undefined);
  assert.equal(requestFault([CONNECT, PROTOCOL, SCHEME, AUTHORITY]), "missing-pseudo-header");
});

Deno.test("what is malformed but unambiguous, and some peer takes, is named", () => {
  const faults = (fields: Fields) => {
    const { head, fault } = readRequest(fields);
    assert.equal(fault, undefined);
    return head.faults;
  };
  assert.deepEqual(faults([METHOD, AUTHORITY, PATH]), ["scheme"]);
  assert.deepEqual(faults([METHOD, SCHEME, SCHEME, PATH]), ["scheme"]);
  assert.deepEqual(faults([METHOD, SCHEME, PATH, PROTOCOL]), ["protocol"]);
  assert.deepEqual(faults([CONNECT, AUTHORITY, [":protocol", ""], SCHEME, PATH]), ["protocol"]);
});

Deno.test("fields in the wrong order are put in the right one, each part in its own", () => {
  const { head, fault } = readRequest([["b", "1"], METHOD, ["a", "2"], SCHEME, PATH, ["c", "3"]]);
  assert.equal(fault, undefined);
  assert.deepEqual(head.faults, ["pseudo-header-order"]);
  assert.deepEqual(fieldsOf(head.fields).map(([name]) => name), [
    ":method",
    ":scheme",
    ":path",
    "b",
    "a",
    "c",
  ]);
  assert.deepEqual([head.method, head.target, head.firstRegular], [0, 2, 3]);
});

Deno.test("a list that lost fields may lack any pseudo-header field, unless regular ones came before", () => {
  assert.equal(requestFault([METHOD, LOST]), undefined);
  assert.equal(requestFault([METHOD, ["a", "b"], LOST]), "missing-pseudo-header");
  const { head, fault } = readResponse([LOST]);
  assert.deepEqual([fault, head.status], [undefined, 0]);
  const cut = unreadRequest([METHOD, ["a", "b"]]);
  cut.fields.isCut = true;
  assert.equal(readRequestHead(cut), undefined);
});

Deno.test("a response's status is three digits, the first not 0; another is told as none", () => {
  const status = (value: string) => readResponse([[":status", value]]).head;
  for (const value of ["100", "204", "999"]) {
    assert.deepEqual([status(value).status, status(value).faults], [Number(value), []]);
  }
  for (const value of ["", "20", "2000", "099", "2x0", "abc", " 20", "+20"]) {
    assert.deepEqual([status(value).status, status(value).faults], [0, ["status"]], value);
  }
});

Deno.test("a response has one status, and pseudo-header fields of others are passed over", () => {
  assert.equal(readResponse([["a", "b"]]).fault, "missing-pseudo-header");
  assert.equal(readResponse([[":status", "200"], [":status", "200"]]).fault, "duplicate-pseudo-header");
  const { head, fault } = readResponse([...response(200), PATH, METHOD, ["a", "b"]]);
  assert.deepEqual([fault, head.status, head.firstRegular], [undefined, 200, 3]);
  assert.deepEqual(head.faults, ["foreign-pseudo-header"]);
});

Deno.test("a head is told from trailers by its pseudo-header fields, wherever they stand", () => {
  assert.ok(hasPseudo(unreadRequest([["a", "b"], METHOD]).fields));
  assert.ok(hasPseudo(unreadRequest([[":foo", ""]]).fields));
  assert.ok(!hasPseudo(unreadRequest([["a", "b"], ["method", ""]]).fields));
  assert.ok(!hasPseudo(unreadRequest([]).fields));
});
