// SPDX-License-Identifier: MIT
/** Reading capture files: pcapng and pcap, little-endian, Ethernet, as sslcollector, dumpcap and tcpdump write them here. @module */
import { isCaptureMagic, PCAP_MAGIC_NANOSECONDS } from "./capture_magic.ts";
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE_DESCRIPTION,
  BLOCK_LENGTH,
  BLOCK_OVERHEAD,
  BLOCK_SECTION_HEADER,
  BLOCK_TYPE,
  BYTE_ORDER_MAGIC,
  LINKTYPE_ETHERNET,
  OPTION_COMMENT,
  OPTION_END,
  OPTION_IF_TSRESOL,
  PACKET_CAPTURED_LENGTH,
  PACKET_FRAME,
  PACKET_INTERFACE,
  PACKET_TIME_HIGH,
  PACKET_TIME_LOW,
  padded,
} from "./pcapng.ts";
import { PCAP_FILE_HEADER_LENGTH, PCAP_RECORD_CAPTURED_LENGTH, PCAP_RECORD_HEADER_LENGTH } from "./pcap.ts";

/** A packet of a capture. */
export interface CapturedPacket {
  /** Borrowed until the next packet. */
  readonly frame: Uint8Array;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** Empty when there is none. */
  readonly comment: string;
}

/** Why a file is no capture, or is damaged. */
export class CaptureFileError extends Error {
  override readonly name: string = "CaptureFileError";
}

/** A file that begins as no capture does. */
export class NoCaptureError extends CaptureFileError {
  override readonly name = "NoCaptureError";

  /** @param head what it begins with */
  constructor(readonly head: Uint8Array) {
    super("neither pcapng nor pcap in little-endian order");
  }
}

/** Far above any packet, far below what would fill memory. */
const BLOCK_BYTES_MAX = 16 * 1024 * 1024;
const decoder = new TextDecoder();

/** Takes a file in pieces. */
export class CaptureReader {
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = 0;
  #format: "unknown" | "pcapng" | "pcap" = "unknown";
  /** Nanoseconds of a tick, of each interface of a pcapng section; one for pcap. */
  #tickNs: bigint[] = [];

  /** Bytes that do not make a whole packet yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes a copy. */
  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The next packet, undefined when more bytes are needed. Throws {@linkcode CaptureFileError}. */
  next(): CapturedPacket | undefined {
    if (this.#format === "unknown" && !this.#begin()) return undefined;
    if (this.#format === "pcap") return this.#record();
    for (;;) {
      const length = this.#blockLength();
      if (length === undefined) return undefined;
      const at = this.#start;
      this.#start += length;
      const packet = this.#block(at, length);
      if (packet !== undefined) return packet;
    }
  }

  #makeRoom(lengthBytes: number): void {
    const pending = this.pendingBytes;
    const needed = pending + lengthBytes;
    const target = needed > this.#bytes.length ? new Uint8Array(2 * needed) : this.#bytes;
    target.set(this.#bytes.subarray(this.#start, this.#end));
    this.#bytes = target;
    this.#view = new DataView(target.buffer);
    this.#start = 0;
    this.#end = pending;
  }

  /** Whether the file's head is there and understood. */
  #begin(): boolean {
    if (this.pendingBytes < PCAP_FILE_HEADER_LENGTH) return false;
    const magic = this.#view.getUint32(this.#start, true);
    if (magic === BLOCK_SECTION_HEADER) {
      this.#format = "pcapng";
      return true;
    }
    if (!isCaptureMagic(magic)) {
      throw new NoCaptureError(this.#bytes.slice(this.#start, this.#start + PCAP_FILE_HEADER_LENGTH));
    }
    this.#checkLinkType(this.#view.getUint32(this.#start + 20, true) & 0xffff);
    this.#format = "pcap";
    this.#tickNs = [magic === PCAP_MAGIC_NANOSECONDS ? 1n : 1000n];
    this.#start += PCAP_FILE_HEADER_LENGTH;
    return true;
  }

  #record(): CapturedPacket | undefined {
    if (this.pendingBytes < PCAP_RECORD_HEADER_LENGTH) return undefined;
    const at = this.#start;
    const length = this.#view.getUint32(at + PCAP_RECORD_CAPTURED_LENGTH, true);
    if (length > BLOCK_BYTES_MAX) throw new CaptureFileError(`a packet of ${length} bytes`);
    const end = at + PCAP_RECORD_HEADER_LENGTH + length;
    if (end > this.#end) return undefined;
    this.#start = end;
    const seconds = BigInt(this.#view.getUint32(at, true));
    const fraction = BigInt(this.#view.getUint32(at + 4, true)) * this.#tickNs[0];
    return {
      frame: this.#bytes.subarray(at + PCAP_RECORD_HEADER_LENGTH, end),
      timeNs: seconds * 1_000_000_000n + fraction,
      comment: "",
    };
  }

  #blockLength(): number | undefined {
    if (this.pendingBytes < BLOCK_OVERHEAD) return undefined;
    const length = this.#view.getUint32(this.#start + BLOCK_LENGTH, true);
    if (length < BLOCK_OVERHEAD || length % 4 !== 0 || length > BLOCK_BYTES_MAX) {
      throw new CaptureFileError(`a block of ${length} bytes`);
    }
    return length > this.pendingBytes ? undefined : length;
  }

  #block(at: number, length: number): CapturedPacket | undefined {
    const view = this.#view;
    switch (view.getUint32(at + BLOCK_TYPE, true)) {
      case BLOCK_SECTION_HEADER:
        if (length < 28 || view.getUint32(at + 8, true) !== BYTE_ORDER_MAGIC) {
          throw new CaptureFileError("a section that is not in little-endian order");
        }
        this.#tickNs = [];
        return undefined;
      case BLOCK_INTERFACE_DESCRIPTION:
        if (length < 20) throw new CaptureFileError("an interface without its description");
        this.#checkLinkType(view.getUint16(at + 8, true));
        this.#tickNs.push(this.#tickOf(at + 16, at + length - 4));
        return undefined;
      case BLOCK_ENHANCED_PACKET:
        return this.#packet(at, length);
      default:
        return undefined;
    }
  }

  #packet(at: number, length: number): CapturedPacket {
    const view = this.#view;
    const end = at + length - 4;
    const captured = length < PACKET_FRAME + 4 ? Infinity : view.getUint32(at + PACKET_CAPTURED_LENGTH, true);
    const frameAt = at + PACKET_FRAME;
    const tickNs = this.#tickNs[view.getUint32(at + PACKET_INTERFACE, true)];
    if (frameAt + captured > end) throw new CaptureFileError("a packet that is longer than its block");
    if (tickNs === undefined) throw new CaptureFileError("a packet of an interface that is not described");
    const time = BigInt(view.getUint32(at + PACKET_TIME_HIGH, true)) << 32n |
      BigInt(view.getUint32(at + PACKET_TIME_LOW, true));
    const comment = this.#option(frameAt + padded(captured), end, OPTION_COMMENT);
    return {
      frame: this.#bytes.subarray(frameAt, frameAt + captured),
      timeNs: time * tickNs,
      comment: comment === undefined ? "" : decoder.decode(comment),
    };
  }

  /** Nanoseconds of a tick: a power of ten, microseconds when nothing is said. */
  #tickOf(at: number, end: number): bigint {
    const exponent = this.#option(at, end, OPTION_IF_TSRESOL)?.[0] ?? 6;
    if (exponent > 9) throw new CaptureFileError("times in another unit than a power of ten");
    return 10n ** BigInt(9 - exponent);
  }

  /** The value of the first option of this code; borrowed. */
  #option(at: number, end: number, code: number): Uint8Array | undefined {
    while (at + 4 <= end) {
      const found = this.#view.getUint16(at, true);
      const length = this.#view.getUint16(at + 2, true);
      if (found === OPTION_END || at + 4 + length > end) return undefined;
      if (found === code) return this.#bytes.subarray(at + 4, at + 4 + length);
      at += 4 + padded(length);
    }
    return undefined;
  }

  #checkLinkType(linkType: number): void {
    if (linkType !== LINKTYPE_ETHERNET) {
      throw new CaptureFileError(`packets of link type ${linkType}, expected Ethernet`);
    }
  }
}
