// SPDX-License-Identifier: MIT
/** A pipeline that is looked at, with what readers of its exchange log get. */
import type { Codec } from "../../codecs/codec.ts";
import type { Direction } from "../../codecs/direction.ts";
import { raw } from "../../codecs/raw.ts";
import type { CaptureOpen } from "../../net/capture/target.ts";
import type { Entry, Exchange } from "../../net/view/exchange.ts";
import { LogReader } from "../../net/view/log_reader.ts";
import { View, type ViewOptions } from "../../net/view/view.ts";
import { makeOpen, PipelineHarness } from "./pipeline_harness.ts";

const encoder = new TextEncoder();

export class ViewHarness {
  readonly entries: Entry[] = [];
  readonly view: View;
  readonly mirror: PipelineHarness;
  /** What readers of flows threw. */
  readonly failures: unknown[] = [];
  missed = 0;
  /** Whether flows are looked at. */
  isLooking = true;
  #timeNs = 1e9;
  readonly #later: LogReader | undefined;
  readonly #offsets = new Map<string, number>();

  /** `later`: nobody reads as it is written, but who asks for {@linkcode exchanges}. */
  constructor(
    options: Partial<ViewOptions> = {},
    codecs: readonly Codec[] = [raw],
    read: "at once" | "later" = "at once",
  ) {
    const reader = {
      take: (entry: Entry) => void this.entries.push(entry),
      missed: (count: number) => void (this.missed += count),
    };
    this.view = new View(
      { logBytes: 1024 * 1024, failed: (error) => this.failures.push(error), ...options },
      read === "later" ? [] : [reader],
    );
    if (read === "later") this.#later = new LogReader(this.view.readable);
    this.mirror = new PipelineHarness({
      codecs,
      tap: (flow) => this.isLooking ? this.view.tap(flow) : undefined,
    });
  }

  open(flow: number, changes: Partial<CaptureOpen> = {}): void {
    const address = { ...makeOpen().address!, localPort: 40_000 + flow };
    this.mirror.pipeline.open(
      this.mirror.program,
      flow,
      makeOpen({
        address,
        clientRandom: flow.toString(16).padStart(64, "0"),
        ...changes,
      }),
      this.#timeNs,
    );
  }

  /** Each piece is a millisecond later than the last. */
  send(flow: number, direction: Direction, piece: string | Uint8Array): void {
    const bytes = typeof piece === "string" ? encoder.encode(piece) : piece;
    this.mirror.pipeline.data(
      this.mirror.program,
      flow,
      direction,
      this.#advance(flow, direction, bytes.length),
      bytes,
      this.#timeNs += 1e6,
    );
  }

  gap(flow: number, direction: Direction, length: number): void {
    const offset = this.#advance(flow, direction, length);
    this.mirror.pipeline.gap(
      this.mirror.program,
      flow,
      { direction, offset, length, reason: "ring-full" },
      this.#timeNs += 1e6,
    );
  }

  close(flow: number): void {
    this.mirror.pipeline.close(this.mirror.program, flow, "orderly", this.#timeNs += 1e6);
  }

  /** Nothing happens for so long. */
  wait(ms: number): void {
    this.#timeNs += ms * 1e6;
  }

  /** What has ended so far. */
  exchanges(): Exchange[] {
    this.read();
    return this.entries.filter((entry) => entry.kind === "exchange");
  }

  /** Has readers read what has ended so far. */
  read(): void {
    this.view.flush();
    if (this.#later !== undefined) this.entries.push(...this.#later.ended());
  }

  /** `GET /a 200 5 cut`: method, target, status, bytes of the response, why it is cut. */
  lines(): string[] {
    return this.exchanges().map(({ method, target, status, responseBytes, cut }) =>
      [method, target, status, responseBytes, cut].join(" ").trim()
    );
  }

  #advance(flow: number, direction: Direction, length: number): number {
    const key = `${flow} ${direction}`;
    const offset = this.#offsets.get(key) ?? 0;
    this.#offsets.set(key, offset + length);
    return offset;
  }
}
