// SPDX-License-Identifier: MIT
/** Looks at a capture that an agent or collector has written, as an agent looks at clear text. @module */
import { CaptureFileError, CaptureReader } from "../wire/capture_reader.ts";
import { CaptureView } from "../view/capture_view.ts";
import { parsed } from "../settings/schema.ts";
import * as v from "valibot";
import { checkView, openView, viewEntries, type ViewSettings } from "./view.ts";

/** What there was in a capture. */
export interface CaptureSummary {
  /** Packets, those of other protocols than TCP included. */
  readonly packets: number;
  /** TCP connections. */
  readonly flows: number;
  /** Why the file was not read to its end; empty when it was. */
  readonly damage: string;
}

const schema = v.strictObject(viewEntries);
const NS_PER_MS = 1_000_000n;

/**
 * Has the exchanges of a capture (pcapng or pcap over Ethernet) given to the readers of `settings`. What stands before a damage is
 * read. Throws a {@linkcode BadSetting} for a setting that is wrong, and what opening the file throws.
 */
export async function readCapture(
  file: ReadableStream<Uint8Array>,
  settings: ViewSettings,
): Promise<CaptureSummary> {
  const checked = parsed(schema, settings);
  checkView(checked, []);
  const reader = new CaptureReader();
  let packets = 0;
  let view: ReturnType<typeof openView>;
  let capture: CaptureView | undefined;
  let timeBaseNs = 0n;
  let timeNs = 0;
  const take = () => {
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      if (packets++ === 0) {
        // Whole milliseconds, so that times that are told as such are not rounded twice.
        timeBaseNs = packet.timeNs / NS_PER_MS * NS_PER_MS;
        view = openView(checked, timeBaseNs, () => ({}));
        capture = new CaptureView((facts, timeNs) => view!.open(facts, timeNs));
      }
      timeNs = Number(packet.timeNs - timeBaseNs);
      if (view !== undefined) capture!.packet(packet.frame, packet.comment, timeNs);
    }
  };
  let damage = "";
  try {
    for await (const bytes of file) {
      reader.push(bytes);
      take();
      await view?.catchUp();
    }
    if (reader.pendingBytes > 0) damage = "it ends in the middle of a packet";
  } catch (error) {
    if (!(error instanceof CaptureFileError)) throw error;
    damage = error.message;
  }
  capture?.end(timeNs);
  await view?.finish();
  return { packets, flows: capture?.flows ?? 0, damage };
}
