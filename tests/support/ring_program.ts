// SPDX-License-Identifier: MIT
/**
 * A program of its own with a region for the agent in the directory given. With `broken` it joins, writes an open flow with
 * `finished` bytes, one record begun and not finished, one after it, and waits to be killed. With `refused` it hands a region over that
 * may be cut off, has another one that says what cannot be, and waits likewise. With `commanded` it does what it is told, one line at a
 * time, and answers each with a line:
 *
 *     join            hands its region over
 *     write N SIZE    N pieces of SIZE bytes on one flow, each byte the low byte of its offset; bytes so far
 *     flush           tells what is missing; whether nothing is left
 *     region          makes one more region, that is not handed over
 *     fork            has what `write` does in a ring of its own from now on: the next of the region
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { KIND, REGION } from "../../net/capture/record/layout.ts";
import { encodeOpen } from "../../net/capture/recording/record_writer.ts";
import { OPEN_EXAMPLE } from "./capture_examples.ts";
import { FlowWriter, handOver, joinAgent, RegionWriter, USUAL } from "./ring_writer.ts";

const OPEN_FLOW = encodeOpen({ ...OPEN_EXAMPLE, offsets: [0, 0], inherited: false, late: false });

async function broken(directory: string): Promise<void> {
  const { ring } = joinAgent(directory);
  const payload = new TextEncoder().encode("finished");
  ring.write({ kind: KIND.data, flow: 5, payload });
  ring.write({ kind: KIND.gap, flow: 5, offset: payload.length, amount: 30 });
  ring.tellGap(30);
  ring.reserve(10);
  ring.write({ kind: KIND.data, flow: 6, payload });
  ring.drop(100);
  await waitToBeKilled();
}

async function refused(directory: string): Promise<void> {
  handOver(new RegionWriter(USUAL, directory, 0), directory);
  const mistaken = new RegionWriter(USUAL, directory);
  mistaken.begin();
  mistaken.page.setUint32(REGION.ringCount, 0, true);
  await waitToBeKilled();
}

async function waitToBeKilled(): Promise<void> {
  console.log("ready");
  await new Promise(() => setInterval(() => {}, 1e6));
}

/** Bytes that show where they lie. */
function piece(offset: number, lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, i) => (offset + i) & 0xff);
}

async function commanded(directory: string): Promise<void> {
  const region = new RegionWriter({ ...USUAL, initialData: 1 << 20, initialSlots: 2048 }, directory);
  const regions = [region];
  let rings = 0;
  const next = () => new FlowWriter(region.claim(rings++, Deno.pid), 5, OPEN_FLOW);
  let flow = next();
  const commands: Record<string, (...numbers: number[]) => unknown> = {
    join: () => handOver(region, directory),
    write(count, size) {
      for (let i = 0; i < count; i++) flow.write(piece(flow.offset, size));
      return flow.offset;
    },
    flush: () => flow.flush(),
    region() {
      regions.push(new RegionWriter(USUAL, directory));
    },
    fork() {
      flow = next();
    },
  };
  console.log("ready");
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const [command, ...numbers] = line.split(" ");
    console.log(String(commands[command](...numbers.map(Number)) ?? "done"));
  }
}

if (import.meta.main) {
  const [mode, directory] = Deno.args;
  const modes: Record<string, (directory: string) => Promise<void>> = { broken, refused, commanded };
  await modes[mode](directory);
}
