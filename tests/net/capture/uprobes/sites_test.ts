// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { libraryOf } from "../../../../net/capture/uprobes/libraries.ts";
import { MACHINES } from "../../../../net/capture/uprobes/machine.ts";
import { placesIn } from "../../../../net/capture/uprobes/places.ts";
import { goSitesOf, type Site, sitesOf } from "../../../../net/capture/uprobes/sites.ts";
import { Register } from "../../../../net/capture/uprobes/x86/registers.ts";
import { Code } from "../../../../net/elf/code.ts";
import { openElf } from "../../../../net/elf/elf_file.ts";
import { readerOf } from "../../../../net/elf/reader.ts";
import { definedFunctions } from "../../../../net/elf/symbols.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { notLinux, type Reason, skipIf } from "../../../support/skip.ts";

const ARGUMENTS = Register.rdi | Register.rsi | Register.rdx;

/** How a compiler ends a function that it guards: the result is there, then the stack is looked at. */
const CHECKED_END = `
  movl (%rsp), %eax
  movq 8(%rsp), %rdx
  subq %fs:0x28, %rdx
exit:
  jne overrun
  addq $24, %rsp
last:
  ret
overrun:
  call stop
`;

/** Assembly of a function, and where it is expected to be probed: labels, `first` is its first instruction. */
interface Example {
  readonly name: string;
  readonly text: string;
  readonly entry: string;
  readonly kind: Site["kind"];
  /** Of the stack pointer at the entry's site. */
  readonly depth?: number;
  /** Undefined: a return probe. */
  readonly exits: readonly string[] | undefined;
  readonly exitDepth?: number;
}

const EXAMPLES: readonly Example[] = [
  {
    name: "first conditional jump and stack check, where all paths pass both",
    text: `subq $24, %rsp; testl %edx, %edx; entry: js other; call work; jmp joined
      other: call work; joined: ${CHECKED_END}`,
    entry: "entry",
    kind: "jump",
    depth: 24,
    exits: ["exit"],
    exitDepth: 24,
  },
  {
    name: "an argument that is changed before the jump",
    text: `subq $24, %rsp; movl %edx, %esi; testl %edx, %edx; js other; call work; other: ${CHECKED_END}`,
    entry: "first",
    kind: "stepped",
    exits: ["exit"],
    exitDepth: 24,
  },
  {
    name: "a loop that comes back to the jump",
    text: `subq $24, %rsp; again: testl %edx, %edx; js done; decl %edx; jmp again; done: ${CHECKED_END}`,
    entry: "first",
    kind: "stepped",
    exits: ["exit"],
    exitDepth: 24,
  },
  {
    name: "a loop whose end lies in a part that was put elsewhere",
    text: `subq $24, %rsp; again: testl %edx, %edx; js away; call work; ${CHECKED_END}
      .section .text.unlikely, "ax"; away: decl %edx; jmp again; .text`,
    entry: "first",
    kind: "stepped",
    exits: ["exit"],
    exitDepth: 24,
  },
  {
    name: "a return that goes round the stack check is probed itself",
    text: `testl %edx, %edx; entry: jne whole; xorl %eax, %eax; other: ret
      whole: subq $24, %rsp; call work; ${CHECKED_END}`,
    entry: "entry",
    kind: "jump",
    depth: 0,
    exits: ["exit", "other"],
  },
  {
    name: "a result that is set behind the stack check",
    text: `subq $24, %rsp; testl %edx, %edx; entry: js other; call work; other: movq 8(%rsp), %rdx
      subq %fs:0x28, %rdx; jne overrun; movl %ebx, %eax; addq $24, %rsp; last: ret; overrun: call stop`,
    entry: "entry",
    kind: "jump",
    depth: 24,
    exits: ["last"],
    exitDepth: 0,
  },
  {
    name: "a push at the beginning, with a return probe, where returns would be dearer",
    text: `pushq %rbx; call work; popq %rbx; ret`,
    entry: "first",
    kind: "push",
    exits: undefined,
  },
  {
    name: "a call before which nothing has changed",
    text: `subq $8, %rsp; entry: call work; xorl %edx, %edx; addq $8, %rsp; last: ret`,
    entry: "entry",
    kind: "call",
    depth: 8,
    exits: ["last"],
    exitDepth: 0,
  },
  {
    name: "a push behind ENDBR64",
    text: `endbr64; entry: pushq %rbx; subq $16, %rsp; call work; movq 8(%rsp), %rdx; subq %fs:0x28, %rdx
      exit: jne overrun; addq $16, %rsp; popq %rbx; ret; overrun: call stop`,
    entry: "entry",
    kind: "push",
    depth: 0,
    exits: ["exit"],
    exitDepth: 24,
  },
  {
    name: "a table of jumps, which may lead anywhere",
    text: `subq $24, %rsp; testl %edx, %edx; js other; jmp *(%rcx,%rax,8); other: ${CHECKED_END}`,
    entry: "first",
    kind: "stepped",
    exits: undefined,
  },
  {
    name: "a tail call, which returns elsewhere",
    text: `subq $24, %rsp; testl %edx, %edx; js other; addq $24, %rsp; jmp *(%rax); other: ${CHECKED_END}`,
    entry: "first",
    kind: "stepped",
    exits: undefined,
  },
  {
    name: "something that is no instruction on the way",
    text: `subq $24, %rsp; testl %edx, %edx; js other; .byte 0x06; other: ${CHECKED_END}`,
    entry: "first",
    kind: "stepped",
    exits: undefined,
  },
];

/** Assembles the examples, each in a section of its own, so that `label` of `example` is a function of the file. */
async function assembled(folder: string, texts: readonly string[]) {
  const source = texts.map((text, number) => {
    const labels = [...text.matchAll(/(?<!%)\b(\w+):/g)].map(([, label]) => label);
    const own = labels.reduce(
      (changed, label) => changed.replace(new RegExp(`\\b${label}\\b(?!\\()`, "g"), `${label}_${number}`),
      text,
    );
    const marks = labels.map((label) => `.type ${label}_${number}, @function`).join("\n");
    return `first_${number}:\n${own}\n.size first_${number}, . - first_${number}
      .type first_${number}, @function\n${marks}\n`;
  }).join("\n");
  const common = "work: ret\nstop: hlt\n";
  await Deno.writeTextFile(`${folder}/code.s`, `.text\n${common}${source.replace(/;/g, "\n")}`);
  await runOk("cc", "-nostdlib", "-shared", "-o", `${folder}/code.so`, `${folder}/code.s`);
  return `${folder}/code.so`;
}

/** Reads what is asked of a file's functions. */
function withCode<Result>(
  path: string,
  names: readonly string[],
  read: (code: Code, at: (name: string) => { address: number; size: number }) => Result,
): Result {
  using file = Deno.openSync(path);
  const elf = openElf(readerOf(file))!;
  const functions = definedFunctions(elf, names);
  return read(new Code(elf), (name) => functions.get(name)!);
}

Deno.test({
  name: "sites: the cheapest that each call passes once, or none but the first instruction",
  ...skipIf(notLinux("ELF files") ?? missing("cc")),
  fn: () =>
    withTempDir(async (folder) => {
      const path = await assembled(folder, EXAMPLES.map(({ text }) => text));
      const labels = ["first", "entry", "exit", "last", "other"];
      const names = EXAMPLES.flatMap((_, number) => labels.map((label) => `${label}_${number}`));
      withCode(path, names, (code, at) =>
        EXAMPLES.forEach(({ name, entry, kind, depth = 0, exits, exitDepth }, number) => {
          const found = sitesOf(code, at(`first_${number}`), ARGUMENTS);
          const address = at(`${entry}_${number}`).address;
          assert.deepEqual(found.entry, { address, kind, depth }, name);
          const expected = exits?.map((label) =>
            at(`${label}_${number}`).address
          ).sort();
          assert.deepEqual(found.exits?.map((site) => site.address).sort(), expected, name);
          if (exitDepth !== undefined) assert.equal(found.exits?.[0].depth, exitDepth, name);
        }));
    }),
});

Deno.test({
  name: "sites: no instruction that calls, where probes at these may harm",
  ...skipIf(notLinux("ELF files") ?? missing("cc")),
  fn: () =>
    withTempDir(async (folder) => {
      const text = `subq $24, %rsp; entry: call work; ${CHECKED_END}`;
      withCode(await assembled(folder, [text]), ["first_0", "entry_0"], (code, at) => {
        const [call, first] = [true, false].map((hasCalls) =>
          sitesOf(code, at("first_0"), ARGUMENTS, hasCalls).entry
        );
        assert.deepEqual(call, { address: at("entry_0").address, kind: "call", depth: 24 });
        assert.deepEqual(first, { address: at("first_0").address, kind: "stepped", depth: 0 });
      });
    }),
});

const GO_BODY =
  `movq %rax, 8(%rsp); xorl %eax, %eax; call work; testq %rax, %rax; je other; last: ret; other: call work; end: ret`;
/** What Go's functions end with: the stack is made larger, and the function begins anew. */
const GO_GROWTH = `grow: movq %rax, 8(%rsp); call work; movq 8(%rsp), %rax; jmp begun`;

Deno.test({
  name: "sites: a function of Go is met behind the check of its stack, and at all of its returns",
  ...skipIf(notLinux("ELF files") ?? missing("cc")),
  fn: () =>
    withTempDir(async (folder) => {
      const check = "cmpq 16(%r14), %rsp; restarted: jbe grow";
      const path = await assembled(
        folder,
        [
          `first: ${check}; entry: pushq %rbp; ${GO_BODY}; ${GO_GROWTH}`,
          `first: ${check}; subq $8, %rsp; ${GO_BODY}; ${GO_GROWTH}`,
        ].map((text) => text.replace("first:", "begun:").replace("jmp first", "jmp begun")),
      );
      const labels = ["first", "restarted", "entry", "last", "end"];
      const names = [0, 1].flatMap((number) => labels.map((label) => `${label}_${number}`));
      withCode(path, names, (code, at) => {
        for (const [number, entry, kind] of [[0, "entry", "push"], [1, "restarted", "jump"]] as const) {
          const found = goSitesOf(code, at(`first_${number}`), Register.rax)!;
          assert.deepEqual(found.entry, { address: at(`${entry}_${number}`).address, kind, depth: 0 });
          const returns = ["last", "end"].map((label) => at(`${label}_${number}`).address);
          assert.deepEqual(found.exits.map(({ address }) => address), returns);
        }
      });
    }),
});

const DEBIAN_OPENSSL = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

function notDebian(): Reason {
  try {
    const release = Deno.readTextFileSync("/etc/os-release");
    Deno.statSync(DEBIAN_OPENSSL);
    return release.includes("VERSION_CODENAME=bookworm") ? undefined : "libssl of Debian 12: not here";
  } catch {
    return "libssl of Debian 12: not here";
  }
}

Deno.test({
  name: "sites: SSL_read and SSL_write of Debian are not single-stepped, and no call has a return probe",
  ...skipIf(notDebian()),
  fn: () => {
    const openssl = libraryOf("libssl.so.3")!;
    withCode(DEBIAN_OPENSSL, Object.keys(openssl.functions), (code, at) => {
      const symbols = new Map(Object.keys(openssl.functions).map((name) => [name, at(name)]));
      const { returns, ends } = placesIn(code, symbols, openssl, 0, MACHINES.x86_64);
      assert.deepEqual(returns.map(({ offset }) => offset), [code.offsetOf(at("SSL_new").address)]);
      assert.equal(ends.length, 4);
      const withoutReturns = { ...MACHINES.x86_64, hasReturnProbes: false };
      const others = placesIn(code, symbols, openssl, 0, withoutReturns);
      assert.deepEqual([others.returns, others.ends], [[], ends], "where return probes may harm");
      for (const name of ["SSL_read", "SSL_write"]) {
        const { entry, exits } = sitesOf(code, at(name), ARGUMENTS);
        assert.equal(entry.kind, "jump", name);
        assert.deepEqual(exits?.map(({ kind }) => kind), ["jump"], name);
      }
    });
  },
});
