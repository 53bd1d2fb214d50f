// SPDX-License-Identifier: MIT
/** Drives a codec by hand and keeps what it writes: by lane and connection, and as packets for an IDS to judge. @module */
import type { Codec, CodecFlow, CodecOutput, CodecSession, Direction, Lane } from "../../codecs/codec.ts";
import type { FlowKey } from "../../net/wire/flow_key.ts";
import { Counters } from "../../net/mirror/counters.ts";
import { LanePorts } from "../../net/mirror/lane_ports.ts";
import { Lanes } from "../../net/mirror/lanes.ts";
import { IPV4_KEY, Recorder, testSettings } from "./capture.ts";
import { type Http1Exchange, type Http1Message, readHttp1 } from "./http1_reader.ts";
import { join } from "./http2_frames.ts";

/** One TCP connection that a codec asked for. */
export interface LaneConnection {
  readonly lane: Lane;
  /** What openLane() said; empty for lane 0. */
  readonly comment: string;
  readonly streams: readonly [Uint8Array, Uint8Array];
  readonly gaps: readonly {
    readonly direction: Direction;
    readonly at: number;
    readonly lengthBytes: number;
  }[];
  readonly end: "open" | "fin" | "reset";
}

interface Building {
  lane: Lane;
  comment: string;
  parts: [Uint8Array[], Uint8Array[]];
  gaps: { direction: Direction; at: number; lengthBytes: number }[];
  end: "open" | "fin" | "reset";
}

/** What each direction of a raw lane of its own begins with. */
export const RAW_MARKER = "\r\nx-sslcollector-raw\r\n";

const LATEST_TIME_NS = 1e6;

export interface HarnessOptions {
  readonly flow?: Partial<CodecFlow>;
  /** Forges packets too, for {@linkcode CodecHarness.capture}. */
  readonly forge?: boolean;
  /** Where packets go, to have several flows in one capture. */
  readonly recorder?: Recorder;
  /** The flow's 5-tuple; two flows of one capture differ in the client's address. */
  readonly key?: FlowKey;
}

export class CodecHarness {
  readonly session: CodecSession;
  readonly counts = new Map<string, number>();
  timeNs = LATEST_TIME_NS;
  readonly #all: Building[] = [];
  readonly #open = new Map<Lane, Building>();
  readonly #comments = new Map<Lane, string>();
  #lastLane = 0;
  readonly #recorder: Recorder | undefined;
  readonly #forged: Lanes | undefined;

  constructor(codec: Codec, options: HarnessOptions = {}) {
    this.#recorder = options.recorder ?? (options.forge ? new Recorder() : undefined);
    if (this.#recorder) {
      const forging = { buffer: this.#recorder.buffer, settings: testSettings() };
      this.#forged = new Lanes({
        key: options.key ?? IPV4_KEY,
        forging,
        ports: new LanePorts(() => false),
        counters: new Counters(),
        describe: () => "test",
      });
    }
    const flow = { alpn: "h2", sni: "example.test", isServer: false, serverPort: 443, joinedLate: false };
    this.session = codec.open({ ...flow, ...options.flow }, this.output());
  }

  // What the codec is given

  data(direction: Direction, bytes: Uint8Array): this {
    this.#tick(1000);
    this.session.data(direction, bytes, this.timeNs);
    return this;
  }

  gap(direction: Direction, lengthBytes: number): this {
    this.#tick(1000);
    this.session.gap(direction, lengthBytes, this.timeNs);
    return this;
  }

  /** Time passes. */
  tick(ns: number): this {
    this.#tick(ns);
    this.session.tick?.(this.timeNs);
    return this;
  }

  /** The flow ends. */
  end(): this {
    this.#tick(1000);
    this.session.end(0, this.timeNs);
    this.session.end(1, this.timeNs);
    this.#forged?.closeAll("fin");
    return this;
  }

  #tick(ns: number): void {
    this.timeNs += ns;
    if (this.#forged) {
      this.#forged.timeNs = this.timeNs;
      this.#forged.tick();
    }
  }

  /** What codecs write to. */
  output(): CodecOutput {
    return {
      write: (lane, direction, bytes) => {
        if (bytes.length === 0) throw new Error("an empty write");
        this.#lane(lane).parts[direction].push(bytes.slice());
        this.#forged?.write(lane, direction, bytes);
      },
      gap: (lane, direction, lengthBytes) => {
        const { gaps, parts } = this.#lane(lane);
        const at = parts[direction].reduce((sum, part) => sum + part.length, 0);
        gaps.push({ direction, at, lengthBytes });
        // Readers see as many bytes as there were.
        parts[direction].push(new Uint8Array(lengthBytes));
        this.#forged?.gap(lane, direction, lengthBytes);
      },
      openLane: (comment) => {
        const lane = ++this.#lastLane;
        this.#comments.set(lane, comment);
        if (this.#forged && this.#forged.openLane(comment) !== lane) {
          throw new Error("lanes are numbered otherwise");
        }
        return lane;
      },
      close: (lane, how) => {
        const open = this.#open.get(lane);
        if (open) open.end = how;
        this.#open.delete(lane);
        if (lane !== 0) this.#comments.delete(lane);
        this.#forged?.close(lane, how);
      },
      comment: (lane, text) => this.#forged?.comment(lane, text),
      count: (reason, amount = 1) => {
        if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(reason)) throw new Error(`reason ${reason}`);
        this.counts.set(reason, (this.counts.get(reason) ?? 0) + amount);
      },
    };
  }

  #lane(lane: Lane): Building {
    let open = this.#open.get(lane);
    if (!open) {
      const comment = lane === 0 ? "" : this.#comments.get(lane);
      if (comment === undefined) throw new Error(`lane ${lane} is not open`);
      open = { lane, comment, parts: [[], []], gaps: [], end: "open" };
      this.#open.set(lane, open);
      this.#all.push(open);
    }
    return open;
  }

  // What came out

  connections(): LaneConnection[] {
    return this.#all.map(({ lane, comment, parts, gaps, end }) => ({
      lane,
      comment,
      gaps,
      end,
      streams: [join(...parts[0]), join(...parts[1])],
    }));
  }

  /** Sizes of the writes to a lane and direction, over all its connections. */
  writes(lane: Lane, direction: Direction): number[] {
    return this.#all.filter((one) => one.lane === lane).flatMap(({ parts }) =>
      parts[direction].map((p) => p.length)
    );
  }

  /** All exchanges of all connections but raw ones, strictly read; throws where a parser could stumble. */
  exchanges(): (Http1Exchange & { connection: LaneConnection })[] {
    return this.#readable().flatMap((connection) =>
      readHttp1(...connection.streams).exchanges.map((exchange) => ({ ...exchange, connection }))
    );
  }

  /** Responses without a request. */
  orphans(): Http1Message[] {
    return this.#readable().flatMap((connection) => readHttp1(...connection.streams).orphans);
  }

  /** Connections that are HTTP/1.1: no raw ones, nor lane 0 of a flow that was no HTTP/2 from its first byte on. */
  #readable(): LaneConnection[] {
    const raw0 = this.counts.has("unreadable-preface");
    return this.connections().filter(({ lane, comment }) => !isRaw(comment) && !(raw0 && lane === 0));
  }

  /** `METHOD target status bytes of the response's body`, one line an exchange. */
  summary(): string[] {
    return this.exchanges().map(({ method, target, status, response }) =>
      `${method} ${target} ${status} ${response?.body.length ?? 0}`
    );
  }

  /** The forged packets as a pcapng file. */
  capture(): Uint8Array<ArrayBuffer> {
    return this.#recorder!.bytes();
  }
}

const isRaw = (comment: string): boolean =>
  /body without its head|body of a response to HEAD|could not be read/.test(comment);
