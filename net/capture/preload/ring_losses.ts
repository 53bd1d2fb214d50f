// SPDX-License-Identifier: MIT
/**
 * What rings and regions count of bytes and sessions that found no room. The numbers are the programs' own: no more is passed on
 * than their processes can have done.
 *
 * @module
 */
import type { CaptureLoss } from "../target.ts";
import { REGION, RING } from "../record/layout.ts";
import type { LossAllowance } from "./loss_allowance.ts";
import type { ProgramRing } from "./program_ring.ts";
import type { Region } from "./region.ts";

/** A session or a record costs its process at least what so many bytes cost. */
const BYTES_EACH = 1000;

/** What a ring that is read no more leaves to tell. */
export function lossesOfRing({ reader, allowance, since }: ProgramRing): CaptureLoss[] {
  const bytes = since(RING.droppedBytes) - since(RING.gapBytes);
  return told(allowance, [
    { reason: "skipped", unit: "bytes", amount: since(RING.skippedBytes) },
    { reason: "flow-skipped", unit: "sessions", amount: since(RING.skippedSessions) },
    { reason: "ring-full", unit: "bytes", amount: bytes },
    { reason: "unfinished-records", unit: "records", amount: reader.holes },
    { reason: "dropped-records", unit: "records", amount: since(RING.droppedRecords) },
    { reason: "sessions-unmirrored", unit: "sessions", amount: since(RING.unmirrored) },
    { reason: "sessions-lost", unit: "sessions", amount: since(RING.lostSessions) },
  ]);
}

/** What a region counts of processes that found no ring, and how many libraries pass the hook by. */
export function lossesOfRegion(
  region: Region,
  allowance: LossAllowance,
): { losses: CaptureLoss[]; ringless: number; uncorrected: number } {
  const count = (offset: number) => allowance.cap(region.counter(offset) * BYTES_EACH) / BYTES_EACH;
  return {
    losses: told(allowance, [
      { reason: "no-ring", unit: "bytes", amount: region.counter(REGION.ringlessBytes) },
      { reason: "no-ring", unit: "sessions", amount: region.counter(REGION.ringlessSessions) },
    ]),
    ringless: Math.floor(count(REGION.ringless)),
    uncorrected: Math.floor(count(REGION.uncorrected)),
  };
}

/** Those of which there is something, as much of each as can be. */
function told(allowance: LossAllowance, losses: readonly CaptureLoss[]): CaptureLoss[] {
  return losses.filter(({ amount }) => amount > 0).map((loss) => {
    const each = loss.unit === "bytes" ? 1 : BYTES_EACH;
    return { ...loss, amount: Math.floor(allowance.cap(loss.amount * each) / each) };
  });
}

/** What a program lost while nobody read its ring, for people; undefined when that was nothing. */
export function describeEarlierLoss({ reader }: ProgramRing): string | undefined {
  const bytes = reader.header.counter(RING.droppedBytes);
  const sessions = reader.header.counter(RING.lostSessions) + reader.header.counter(RING.unmirrored);
  if (bytes === 0 && sessions === 0) return undefined;
  const from = timeText(reader.header.clock(RING.dropFirstNs));
  const to = timeText(reader.header.clock(RING.dropLastNs));
  return `had lost ${bytes} bytes and ${sessions} whole sessions before it was served, from ${from} to ${to}`;
}

function timeText(timeNs: number): string {
  const time = new Date(timeNs / 1e6);
  return timeNs === 0 || Number.isNaN(time.getTime()) ? "an unknown time" : time.toISOString();
}
