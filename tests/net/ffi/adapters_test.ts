// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { namesIn } from "../../../net/ffi/adapters.ts";

/** Where Windows would have made the list. */
const ADDRESS = 0x1_2345_6000n;
const ADAPTER_BYTES = 448;

/** A list of `IP_ADAPTER_ADDRESSES`: the structures, then what they point to. */
function listOf(adapters: readonly { guid: string; name: string | null }[]): Uint8Array<ArrayBuffer> {
  const list = new Uint8Array(4096).fill(0xaa);
  const view = new DataView(list.buffer);
  let end = adapters.length * ADAPTER_BYTES;
  const place = (text: string, unitBytes: number) => {
    const start = end;
    for (const letter of `${text}\0`) {
      if (unitBytes === 1) view.setUint8(end, letter.charCodeAt(0));
      else view.setUint16(end, letter.charCodeAt(0), true);
      end += unitBytes;
    }
    return ADDRESS + BigInt(start);
  };
  for (const [index, { guid, name }] of adapters.entries()) {
    const at = index * ADAPTER_BYTES;
    const isLast = index === adapters.length - 1;
    view.setBigUint64(at + 8, isLast ? 0n : ADDRESS + BigInt(at + ADAPTER_BYTES), true);
    view.setBigUint64(at + 16, place(guid, 1), true);
    view.setBigUint64(at + 72, name === null ? 0n : place(name, 2), true);
  }
  return list;
}

Deno.test("adapters: the names that Windows shows are found by GUID, also those that are not of ASCII", () => {
  const list = listOf([
    { guid: "{00000001-AAAA}", name: "Ethernet" },
    { guid: "{00000002-AAAA}", name: "イーサネット 2" },
    { guid: "{00000003-AAAA}", name: null },
  ]);
  assert.deepEqual([...namesIn(list, ADDRESS)], [
    ["{00000001-AAAA}", "Ethernet"],
    ["{00000002-AAAA}", "イーサネット 2"],
    ["{00000003-AAAA}", ""],
  ]);
});
