// SPDX-License-Identifier: MIT
/** The compiled probes, as the kernel is given them. */
import assert from "node:assert/strict";
import { type LinkedProgram, ProbeObject } from "../../../../net/capture/uprobes/object.ts";
import { buildProbes } from "../../../../tools/probes.ts";
import { missing } from "../../../support/run.ts";
import { skipIf } from "../../../support/skip.ts";

/** Bytes of stack that calls inside each other may have together: kernels before 6.13 refuse more, later ones give each its own. */
const STACK_BYTES = 512;
/** The kernel counts in these. */
const STACK_UNIT = 32;
const FRAME_POINTER = 10;
const MOVE = 0xbf, ADD = 0x07, CALL = 0x85, LOAD_64 = 0x18;
const LOAD_CLASS = 1, STORE_CLASSES = [2, 3], JUMP_CLASSES = [5, 6];
/** What LOAD_64 and CALL have as their source where a function of the program is meant. */
const OF_PROGRAM: Readonly<Record<number, number>> = { [CALL]: 1, [LOAD_64]: 4 };

/** Functions by the number of their first instruction: bytes of stack, and the functions that they call. */
function functionsOf({ instructions, functions }: LinkedProgram) {
  const view = new DataView(instructions.buffer, instructions.byteOffset, instructions.length);
  const infos = new DataView(functions.bytes.buffer, functions.bytes.byteOffset, functions.bytes.length);
  const starts = Array.from(
    { length: functions.bytes.length / functions.size },
    (_, index) => infos.getUint32(index * functions.size, true),
  ).sort((a, b) => a - b);
  return new Map(starts.map((start, index) => {
    let depth = 0;
    const calls = new Set<number>();
    /** Where registers point, from the frame pointer on. */
    const places = new Map<number, number>([[FRAME_POINTER, 0]]);
    const touch = (register: number, offset: number) => {
      const place = places.get(register);
      if (place !== undefined) depth = Math.max(depth, -(place + offset));
    };
    for (let at = start; at < (starts[index + 1] ?? instructions.length / 8); at++) {
      const [code, registers] = [view.getUint8(at * 8), view.getUint8(at * 8 + 1)];
      const [target, source] = [registers & 15, registers >> 4];
      const [offset, value] = [view.getInt16(at * 8 + 2, true), view.getInt32(at * 8 + 4, true)];
      if (code === MOVE && places.has(source)) places.set(target, places.get(source)!);
      else if (code === ADD && places.has(target)) places.set(target, places.get(target)! + value);
      else if (STORE_CLASSES.includes(code & 7)) touch(target, offset);
      else if (!JUMP_CLASSES.includes(code & 7)) {
        if ((code & 7) === LOAD_CLASS) touch(source, offset);
        if (target !== FRAME_POINTER) places.delete(target);
      }
      for (const register of places.keys()) touch(register, 0);
      if (OF_PROGRAM[code] === source) calls.add(at + 1 + value);
    }
    return [start, { depth, calls }] as const;
  }));
}

/** Of all calls that may be inside each other, the most that they have together. */
function stackBytes(functions: ReturnType<typeof functionsOf>, start = 0): number {
  const { depth, calls } = functions.get(start)!;
  const own = Math.ceil(Math.max(depth, 1) / STACK_UNIT) * STACK_UNIT;
  return own + Math.max(0, ...[...calls].map((called) => stackBytes(functions, called)));
}

Deno.test({
  name: "the probes' stacks fit where the kernel gives all calls inside each other one",
  ...skipIf(missing("clang")),
  fn: async () => {
    const object = new ProbeObject(await Deno.readFile(await buildProbes()));
    const maps = new Map(object.maps.map(({ name }, index) => [name, index]));
    for (const program of object.link(maps)) {
      const functions = functionsOf(program);
      const depths = [...functions.values()].map(({ depth }) => depth);
      const bytes = stackBytes(functions);
      assert.ok(bytes <= STACK_BYTES, `${program.name}: ${bytes} bytes of ${depths.join(" + ")}`);
    }
  },
});
