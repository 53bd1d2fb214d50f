// SPDX-License-Identifier: MIT
/** Files that any user may run, made to be hard to look through. */
import assert from "node:assert/strict";
import { openElf, type ReadAt, SectionType } from "../../../../net/elf/elf_file.ts";
import { definedFunctions } from "../../../../net/elf/symbols.ts";
import { BUILT_IN, libraryOf, type TlsLibrary } from "../../../../net/capture/uprobes/libraries.ts";
import { boundedReader, lookThrough, OtherFile } from "../../../../net/capture/uprobes/look.ts";
import { goSitesOf, sitesOf } from "../../../../net/capture/uprobes/sites.ts";
import { flowOf } from "../../../../net/capture/uprobes/x86/flow.ts";
import { type Random, seededRandom } from "../../../support/random.ts";
import { skipIf } from "../../../support/skip.ts";
import { isFile } from "../../../../net/ffi/stat.ts";

const MOST = 96 << 20;
const ROUNDS = Number(Deno.env.get("HOSTILE_FILES") ?? 30);
const SHARED = `/usr/lib/${Deno.build.arch}-linux-gnu/libssl.so.3`;
const GO = ["/usr/bin/go", "/usr/lib/go/bin/go", "/usr/local/go/bin/go"];

/** What was read of a file, and whether it had something to be probed. */
function look(bytes: Uint8Array, library: TlsLibrary): { readonly read: number; readonly isProbed: boolean } {
  const source: ReadAt = (offset, length) => {
    const copy = bytes.slice(offset, offset + length);
    return new DataView(copy.buffer, 0, copy.length);
  };
  let read = 0;
  try {
    lookThrough(boundedReader(source, bytes.length, (more) => read += more), library, 0);
    return { read, isProbed: true };
  } catch (error) {
    // Anything else was not thought of.
    assert.ok(error instanceof OtherFile || (error as Error).constructor === Error, String(error));
    return { read, isProbed: false };
  }
}

const VALUES = [
  0n,
  1n,
  0x7fn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  1n << 53n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];

/** Changes some words, most of them in tables; undoes that. */
function mutated<T>(bytes: Uint8Array, hot: readonly [number, number][], random: Random, use: () => T): T {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const before: [number, bigint][] = [];
  for (let change = random.below(12); change >= 0; change--) {
    const [start, length] = random.below(8) === 0 ? [0, bytes.length] : hot[random.below(hot.length)];
    const at = Math.max(0, Math.min(bytes.length - 8, start + random.below(Math.max(1, length))));
    const old = view.getBigUint64(at, true);
    before.push([at, old]);
    const kept = random.below(2) === 0 ? 0xffffffff_00000000n : 0n;
    const value = random.below(2) === 0
      ? VALUES[random.below(VALUES.length)]
      : old ^ 1n << BigInt(random.below(64));
    view.setBigUint64(at, (old & kept) | (value & (kept ^ (1n << 64n) - 1n)), true);
  }
  try {
    return use();
  } finally {
    for (const [at, old] of before.toReversed()) view.setBigUint64(at, old, true);
  }
}

/** Where headers, tables and names stand, and the code of the functions. */
function hotPlaces(bytes: Uint8Array, library: TlsLibrary): [number, number][] {
  const elf = openElf((offset, length) => new DataView(bytes.slice(offset, offset + length).buffer))!;
  const sections = elf.sections.filter(({ type, name }) =>
    type !== SectionType.absent && /symtab|strtab|dynsym|dynstr|pclntab|rela/.test(name)
  );
  const table = Number(new DataView(bytes.buffer).getBigUint64(40, true));
  const [segment] = elf.segments.filter(({ isExecutable }) => isExecutable);
  const functions = [...definedFunctions(elf, Object.keys(library.functions)).values()].map((
    { address, size },
  ): [number, number] => [address - segment.address + segment.offset, size]);
  const beginnings = sections.map(({ offset }): [number, number] => [offset, 128]);
  return [
    [0, 64],
    [64, elf.segments.length * 56],
    [table, elf.sections.length * 64],
    ...beginnings,
    ...sections.map(({ offset, size }): [number, number] => [offset, size]),
    ...functions,
  ];
}

function checkMutations(path: string, library: TlsLibrary): void {
  const random = seededRandom(`hostile files: ${library.name}`);
  const bytes = Deno.readFileSync(path);
  assert.equal(look(bytes, library).isProbed, true);
  const hot = hotPlaces(bytes, library);
  for (let round = 0; round < ROUNDS; round++) {
    const { read } = mutated(bytes, hot, random, () => look(bytes, library));
    assert.ok(read <= MOST, `${read} bytes`);
  }
}

Deno.test({
  name: "files: a changed library is looked through within its bounds, or refused",
  ...skipIf(isFile(SHARED) ? undefined : `not installed: ${SHARED}`),
  fn: () => checkMutations(SHARED, libraryOf("libssl.so.3")!),
});

const go = GO.find(isFile);

Deno.test({
  name: "files: a changed program of Go is looked through within its bounds, or refused",
  ...skipIf(go === undefined ? "not installed: go" : undefined),
  fn: () => checkMutations(go!, BUILT_IN.find(({ isGo }) => isGo)!),
});

/** A file of sections: type, bytes, link. */
function elfOf(
  sections: readonly (readonly [type: number, content: Uint8Array, link: number])[],
): Uint8Array {
  const table = 64 + sections.reduce((sum, [, { length }]) => sum + length, 0);
  const bytes = new Uint8Array(table + sections.length * 64);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  view.setUint16(18, 62, true);
  view.setBigUint64(40, BigInt(table), true);
  view.setUint16(60, sections.length, true);
  let at = 64;
  sections.forEach(([type, content, link], number) => {
    const header = table + number * 64;
    bytes.set(content, at);
    view.setUint32(header + 4, type, true);
    view.setBigUint64(header + 24, BigInt(at), true);
    view.setBigUint64(header + 32, BigInt(content.length), true);
    view.setUint32(header + 40, link, true);
    at += content.length;
  });
  return bytes;
}

Deno.test("files: many tables, each with names without end, are read in part", () => {
  const names = new TextEncoder().encode("SSL_read\0SSL_write\0".repeat(1 << 16));
  const tables = Array.from({ length: 1000 }, () => [SectionType.symbols, new Uint8Array(240), 0] as const);
  const { read } = look(elfOf([[SectionType.strings, names, 0], ...tables]), libraryOf("libssl.so.3")!);
  assert.ok(read < 6 * names.length, `${read} bytes`);
});

/** Code at address 0. */
const codeOf = (bytes: Uint8Array) => ({ at: (address: number) => bytes.subarray(address) });
/** TEST RAX, RAX; JE to behind the next; RET. */
const RETURNS = [0x48, 0x85, 0xc0, 0x74, 0x01, 0xc3];

Deno.test("files: a function of too many returns has no exits, and one of too many steps no flow", () => {
  const of = (count: number) =>
    Uint8Array.from([...Array(count).fill(RETURNS).flat(), 0xc3, ...Array(16).fill(0x90)]);
  const sitesWith = (count: number) => sitesOf(codeOf(of(count)), { address: 0, size: count * 6 + 1 }, 0);
  assert.equal(sitesWith(600).exits, undefined);
  assert.equal(flowOf(codeOf(of(1000)), 0, 6001), undefined);
  const go = Uint8Array.from([0x49, 0x3b, 0x66, 0x10, ...of(100)]);
  assert.equal(goSitesOf(codeOf(go), { address: 0, size: 605 }, 0), undefined);
  assert.equal(flowOf(codeOf(new Uint8Array(32).fill(0xc3)), 0, 2 ** 63), undefined);
});
