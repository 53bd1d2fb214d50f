// SPDX-License-Identifier: MIT
/** Sessions of OpenSSL that a program uses through a BIO, as probes tell them. */
import assert from "node:assert/strict";
import { bioCalls } from "../../../../net/capture/uprobes/bio_calls.ts";
import { OWN_MACHINE } from "../../../../net/capture/uprobes/own_machine.ts";
import { Code } from "../../../../net/elf/code.ts";
import { openElf } from "../../../../net/elf/elf_file.ts";
import { readerOf } from "../../../../net/elf/reader.ts";
import { definedFunctions } from "../../../../net/elf/symbols.ts";
import { Child } from "../../../e2e/support/child.ts";
import { withFixture } from "../../../e2e/support/fixture.ts";
import { probesMissing } from "../../../e2e/support/probes.ts";
import { freePort } from "../../../support/free_port.ts";
import { copyLibrary, copyMissing, INSTALLED, toldWhile } from "../../../support/probed_copy.ts";
import { missing, runOk, withTempDir } from "../../../support/run.ts";
import { notLinux, type Reason, skipIf } from "../../../support/skip.ts";

const FUNCTIONS = ["BIO_f_ssl", "SSL_read", "SSL_read_ex", "SSL_write", "SSL_write_ex"];

function callsIn(path: string, names = FUNCTIONS) {
  using file = Deno.openSync(path);
  const elf = openElf(readerOf(file))!;
  return bioCalls(elf, new Code(elf), definedFunctions(elf, names));
}

/** What the library that is installed shows without these. */
function callsWithout(left: readonly string[]) {
  return callsIn(INSTALLED, FUNCTIONS.filter((name) => !left.includes(name)));
}

function notX86(): Reason {
  return Deno.build.arch === "x86_64" ? notLinux("ELF files") : "the code of no other machine is read";
}

function callsMissing(): Reason {
  const lacking = copyMissing();
  if (lacking !== undefined) return lacking;
  if (!OWN_MACHINE?.hasCallProbes) return "probes at calls may harm programs here";
  return callsWithout([]) ? undefined : "the BIO of this OpenSSL's sessions has no calls that are known";
}

Deno.test({
  name: "where a BIO calls for its session is known by functions that call the same, and not by one alone",
  ...skipIf(callsMissing()),
  fn: () => {
    for (const name of FUNCTIONS) assert.equal(callsWithout([name]), undefined, name);
    const { reads, writes } = callsWithout([])!;
    assert.notEqual(reads.address, writes.address);
    // CALL with an address of four bytes.
    for (const { address, behind } of [reads, writes]) assert.equal(behind - address, 5);
  },
});

/** Assembly of the functions of a library, each of which is a line; what is left out is as in OpenSSL 3.0. */
const USUAL = {
  SSL_read: "subq $24, %rsp; movslq %edx, %rdx; leaq 8(%rsp), %rcx; call read_inner; addq $24, %rsp; ret",
  SSL_read_ex: "subq $8, %rsp; call read_inner; addq $8, %rsp; ret",
  SSL_write: "subq $24, %rsp; movslq %edx, %rdx; leaq 8(%rsp), %rcx; call write_inner; addq $24, %rsp; ret",
  SSL_write_ex: "subq $8, %rsp; call write_inner; addq $8, %rsp; ret",
  bio_read: "subq $40, %rsp; movq 8(%rdi), %rdi; call read_inner; addq $40, %rsp; ret",
  bio_write: "subq $40, %rsp; movq 8(%rdi), %rdi; call write_inner; addq $40, %rsp; ret",
  read_inner: "ret",
  write_inner: "ret",
};

/** Libraries in which it is not known for certain. */
const DOUBTFUL: Readonly<Record<string, Partial<typeof USUAL>>> = {
  "SSL_write_ex sets one argument more and goes on with what stands before it, as in OpenSSL 3.3": {
    SSL_write: `subq $24, %rsp; xorl %ecx, %ecx; leaq 8(%rsp), %r8; call write_inner; addq $24, %rsp; ret
      more: subq $8, %rsp; call write_inner; addq $8, %rsp; ret`,
    SSL_write_ex: "movq %rcx, %r8; xorl %ecx, %ecx; jmp more",
  },
  "SSL_read_ex changes an argument on one way": {
    SSL_read_ex: "testq %rdx, %rdx; jne 1f; movq %rdi, %rdx; 1: call read_inner; ret",
  },
  "the BIO's function goes on with SSL_read": { bio_read: "movq 8(%rdi), %rdi; jmp SSL_read" },
  "the BIO's function calls twice": { bio_read: "call read_inner; call read_inner; ret" },
  "both call two functions": {
    SSL_read: "testq %rdx, %rdx; je 1f; call write_inner; ret; 1: call read_inner; ret",
    SSL_read_ex: "testq %rdx, %rdx; je 1f; call write_inner; ret; 1: call read_inner; ret",
  },
  "the stack is larger than a probe is told": {
    bio_read: "subq $65536, %rsp; call read_inner; addq $65536, %rsp; ret",
  },
};

/** Assembles a library; answers its path. */
async function library(folder: string, functions: Partial<typeof USUAL>): Promise<string> {
  const texts = Object.entries({ ...USUAL, ...functions, BIO_f_ssl: "leaq table(%rip), %rax; ret" });
  const lines = texts.map(([name, text]) =>
    `.type ${name}, @function\n${name}: ${text}\n.size ${name}, . - ${name}`
  );
  const table = '.section .data.rel.ro,"aw"\ntable: .quad 0, 0, bio_write, 0, bio_read';
  await Deno.writeTextFile(`${folder}/code.s`, [".text", ...lines, table, ""].join("\n"));
  await runOk("cc", "-nostdlib", "-shared", "-o", `${folder}/code.so`, `${folder}/code.s`);
  return `${folder}/code.so`;
}

Deno.test({
  name: "where a BIO calls for its session is not known where a library leaves a doubt",
  ...skipIf(notX86() ?? missing("cc")),
  fn: () =>
    withTempDir(async (folder) => {
      const usual = callsIn(await library(folder, {}))!;
      assert.deepEqual([usual.reads.depth, usual.writes.depth], [40, 40]);
      for (const [name, functions] of Object.entries(DOUBTFUL)) {
        assert.equal(callsIn(await library(folder, functions)), undefined, name);
      }
    }),
});

Deno.test({
  name: "probes tell openssl s_server, which uses its sessions through a BIO",
  ...skipIf(await probesMissing() ?? missing("openssl") ?? callsMissing()),
  fn: () =>
    withFixture(async (fixture) => {
      const { log } = await toldWhile(fixture, async () => {
        const port = freePort();
        const { certificate, key } = fixture;
        const listen = ["-accept", `127.0.0.1:${port}`, "-naccept", "1", "-cert", certificate, "-key", key];
        const env = await copyLibrary(fixture);
        await using server = new Child("openssl", { args: ["s_server", ...listen, "-rev"], env });
        await server.found("stdout", /ACCEPT/);
        {
          const caCerts = [await Deno.readTextFile(certificate)];
          using client = await Deno.connectTls({ hostname: "localhost", port, caCerts });
          await client.write(new TextEncoder().encode("hello\n"));
          await client.read(new Uint8Array(16));
        }
        await server.ended;
      });
      const told = log.of("data").map(([, , , direction, offset, bytes]) => [
        direction,
        offset,
        new TextDecoder().decode(bytes as Uint8Array),
      ]);
      assert.deepEqual(told, [[0, 0, "hello\n"], [1, 0, "olleh\n"]]);
      assert.equal(log.of("gap").length, 0);
    }),
});
