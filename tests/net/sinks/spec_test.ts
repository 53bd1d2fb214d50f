// SPDX-License-Identifier: MIT
/** Every form of `-o`: which kind of sink a value is of, and what others may ask of it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { SinkKind } from "../../../net/sinks/kind.ts";
import { SINK_KINDS } from "../../../net/sinks/list.ts";
import { parseSinkSpec, sinkForms } from "../../../net/sinks/spec.ts";

/** What is asked of a sink before it is open. */
function traits(text: string): Record<string, unknown> {
  const { name, flushes, file, interfaceName, takesStdout } = parseSinkSpec(text);
  assert.equal(name, text);
  return { flushes, file, interfaceName, takesStdout };
}

const NONE = { flushes: false, file: undefined, interfaceName: undefined, takesStdout: undefined };

Deno.test("every form of -o", () => {
  assert.deepEqual(traits("-"), { ...NONE, flushes: true, takesStdout: true });
  assert.deepEqual(traits("eth0"), { ...NONE, interfaceName: "eth0" });
  assert.deepEqual(traits("br-1.100"), { ...NONE, interfaceName: "br-1.100" });
  assert.deepEqual(traits("out.pcap"), { ...NONE, file: { path: "out.pcap", format: "pcap" } });
  assert.deepEqual(traits("./eth0"), { ...NONE, file: { path: "./eth0", format: "pcapng" } });
  for (const port of [1, 57012, 65535]) {
    assert.deepEqual(traits(`pcap-over-ip:${port}`), { ...NONE, flushes: true });
  }
});

Deno.test("what is of no kind is refused with every form that there is", () => {
  for (const text of ["", "a b", "eth0:1", "an-interface-name-too-long"]) {
    assert.throws(
      () => parseSinkSpec(text),
      new RangeError(`expected ${sinkForms()}, got ${JSON.stringify(text)}`),
    );
  }
  for (const { form } of SINK_KINDS) assert.ok(sinkForms().includes(form));
});

Deno.test("any text is a sink of its name, or refused by a line that quotes it", () => {
  const text = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[-a-z0-9:./[\]]{0,20}$/),
    fc.string().map((rest) => `pcap-over-ip:${rest}`),
  );
  fc.assert(fc.property(text, (text) => {
    try {
      assert.equal(parseSinkSpec(text).name, text);
    } catch (error) {
      assert.ok(error instanceof RangeError);
      assert.ok(error.message.endsWith(`, got ${JSON.stringify(text)}`), error.message);
    }
  }));
});

Deno.test("a kind that is added is asked first and named with the others", () => {
  const added: SinkKind = {
    form: "null:",
    description: "nowhere",
    parse: (text) => text === "null:" ? { ...parseSinkSpec("-"), name: text } : undefined,
  };
  const kinds = [...SINK_KINDS, added];
  assert.equal(parseSinkSpec("null:", kinds).name, "null:");
  assert.throws(() => parseSinkSpec("null:"), /expected an interface, /);
  assert.ok(sinkForms(kinds).endsWith(" or null:"));
});
