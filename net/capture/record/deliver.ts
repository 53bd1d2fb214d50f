// SPDX-License-Identifier: MIT
/**
 * One record, checked and handed to a {@linkcode CaptureTarget}: what rings and recordings have in common.
 *
 * @module
 */
import type { Direction } from "../../../codecs/direction.ts";
import type { CaptureProgram, CaptureTarget } from "../target.ts";
import { FLAG, KIND, parseHello, parseOpen, RecordError } from "./layout.ts";

/**
 * Calls the one method of `target` that the record is for. `payload` is borrowed. Numbers are NaN when they were out
 * of range; `amount` is of a gap the missing bytes, of an open the offset to client.
 *
 * @throws {RecordError} when the record cannot be an honest hook's; `target` was not called then.
 */
export function deliver(
  target: CaptureTarget,
  program: CaptureProgram,
  kind: number,
  direction: number,
  flags: number,
  flow: number,
  offset: number,
  amount: number,
  payload: Uint8Array,
  timeNs: number,
): void {
  if (direction > 1) throw new RecordError(`a record has direction ${direction}`);
  if (!(flow >= 0)) throw new RecordError("a flow id is out of range");
  if (flow === 0 && kind !== KIND.hello) throw new RecordError("a record belongs to no flow");
  if (!(offset >= 0)) throw new RecordError("an offset is out of range");
  switch (kind) {
    case KIND.data:
      if (payload.length > 0) {
        target.data(program, flow, direction as Direction, offset, payload, timeNs);
      }
      return;
    case KIND.gap:
      if (!(amount > 0)) throw new RecordError("the length of a gap is out of range");
      target.gap(
        program,
        flow,
        direction as Direction,
        offset,
        amount,
        (flags & FLAG.neverUser) !== 0,
        timeNs,
      );
      return;
    case KIND.open: {
      if (!(amount >= 0)) throw new RecordError("an offset is out of range");
      const open = parseOpen(payload, flags, offset, amount);
      const known = {
        ...open,
        pid: program.pid,
        uid: program.uid,
        comm: open.comm === "" ? program.comm : open.comm,
      };
      target.open(program, flow, known, timeNs);
      return;
    }
    case KIND.hello:
      target.hello(program, parseHello(payload), timeNs);
      return;
    case KIND.close:
      target.close(program, flow, (flags & FLAG.orderly) !== 0 ? "orderly" : "abrupt", timeNs);
      return;
    default:
      throw new RecordError(`a record is of unknown kind ${kind}`);
  }
}
