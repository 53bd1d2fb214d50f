// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { decode, type Instruction } from "../../../../../net/capture/uprobes/x86/instruction.ts";
import { stackMove, writtenBy } from "../../../../../net/capture/uprobes/x86/registers.ts";
import { Code } from "../../../../../net/elf/code.ts";
import { openElf } from "../../../../../net/elf/elf_file.ts";
import { readerOf } from "../../../../../net/elf/reader.ts";
import { withSeed } from "../../../../support/random.ts";
import { missing } from "../../../../support/run.ts";
import { noFile, notLinux, skipIf } from "../../../../support/skip.ts";
import { disassembled, isData, type ListedInstruction } from "./objdump.ts";

const FOLDER = "/usr/lib/x86_64-linux-gnu";
/** More files to be read to the last instruction, with colons between: a minute for some 10 MB. */
const FILES = [`${FOLDER}/libssl.so.3`, ...(Deno.env.get("DISASSEMBLED") ?? "").split(":").filter(Boolean)];

const lacking = notLinux("ELF files") ?? missing("objdump");

interface Read extends ListedInstruction {
  readonly instruction: Instruction | undefined;
}

const known = new Map<string, Promise<Read[]>>();

/** The instructions of a file as objdump lists them, and as they are read here. */
function instructionsOf(path: string): Promise<Read[]> {
  const read = async () => {
    using file = Deno.openSync(path);
    const code = new Code(openElf(readerOf(file))!);
    const listed = (await disassembled(path)).filter(({ text }) => !isData(text));
    return listed.map((line) => ({ ...line, instruction: decode(code.at(line.address), 0) }));
  };
  const found = known.get(path) ?? read();
  known.set(path, found);
  return found;
}

for (const path of FILES) {
  Deno.test({
    name: `instruction: each of ${path} is as long as binutils says`,
    ...skipIf(lacking ?? noFile(path)),
    fn: async () => {
      const read = await instructionsOf(path);
      assert.ok(read.length > 1000);
      const wrong = read.filter(({ instruction, length }) =>
        instruction === undefined || length !== undefined && instruction.length !== length
      );
      assert.deepEqual(wrong.map(({ address, text }) => `${address.toString(16)} ${text}`), []);
    },
  });

  Deno.test({
    name: `registers: of ${path} none is written that is said to stay`,
    ...skipIf(lacking ?? noFile(path)),
    fn: async () => {
      const wrong = (await instructionsOf(path)).filter(({ text, instruction }) =>
        instruction !== undefined && (namedAsWritten(text) & ~writtenBy(instruction)) !== 0
      );
      assert.deepEqual(wrong.map(({ address, text }) => `${address.toString(16)} ${text}`), []);
    },
  });
}

const NAMES = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

/** The number of a general register by any of its names; undefined: it is another one. */
function numberOf(name: string): number | undefined {
  const high = /^([a-d])[hl]$/.exec(name);
  const [, named = high && `${high[1]}x`, numbered] =
    /^(?:[re]?([a-ds][xpi]|bp|di)l?|r(\d+)[dwb]?)$/.exec(name) ?? [];
  if (numbered !== undefined) return Number(numbered);
  const number = NAMES.indexOf(named ?? "");
  return number < 0 ? undefined : number;
}

/** Instructions whose last operand is read only. */
const READERS =
  /^(cmp|test|push|bt[wlq]? |j|nop|ptest|u?comis|prefetch|ret|endbr|hlt|ud2|leave|xchg +%ax,%ax|(i?mul|i?div)[bwlq]? +[^,]+$)/;
/** What instructions write besides. */
const BESIDES: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^(i?mul|i?div)[bwlq]? +[^,]+$/, [0, 2]],
  [/^(cltq|cwtl|cmpxchg\S*|lock cmpxchg)/, [0]],
  [/^(cqto|cltd)/, [2]],
  [/^leave/, [4, 5]],
  [/^(push|pop)/, [4]],
  [/^rep\w* (movs|stos|cmps|scas|lods)/, [1]],
];

/** A set of the registers that a line of objdump shows to be written. */
function namedAsWritten(text: string): number {
  const operands = text.replace(/ +[#<].*$/, "").replace(
    /^((lock|notrack|bnd|data16|addr32|[c-gs]s|rex\S*|repn?z(?= test)) )+/,
    "",
  );
  const set = (numbers: readonly number[]) => numbers.reduce((bits, number) => bits | 1 << number, 0);
  const besides = BESIDES.filter(([pattern]) => pattern.test(operands)).flatMap(([, numbers]) => numbers);
  const last = /(?:^\S+ +|,)%(\w+)$/.exec(operands);
  const written = last && !READERS.test(operands) ? numberOf(last[1]) : undefined;
  const exchanged = !READERS.test(operands) && /^(xchg|xadd)\S* +%(\w+),/.exec(operands);
  const first = exchanged ? numberOf(exchanged[2]) : undefined;
  return set([...besides, ...[written, first].filter((number) => number !== undefined)]);
}

Deno.test("instruction: nothing behind the bytes that are given is read, and what is cut off is none", () =>
  withSeed((random) => {
    for (let times = 0; times < 20_000; times++) {
      const bytes = random.bytes(24);
      const whole = decode(bytes, 0);
      if (whole === undefined) continue;
      assert.ok(whole.length >= 1 && whole.length <= 15);
      assert.deepEqual(decode(bytes.subarray(0, whole.length), 0), whole);
      assert.equal(decode(bytes.subarray(0, whole.length - 1), 0), undefined);
    }
  }));

Deno.test("instruction: what is longer than the processor takes is none", () => {
  const padded = (prefixes: number) => Uint8Array.from([...Array(prefixes).fill(0x66), 0x90]);
  assert.equal(decode(padded(14), 0)?.length, 15);
  assert.equal(decode(padded(15), 0), undefined);
});

Deno.test("instruction: a near jump that processors read in two ways is not read", () => {
  assert.equal(decode(Uint8Array.of(0x66, 0xe9, 0, 0, 0, 0), 0), undefined);
  // With REX.W they agree: so calls are padded that find thread-local variables.
  assert.equal(decode(Uint8Array.of(0x66, 0x66, 0x48, 0xe8, 1, 0, 0, 0), 0)?.length, 8);
});

Deno.test("registers: the stack pointer's moves are known, or said not to be", () => {
  const moves: readonly (readonly [number[], number | undefined])[] = [
    [[0x55], -8], // push %rbp
    [[0x41, 0x57], -8], // push %r15
    [[0x66, 0x55], undefined], // push %bp
    [[0x6a, 0x01], -8], // push $1
    [[0x5d], 8], // pop %rbp
    [[0x5c], undefined], // pop %rsp
    [[0x48, 0x83, 0xec, 0x18], -24], // sub $24, %rsp
    [[0x48, 0x81, 0xc4, 0x00, 0x01, 0, 0], 256], // add $256, %rsp
    [[0x48, 0x83, 0xe4, 0xf0], undefined], // and $-16, %rsp
    [[0x48, 0x89, 0xec], undefined], // mov %rbp, %rsp
    [[0x48, 0x89, 0xe5], 0], // mov %rsp, %rbp
    [[0xc9], undefined], // leave
    [[0x90], 0],
  ];
  for (const [bytes, move] of moves) {
    assert.equal(
      stackMove(decode(Uint8Array.from(bytes), 0)!),
      move,
      bytes.map((byte) => byte.toString(16)).join(" "),
    );
  }
});
