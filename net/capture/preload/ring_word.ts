// SPDX-License-Identifier: MIT
/** The words `head` and `tail` of a ring: number, slot and unit of data behind a record, in 64 bits that are written together. @module */
import { WORD } from "../record/layout.ts";

/** Of a word of the ring: the number of a record. */
export const SEQUENCE_MASK = (1 << WORD.slotShift) - 1;
/** A unit of the data area. */
export const UNIT_MASK = (1 << WORD.dataBits) - 1;

/** A word's slot begins in its low half and ends in its high one. */
const SLOT_LOW_BITS = 32 - WORD.slotShift;
const SLOT_MASK = (1 << WORD.slotBits) - 1;
const DATA_SHIFT_HIGH = WORD.dataShift - 32;
const SLOTS = 2 ** WORD.slotBits;
const SLOT_SHIFT_64 = BigInt(WORD.slotShift);

/** A word of the ring, not fresh. */
export function wordOf(sequence: number, slot: number, unit: number): bigint {
  return BigInt.asIntN(64, BigInt(unit * SLOTS + slot) << SLOT_SHIFT_64 | BigInt(sequence));
}

/** Slot of a word of the ring, given its halves. */
export function slotOf(low: number, high: number): number {
  return (low >>> WORD.slotShift | high << SLOT_LOW_BITS) & SLOT_MASK;
}

/** Unit of data of a word of the ring, given its high half. */
export function unitOf(high: number): number {
  return (high >>> DATA_SHIFT_HIGH) & UNIT_MASK;
}
