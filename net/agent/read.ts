// SPDX-License-Identifier: MIT
/** Looks at a capture that an agent or collector has written, as an agent looks at clear text. @module */
import { isRecording } from "../capture/recording/reader.ts";
import { CaptureFileError, CaptureReader, NoCaptureError } from "../wire/capture_reader.ts";
import type { PageSubject } from "../page/server.ts";
import { CaptureView } from "../view/capture_view.ts";
import { checkFiles } from "../settings/files.ts";
import { checkPage, openPage, pageEntries, type PageSettings } from "../settings/page.ts";
import { parsed } from "../settings/schema.ts";
import { VERSION } from "../settings/version.ts";
import type { View } from "../view/view.ts";
import * as v from "valibot";
import { checkView, checkViewFiles, openView, viewEntries, viewFiles, type ViewSettings } from "./view.ts";

/** What there was in a capture. */
export interface CaptureSummary {
  /** Packets, those of other protocols than TCP included. */
  readonly packets: number;
  /** TCP connections. */
  readonly flows: number;
  /** Why the file was not read to its end; empty when it was. */
  readonly damage: string;
}

/** What is to be done with a capture. */
export interface ReadSettings extends ViewSettings, PageSettings {
  /** Path of the capture, which nothing may be written to. Default: it is no file. */
  readonly path?: string;
  /** Told the address of the page, with the token that it asks for. */
  readonly pageOpened?: (url: string) => void;
  /** Ends the reading, and the page, which without it is there until the capture has been read. */
  readonly signal?: AbortSignal;
}

const schema = v.strictObject({ path: v.optional(v.string()), ...viewEntries, ...pageEntries });
const NS_PER_MS = 1_000_000n;

/**
 * Has the exchanges of a capture (pcapng or pcap over Ethernet) given to the readers of `settings`, and shown by a page where one is asked
 * for. What stands before a damage is read. Throws a {@linkcode BadSetting} for a setting that is wrong, and what opening the file throws.
 */
export async function readCapture(
  file: ReadableStream<Uint8Array>,
  { pageOpened, signal, ...settings }: ReadSettings,
): Promise<CaptureSummary> {
  const checked = parsed(schema, settings);
  const { path } = checked;
  const inputs = path === undefined ? [] : [{ path, kind: "capture" as const }];
  checkFiles({ inputs, outputs: viewFiles(checked) });
  checkView(checked, []);
  checkViewFiles(checked);
  checkPage(checked);
  const page = await openPage(checked);
  try {
    const reading = new CaptureReading((timeBaseNs) => {
      const view = openView(checked, timeBaseNs, () => ({}), page && {});
      if (view !== undefined) page?.begin(subjectOf(view, timeBaseNs, checked));
      return view;
    });
    if (page !== undefined) pageOpened?.(page.url);
    const summary = await reading.read(file, signal);
    if (page !== undefined && signal !== undefined) await aborted(signal);
    return summary;
  } finally {
    await page?.close();
  }
}

function subjectOf(
  { readable }: View,
  timeBaseNs: bigint,
  { bodyBytes, showSecrets: showsSecrets }: { readonly bodyBytes: number; readonly showSecrets: boolean },
): PageSubject {
  return { log: { ...readable, timeBaseNs, showsSecrets, portMap: new Map() }, bodyBytes, version: VERSION };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

function isOfRecording(error: CaptureFileError): boolean {
  return error instanceof NoCaptureError && isRecording(error.head);
}

/** A capture on its way into an exchange log. */
class CaptureReading {
  readonly #open: (timeBaseNs: bigint) => View | undefined;
  readonly #reader = new CaptureReader();
  #packets = 0;
  #view: View | undefined;
  #capture: CaptureView | undefined;
  #timeBaseNs = 0n;
  #timeNs = 0;

  /** `open` makes who looks, when it is known what times count from. */
  constructor(open: (timeBaseNs: bigint) => View | undefined) {
    this.#open = open;
  }

  async read(file: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): Promise<CaptureSummary> {
    const source = file.getReader();
    signal?.addEventListener("abort", () => void source.cancel().catch(() => {}));
    let damage = "";
    try {
      for (let part = await source.read(); !part.done; part = await source.read()) {
        this.#reader.push(part.value);
        this.#take();
        await this.#view?.catchUp();
      }
      if (this.#reader.pendingBytes > 0 && !signal?.aborted) damage = "it ends in the middle of a packet";
    } catch (error) {
      if (!(error instanceof CaptureFileError)) throw error;
      damage = isOfRecording(error) ? "it is a recording, for sslcollector replay" : error.message;
    }
    if (this.#packets === 0) this.#begin(0n);
    this.#capture?.end(this.#timeNs);
    await this.#view?.finish();
    return { packets: this.#packets, flows: this.#capture?.flows ?? 0, damage };
  }

  #take(): void {
    for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
      // Whole milliseconds, so that times that are told as such are not rounded twice.
      if (this.#packets++ === 0) this.#begin(packet.timeNs / NS_PER_MS * NS_PER_MS);
      this.#timeNs = Number(packet.timeNs - this.#timeBaseNs);
      this.#capture?.packet(packet.frame, packet.comment, this.#timeNs);
    }
  }

  #begin(timeBaseNs: bigint): void {
    const view = this.#open(timeBaseNs);
    this.#timeBaseNs = timeBaseNs;
    this.#view = view;
    this.#capture = view && new CaptureView((facts, timeNs) => view.open(facts, timeNs));
  }
}
