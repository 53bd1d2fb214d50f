// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  type Codec,
  CODEC_CONTRACT,
  type CodecOutput,
  type CodecSession,
  type CodecVerdict,
} from "../../../codecs/codec.ts";
import { makeOpen, PipelineHarness, text } from "../../support/pipeline_harness.ts";

const encode = (value: string) => new TextEncoder().encode(value);

/** A codec of one function over text, which `wants` decides about. */
function codec(
  name: string,
  open: (output: CodecOutput) => Partial<CodecSession>,
  wants: (toServer: string, final: boolean) => CodecVerdict = () => "accept",
): Codec {
  return {
    name,
    contract: CODEC_CONTRACT,
    probe: ({ toServer, final }) => wants(text(toServer), final),
    open: (_flow, output) => ({ data() {}, gap() {}, end() {}, ...open(output) }),
  };
}

const upper = codec("upper", (output) => ({
  data: (direction, bytes) => output.write(0, direction, encode(text(bytes).toUpperCase())),
}));

const bracket = codec("bracket", (output) => ({
  data: (direction, bytes) => output.write(0, direction, encode(`[${text(bytes)}]`)),
  end: (direction) => output.write(0, direction, encode("$")),
}));

/** Puts every word on a lane of its own and closes it. */
const words = codec("words", (output) => ({
  data(direction, bytes) {
    for (const word of text(bytes).split(" ")) {
      const lane = output.openLane(`word ${word}`);
      output.write(lane, direction, encode(word));
      output.close(lane, "fin");
    }
  },
}));

function play(codecs: Codec[], ...pieces: string[]) {
  const harness = new PipelineHarness({ codecs });
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  let offset = 0;
  for (const piece of pieces) {
    harness.data(1, 0, offset, piece);
    offset += piece.length;
  }
  harness.pipeline.close(harness.program, 1, "orderly", 2e9);
  assert.equal(harness.total().imbalance(), 0);
  return harness;
}

const streams = (harness: PipelineHarness) => harness.connections().map((each) => text(each.streams[0]));

Deno.test("codecs apply in the order given, and the end goes down the chain", () => {
  assert.deepEqual(streams(play([upper, bracket], "ab", "cd")), ["[AB][CD]$"]);
  assert.deepEqual(streams(play([bracket, upper], "ab", "cd")), ["[AB][CD]$"]);
});

Deno.test("every lane of one codec is a flow to the next", () => {
  const harness = play([words, bracket], "to be");
  assert.deepEqual(streams(harness), ["[to]$", "[be]$"]);
  const [first, second] = harness.connections();
  assert.match(first.comments.join(), /word to/);
  assert.match(first.name, /:30201>/);
  assert.match(second.name, /:30202>/);
  assert.deepEqual([first.end, second.end], ["fin", "fin"]);
});

Deno.test("a codec that declines is passed by", () => {
  const picky = codec("picky", () => ({}), () => "reject");
  assert.deepEqual(streams(play([picky, upper], "ab")), ["AB"]);
});

Deno.test("bytes are kept until the codec has decided, in both directions", () => {
  const patient = codec(
    "patient",
    (output) => ({
      data: (direction, bytes) => output.write(0, direction, encode(text(bytes).toUpperCase())),
    }),
    (toServer, final) => toServer.length >= 6 ? "accept" : final ? "reject" : "more",
  );
  assert.deepEqual(streams(play([patient], "abc", "def", "g")), ["ABCDEFG"]);
  assert.deepEqual(streams(play([patient], "abc")), ["abc"], "the end decides");
});

Deno.test("a gap before the first byte does not decide: the codec takes the flow as joined late, and gets the gap first", () => {
  const calls: string[] = [];
  const late: Codec = {
    ...upper,
    probe: ({ flow, toServer, final }) => {
      calls.push(`probe ${text(toServer)} ${flow.joinedLate} ${final}`);
      return toServer.length > 3 ? "accept" : "more";
    },
    open: ({ joinedLate }) => ({
      data: (_direction, bytes) => void calls.push(`data ${text(bytes)} ${joinedLate}`),
      gap: (_direction, length) => void calls.push(`gap ${length}`),
      end() {},
    }),
  };
  const harness = new PipelineHarness({ codecs: [late] });
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.pipeline.gap(harness.program, 1, { direction: 0, offset: 0, length: 10, reason: "ring-full" }, 1e9);
  harness.data(1, 0, 10, "ab");
  harness.data(1, 0, 12, "cd");
  assert.deepEqual(calls, [
    "probe  false false",
    "probe ab true false",
    "probe abcd true false",
    "gap 10",
    "data ab true",
    "data cd true",
  ]);
});

Deno.test("an undecided codec is told to decide after 64 KiB", () => {
  const never = codec("never", () => ({}), (_sample, final) => final ? "reject" : "more");
  const harness = new PipelineHarness({ codecs: [never] });
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, "x".repeat(65_535));
  assert.equal(harness.connections().length, 0);
  harness.data(1, 0, 65_535, "x");
  assert.equal(harness.connections()[0].streams[0].length, 65_536);
});

Deno.test("a probe or an open that throws counts as a failure and the flow is raw", () => {
  const throwing: Codec[] = [
    {
      ...codec("probe-throws", () => ({})),
      probe: () => {
        throw new Error("probe");
      },
    },
    {
      ...codec("open-throws", () => ({})),
      open: () => {
        throw new Error("open");
      },
    },
  ];
  for (const each of throwing) {
    const harness = play([each], "abc");
    assert.deepEqual(streams(harness), ["abc"]);
    assert.equal(harness.total().events.get(`codec-${each.name}-failed`), 1);
  }
});

Deno.test("lane 0 opens again after it was closed, other lanes do not", () => {
  const reopening = codec("reopening", (output) => ({
    data(direction, bytes) {
      output.write(0, direction, bytes);
      output.close(0, "fin");
      const lane = output.openLane("side");
      output.close(lane, "reset");
      output.write(lane, direction, encode("late"));
    },
  }));
  const harness = play([reopening], "one", "two");
  assert.deepEqual(streams(harness), ["one", "two"]);
  assert.equal(new Set(harness.connections().map(({ name }) => name)).size, 1);
  assert.deepEqual(harness.total().unforged.get("lane-closed"), [8, 0]);
});

/** Keeps all and writes it at the end of its flow, to that lane and a second one that it leaves open. */
const keeper = codec("keeper", (output) => {
  let kept = "";
  let aside: number | undefined;
  return {
    data(direction, bytes) {
      kept += text(bytes);
      if (aside !== undefined) return;
      aside = output.openLane("aside");
      output.write(aside, direction, encode("beside"));
    },
    end(direction) {
      output.write(0, direction, encode(direction === 0 ? `${kept}.` : "."));
    },
  };
});

Deno.test("a lane that is reset gives up what the next codec holds, and takes with it the lanes that one opened", () => {
  const resetting = codec("resetting", (output) => ({
    data(direction, bytes) {
      for (const lane of [0, output.openLane("own")]) {
        output.write(lane, direction, bytes);
        output.close(lane, "reset");
      }
      output.write(0, direction, encode("left open"));
    },
  }));
  const harness = play([resetting, keeper], "ab");
  const seen = harness.connections().map(({ streams, end }) => [...streams.map(text), end].join(" "));
  const whole = "ab. . reset", beside = "beside  reset";
  assert.deepEqual(seen.sort(), [whole, whole, beside, beside, "left open. . fin", "beside  fin"].sort());
  assert.equal(harness.total().unforged.size, 0);
});

Deno.test("lanes that a codec leaves open on a closed lane do not stay open", () => {
  const harness = new PipelineHarness({ codecs: [words, keeper] });
  harness.pipeline.open(harness.program, 1, makeOpen(), 1e9);
  harness.data(1, 0, 0, "to be");
  assert.deepEqual(harness.connections().map(({ end }) => end), ["fin", "fin", "fin", "fin"]);
});

Deno.test("each end is told once, after all that was written", () => {
  const told: string[] = [];
  const late = codec("late", (output) => ({
    end(direction) {
      if (direction === 0) return;
      output.write(0, 0, encode("request"));
      output.close(0, "fin");
    },
  }));
  const listener = codec("listener", () => ({
    data: (direction) => void told.push(`data ${direction}`),
    end: (direction) => void told.push(`end ${direction}`),
  }));
  play([late, listener], "ab");
  assert.deepEqual(told, ["data 0", "end 0", "end 1"]);
});
