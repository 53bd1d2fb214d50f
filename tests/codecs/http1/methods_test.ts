// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isRegisteredMethod } from "../../../codecs/http1/methods.ts";
import { bytesOf } from "../../support/http2_frames.ts";

const isRegistered = (text: string) => {
  const bytes = bytesOf(`>${text}<`);
  return isRegisteredMethod(bytes, 1, 1 + text.length);
};

Deno.test("registered methods, in capitals and whole, up to the longest", () => {
  for (const method of ["GET", "ACL", "VERSION-CONTROL", "UPDATEREDIRECTREF"]) {
    assert.ok(isRegistered(method), method);
  }
});

Deno.test("words of other protocols, other letters, parts and more are none", () => {
  for (
    const word of [
      "",
      "get",
      "GE",
      "GETS",
      "PRI",
      "*",
      "EHLO",
      "RFB",
      "SSH-2.0-x",
      "GET ",
      "UPDATEREDIRECTREFX",
    ]
  ) {
    assert.ok(!isRegistered(word), word);
  }
});
