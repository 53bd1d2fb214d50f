// SPDX-License-Identifier: MIT
/**
 * A {@linkcode CaptureTarget} that keeps what it is told.
 *
 * @module
 */
import type { CaptureProgram, CaptureProgramEnd, CaptureTarget } from "../../net/capture/target.ts";
import { awaited } from "./until.ts";

/** Every call in order: the method's name, then its arguments; bytes are copied. */
export type CaptureCall = [string, ...unknown[]];

export class CaptureLog implements CaptureTarget {
  readonly calls: CaptureCall[] = [];
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  #add(...call: CaptureCall): void {
    this.calls.push(call);
    this.#waiting = this.#waiting.filter(({ condition, resolve }) => !condition() || void resolve());
  }

  /** Resolves as soon as `condition` holds; it is asked after every call. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ condition, resolve });
    return awaited(`${condition}`, promise);
  }

  /** Calls of one method. */
  of(method: keyof CaptureTarget): CaptureCall[] {
    return this.calls.filter((call) => call[0] === method);
  }

  /** Calls of one program without ticks. */
  for(id: number): CaptureCall[] {
    return this.calls.filter((call) => (call[1] as CaptureProgram).id === id);
  }

  /** How a program ended. */
  end(id: number): CaptureProgramEnd | undefined {
    const call = this.of("programEnd").find((call) => (call[1] as CaptureProgram).id === id);
    return call?.[2] as CaptureProgramEnd | undefined;
  }

  programStart: CaptureTarget["programStart"] = (...call) => this.#add("programStart", ...call);
  open: CaptureTarget["open"] = (...call) => this.#add("open", ...call);
  hello: CaptureTarget["hello"] = (...call) => this.#add("hello", ...call);
  wire: CaptureTarget["wire"] = (...call) => this.#add("wire", ...call);
  data: CaptureTarget["data"] = (program, flow, direction, offset, bytes, timeNs) =>
    this.#add("data", program, flow, direction, offset, bytes.slice(), timeNs);
  gap: CaptureTarget["gap"] = (...call) => this.#add("gap", ...call);
  close: CaptureTarget["close"] = (...call) => this.#add("close", ...call);
  programEnd: CaptureTarget["programEnd"] = (...call) => this.#add("programEnd", ...call);
  tick: CaptureTarget["tick"] = (...call) => this.#add("tick", ...call);
}
