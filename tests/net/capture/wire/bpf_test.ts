// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BpfProgram } from "../../../../net/capture/wire/bpf.ts";

Deno.test("bpf: instructions and jumps as the kernel reads them", () => {
  const program = new BpfProgram().do("ldh", 12).ifEqual(0x0800, "ip").do("ret").label("ip").unless(1, "no")
    .ifAny(0x1fff, "no").jump("no").do("ret", 384).label("no").do("ret").assemble();
  const instructions = Array.from({ length: program.length / 8 }, (_, at) => {
    const view = new DataView(program.buffer, at * 8, 8);
    return [view.getUint16(0, true), view.getUint8(2), view.getUint8(3), view.getUint32(4, true)];
  });
  assert.deepEqual(instructions, [
    [0x28, 0, 0, 12],
    [0x15, 1, 0, 0x0800],
    [0x06, 0, 0, 0],
    [0x15, 0, 3, 1],
    [0x45, 2, 0, 0x1fff],
    [0x05, 0, 0, 1],
    [0x06, 0, 0, 384],
    [0x06, 0, 0, 0],
  ]);
});

Deno.test("bpf: a jump that goes nowhere, back or too far is refused", () => {
  assert.throws(
    () => new BpfProgram().jump("nowhere").assemble(),
    /^RangeError: Cannot jump from 0 to nowhere$/,
  );
  assert.throws(() => new BpfProgram().label("back").do("ret").ifEqual(0, "back").assemble(), RangeError);
  const far = new BpfProgram().ifEqual(0, "far");
  for (let at = 0; at < 256; at++) far.do("ret");
  assert.throws(() => far.label("far").do("ret").assemble(), RangeError);
});
