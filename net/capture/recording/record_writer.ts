// SPDX-License-Identifier: MIT
/**
 * Writers of what `record.ts` reads, for recordings and for whatever else produces records.
 *
 * @module
 */
import type { CaptureHello, CaptureOpen } from "../target.ts";
import { ADDRESS, FAMILY_UNIX, FLAG, GRADES, HELLO, OPEN } from "../record/layout.ts";

const TWO_32 = 2 ** 32;

/** Writes a whole number from 0 below 2^53 as 64 bits. */
export function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

function writeAddress(
  bytes: Uint8Array,
  view: DataView,
  { address, overUnixSocket }: Pick<CaptureOpen, "address" | "overUnixSocket">,
): void {
  if (overUnixSocket) bytes[ADDRESS.family] = FAMILY_UNIX;
  if (address === undefined) return;
  bytes[ADDRESS.family] = address.localIp.length === 4 ? 4 : 6;
  bytes[ADDRESS.grade] = GRADES.indexOf(address.grade);
  view.setUint16(ADDRESS.localPort, address.localPort, true);
  view.setUint16(ADDRESS.remotePort, address.remotePort, true);
  bytes.set(address.localIp, ADDRESS.localIp);
  bytes.set(address.remoteIp, ADDRESS.remoteIp);
}

function writeText(bytes: Uint8Array, at: number, text: string, limit: number): number {
  const length = Math.min(text.length, limit);
  for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
  return length;
}

/** `struct sslc_open` with its strings, each cut at 255 bytes. */
export function encodeOpen(open: CaptureOpen): Uint8Array<ArrayBuffer> {
  const alpnLength = Math.min(open.alpn.length, 255);
  const sniLength = Math.min(open.sni.length, 255);
  const bytes = new Uint8Array(OPEN.size + alpnLength + sniLength);
  const view = new DataView(bytes.buffer);
  writeAddress(bytes, view, open);
  if (open.clientRandom !== "") bytes.set(Uint8Array.fromHex(open.clientRandom), OPEN.clientRandom);
  bytes[OPEN.isServer] = open.isServer ? 1 : 0;
  view.setUint16(OPEN.tlsVersion, open.tlsVersion, true);
  view.setUint16(OPEN.cipherSuite, open.cipherSuite, true);
  view.setUint32(OPEN.pid, open.pid, true);
  writeText(bytes, OPEN.comm, open.comm, 16);
  bytes[OPEN.alpnLength] = writeText(bytes, OPEN.size, open.alpn, 255);
  bytes[OPEN.sniLength] = writeText(bytes, OPEN.size + alpnLength, open.sni, 255);
  return bytes;
}

/** The flags of the slot of an open record. */
export function openFlags(open: CaptureOpen): number {
  return (open.update ? FLAG.update : 0) | (open.inherited ? FLAG.inherited : 0) |
    (open.late ? FLAG.late : 0) | (open.isHelloGone ? FLAG.helloGone : 0);
}

/** `struct sslc_hello`. */
export function encodeHello(hello: CaptureHello): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HELLO.size);
  const view = new DataView(bytes.buffer);
  writeAddress(bytes, view, hello);
  if (hello.clientRandom !== "") bytes.set(Uint8Array.fromHex(hello.clientRandom), HELLO.clientRandom);
  bytes[HELLO.received] = hello.received ? 1 : 0;
  setUint64(view, HELLO.carrier, hello.carrier);
  return bytes;
}
