// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ValueParser } from "@optique/core/valueparser";
import { folderFromRoot } from "../../cli/suggestions.ts";
import { text } from "../../cli/value_parser.ts";
import * as values from "../../cli/values.ts";

function parse<T>(parser: ValueParser<"sync", T>, text: string): T {
  const result = parser.parse(text);
  assert(result.success, `${JSON.stringify(text)} was refused`);
  return result.value;
}

/** The message of a refusal, which is plain text. */
function refusal(parser: ValueParser<"sync", unknown>, text: string): string {
  const result = parser.parse(text);
  assert(!result.success, `${JSON.stringify(text)} was taken`);
  return result.error.map((term) => {
    assert.equal(term.type, "text");
    return term.type === "text" ? term.text : "";
  }).join("");
}

Deno.test("values: sizes have binary units, in either case", () => {
  const size = values.size(1);
  const cases: [string, number][] = [
    ["65536", 65536],
    ["64k", 65536],
    ["64KiB", 65536],
    ["1.5M", 1572864],
    ["2gb", 2 ** 31],
    ["1T", 2 ** 40],
    ["7b", 7],
  ];
  for (const [text, bytes] of cases) assert.equal(parse(size, text), bytes, text);
  for (const text of ["", "k", "-1", "1e3", "1.M", "12q", "0x10", "9".repeat(20), "Infinity"]) {
    assert.equal(refusal(size, text), `expected a size such as 64MiB, got ${JSON.stringify(text)}`);
  }
  assert.equal(refusal(values.size(4096), "4095"), 'expected at least 4096 bytes, got "4095"');
});

Deno.test("values: durations are milliseconds above 0", () => {
  const duration = values.duration();
  const cases: [string, number][] = [["90", 90e3], ["90s", 90e3], ["10m", 600e3], ["1.5h", 5400e3], [
    "2d",
    172800e3,
  ], ["250ms", 250]];
  for (const [text, ms] of cases) assert.equal(parse(duration, text), ms, text);
  for (const text of ["", "0", "0.5ms", "1w", "-1s", "1S", "soon"]) {
    assert.equal(
      refusal(duration, text),
      `expected a duration such as 90s, 10m or 1h, got ${JSON.stringify(text)}`,
    );
  }
});

Deno.test("values: durations have a least one", () => {
  const duration = values.duration(1000);
  assert.equal(parse(duration, "1s"), 1000);
  assert.equal(refusal(duration, "999ms"), 'expected at least 1s, got "999ms"');
});

Deno.test("values: whole numbers keep to their bounds", () => {
  const id = values.wholeNumber("ID", 1, 4094);
  assert.equal(parse(id, "1"), 1);
  assert.equal(parse(id, "4094"), 4094);
  for (const text of ["0", "4095", "1.0", "-1", "", " 1", "1e2", "x"]) {
    assert.equal(refusal(id, text), `expected a number from 1 to 4094, got ${JSON.stringify(text)}`);
  }
});

Deno.test("values: words are those of the list, and suggested by their beginning", () => {
  const form = values.word("FORM", ["text", "json", "none"]);
  assert.equal(parse(form, "json"), "json");
  assert.equal(refusal(form, "JSON"), 'expected text, json or none, got "JSON"');
  const suggested = [...form.suggest!("te") as Iterable<{ text?: string }>];
  assert.deepEqual(suggested.map((suggestion) => suggestion.text), ["text"]);
  assert.equal(refusal(text("FILE"), ""), "expected a FILE, got nothing");
  assert.equal(refusal(text("EXPRESSION"), ""), "expected an EXPRESSION, got nothing");
});

Deno.test("values: port maps may be joined and stay within 1 to 65535", () => {
  const map = values.portMap();
  assert.deepEqual(parse(map, "443=80,8443=8080"), [[443, 80], [8443, 8080]]);
  assert.equal(map.format([[443, 80], [1, 65535]]), "443=80,1=65535");
  const clear = parse(map, "clear") as [number, number][];
  assert.equal(map.format(clear), "443=80,853=53,8883=1883,465=25,993=143,995=110,636=389,990=21");
  assert.deepEqual(parse(map, "1=2,clear,443=8080"), [[1, 2], ...clear, [443, 8080]]);
  const suggested = [...map.suggest!("cl") as Iterable<{ text?: string }>];
  assert.deepEqual(suggested.map((suggestion) => suggestion.text), ["clear"]);
  for (const text of ["443", "443=", "0=80", "443=65536", "443=80,", "a=b", "443:80", "Clear", "clear=80"]) {
    assert.match(refusal(map, text), /^expected clear, or ports from 1 to 65535 such as 443=80, got "/);
  }
});

Deno.test("values: a folder that others are told of is a path from the root", () => {
  const runtime = folderFromRoot("DIR");
  assert.equal(parse(runtime, "/run/x/"), "/run/x");
  assert.equal(parse(runtime, "./x/../runtime"), `${Deno.cwd()}/runtime`);
  assert.equal(refusal(runtime, ""), "expected a DIR, got nothing");
});

Deno.test("values: MAC addresses are those of one station", () => {
  const mac = values.macAddress();
  assert.deepEqual(parse(mac, "02:00:5E:10:00:ff"), Uint8Array.of(2, 0, 0x5e, 0x10, 0, 0xff));
  assert.equal(mac.format(Uint8Array.of(2, 0, 0, 0, 0, 0x99)), "02:00:00:00:00:99");
  for (const text of ["", "02-00-00-00-00-99", "2:0:0:0:0:99", "02:00:00:00:00", "02:00:00:00:00:99:00"]) {
    assert.equal(
      refusal(mac, text),
      `expected a MAC address such as 02:00:00:00:00:99, got ${JSON.stringify(text)}`,
    );
  }
  assert.match(refusal(mac, "ff:ff:ff:ff:ff:ff"), /^expected a unicast MAC address/);
});

Deno.test("values: codec lists keep their order, sinks say what they could be", () => {
  assert.deepEqual(parse(values.codecList(), "./a.ts, http2to1"), ["./a.ts", "http2to1"]);
  assert.equal(
    refusal(values.codecList(), "a,,b"),
    'expected codec names or paths joined with commas, got "a,,b"',
  );
  assert.equal(parse(values.sink(), "out.pcap").file?.format, "pcap");
  assert.match(
    refusal(values.sink(), "a name with spaces"),
    /^expected an interface, a file ending in .+, got "a name with spaces"$/,
  );
});
