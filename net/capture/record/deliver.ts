// SPDX-License-Identifier: MIT
/**
 * One record, checked and handed to a {@linkcode CaptureTarget}: what rings and recordings have in common.
 *
 * @module
 */
import type { Direction } from "../../../codecs/direction.ts";
import { AddressCheck } from "../address_check.ts";
import type { CaptureAddress, CaptureProgram, CaptureTarget } from "../target.ts";
import { FLAG, KIND, parseHello, parseOpen, RecordError } from "./layout.ts";

/**
 * What stands before a record's payload. A reader has one and fills it again for each record. Numbers are NaN when they
 * were out of range.
 */
export class RecordHead {
  kind = 0;
  direction = 0;
  flags = 0;
  flow = NaN;
  offset = NaN;
  /** Of a gap the missing bytes, of an open the offset to client. */
  amount = NaN;
  timeNs = NaN;
}

/** What a record does not say itself, or not in the same way in a ring and in a recording. */
export interface RecordMeaning {
  /** What the kernel says of an address that a program claims; undefined when it cannot be asked. */
  confirms(program: CaptureProgram, address: CaptureAddress, flags: number): boolean | undefined;
  /** Why the bytes of a gap are missing. */
  gapReason(flags: number, payload: Uint8Array): string;
}

function gapReason(flags: number): string {
  return (flags & FLAG.neverUser) !== 0 ? "sendfile" : "ring-full";
}

const addresses = new AddressCheck();

/** Of the records of a ring: the kernel is asked about its program's addresses. */
export const RING_MEANING: RecordMeaning = {
  confirms: (program, address) => addresses.confirms(program, address),
  gapReason,
};

/** Of records that are read when nobody can be asked about their program any more. */
export const PAST_MEANING: RecordMeaning = { confirms: () => undefined, gapReason };

/**
 * Calls the one method of `target` that the record is for. `payload` is borrowed.
 *
 * @throws {RecordError} when the record cannot be an honest hook's; `target` was not called then.
 */
export function deliver(
  target: CaptureTarget,
  program: CaptureProgram,
  head: RecordHead,
  payload: Uint8Array,
  meaning: RecordMeaning,
): void {
  const { kind, flags, flow, offset, timeNs } = head;
  if (head.direction > 1) throw new RecordError(`a record has direction ${head.direction}`);
  if (!(flow >= 0)) throw new RecordError("a flow id is out of range");
  if (flow === 0 && kind !== KIND.hello) throw new RecordError("a record belongs to no flow");
  if (!(offset >= 0)) throw new RecordError("an offset is out of range");
  const direction = head.direction as Direction;
  switch (kind) {
    case KIND.data:
      if (payload.length > 0) target.data(program, flow, direction, offset, payload, timeNs);
      return;
    case KIND.gap: {
      const length = head.amount;
      if (!(length > 0)) throw new RecordError("the length of a gap is out of range");
      const reason = meaning.gapReason(flags, payload);
      target.gap(program, flow, { direction, offset, length, reason }, timeNs);
      return;
    }
    case KIND.open: {
      if (!(head.amount >= 0)) throw new RecordError("an offset is out of range");
      const open = parseOpen(payload, flags, offset, head.amount);
      const known = {
        ...open,
        address: confirmed(program, open.address, flags, meaning),
        pid: program.pid,
        uid: program.uid,
        comm: open.comm === "" ? program.comm : open.comm,
      };
      target.open(program, flow, known, timeNs);
      return;
    }
    case KIND.hello: {
      const hello = parseHello(payload);
      const address = confirmed(program, hello.address, flags, meaning);
      target.hello(program, { ...hello, address }, timeNs);
      return;
    }
    case KIND.close:
      target.close(program, flow, (flags & FLAG.orderly) !== 0 ? "orderly" : "abrupt", timeNs);
      return;
    default:
      throw new RecordError(`a record is of unknown kind ${kind}`);
  }
}

/** The address with the kernel's word on it. */
function confirmed(
  program: CaptureProgram,
  address: CaptureAddress | undefined,
  flags: number,
  meaning: RecordMeaning,
): CaptureAddress | undefined {
  const answer = address && meaning.confirms(program, address, flags);
  return answer === undefined ? address : { ...address!, confirmed: answer };
}
