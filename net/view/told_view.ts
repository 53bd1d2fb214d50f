// SPDX-License-Identifier: MIT
/** A connection of HTTP/2 into the exchange log, as the codec that rewrites it reads it: nothing is read twice. @module */
import type { Http2To1Session } from "../../codecs/http2to1/session.ts";
import { Http2Rows } from "./http2_rows.ts";
import { Protocol } from "./log_layout.ts";
import type { ProtocolView, ViewContext } from "./protocol_view.ts";

export class ToldView implements ProtocolView {
  readonly protocol = Protocol.HTTP_2;
  readonly #rows: Http2Rows;
  readonly #session: Http2To1Session;

  /** `failed` is told what writing the log threw. */
  constructor(
    context: ViewContext,
    session: Http2To1Session,
    failed: (error: unknown, timeNs: number) => void,
  ) {
    this.#session = session;
    this.#rows = new Http2Rows(context);
    session.watch(this.#rows, (error) => failed(error, this.#rows.timeNs));
  }

  data(): void {}

  gap(): void {}

  end(timeNs: number): void {
    this.#rows.timeNs = timeNs;
    this.#session.unwatch();
  }
}
