// SPDX-License-Identifier: MIT
/**
 * Bodies of the entries with what interfaces said, both ways. The layout is in `format.ts`.
 *
 * @module
 */
import * as v from "valibot";
import type { CaptureSighting, CaptureWire } from "../target.ts";
import { RecordError } from "../record/layout.ts";
import { ENTRY_TYPE, NO_VLAN, SIGHTING } from "./format.ts";
import { readUint64 } from "./program_entries.ts";
import { setUint64 } from "./record_writer.ts";

const TIME_BYTES = 8;
const RANDOM_BYTES = 32;
const MAC_BYTES = 6;
const SENT = 128;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const interfacesSchema = v.array(
  v.strictObject({ name: v.string(), addresses: v.array(v.string()), isSeen: v.boolean() }),
);

/** Type and body of the entry. */
export function encodeWire(news: CaptureWire, timeNs: number): [type: number, body: Uint8Array] {
  switch (news.kind) {
    case "interfaces":
      return [ENTRY_TYPE.interfaces, timed(timeNs, encoder.encode(JSON.stringify(news.interfaces)))];
    case "lost": {
      const count = new Uint8Array(8);
      setUint64(new DataView(count.buffer), 0, news.hellos);
      return [ENTRY_TYPE.lost, timed(timeNs, count)];
    }
    case "hello":
      return [ENTRY_TYPE.sighting, encodeSighting(news, timeNs)];
  }
}

function timed(timeNs: number, rest: Uint8Array): Uint8Array {
  const body = new Uint8Array(TIME_BYTES + rest.length);
  setUint64(new DataView(body.buffer), 0, timeNs);
  body.set(rest, TIME_BYTES);
  return body;
}

function encodeSighting({ clientRandom, key, link, isSent }: CaptureSighting, timeNs: number): Uint8Array {
  const body = new Uint8Array(SIGHTING.size);
  const view = new DataView(body.buffer);
  setUint64(view, SIGHTING.timeNs, timeNs);
  body.set(Uint8Array.fromHex(clientRandom), SIGHTING.clientRandom);
  view.setUint16(SIGHTING.clientPort, key.client.port, true);
  view.setUint16(SIGHTING.serverPort, key.server.port, true);
  view.setUint16(SIGHTING.vlan, link?.vlan ?? NO_VLAN, true);
  body[SIGHTING.ipBytes] = key.client.ip.length;
  const missing = RANDOM_BYTES - clientRandom.length / 2;
  body[SIGHTING.linkSentMissing] = (link === undefined ? 0 : 1) | missing << 1 | (isSent ? SENT : 0);
  body.set(key.client.ip, SIGHTING.clientIp);
  body.set(key.server.ip, SIGHTING.serverIp);
  if (link !== undefined) {
    body.set(link.clientMac, SIGHTING.clientMac);
    body.set(link.serverMac, SIGHTING.serverMac);
  }
  return body;
}

/** What an entry of `type` says; undefined for one that interfaces did not say. Throws a {@linkcode RecordError}. */
export function decodeWire(type: number, body: Uint8Array): [CaptureWire, timeNs: number] | undefined {
  const decode = DECODERS.get(type);
  if (decode === undefined) return undefined;
  if (body.length < TIME_BYTES) throw new RecordError("an entry of the wire is of the wrong size");
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return [decode(body, view), readUint64(view, 0)];
}

const DECODERS = new Map<number, (body: Uint8Array, view: DataView) => CaptureWire>([
  [ENTRY_TYPE.interfaces, (body) => ({ kind: "interfaces", interfaces: readInterfaces(body.subarray(8)) })],
  [ENTRY_TYPE.sighting, decodeSighting],
  [ENTRY_TYPE.lost, (body, view) => {
    if (body.length !== 16) throw new RecordError("lost hellos of the wrong size");
    return { kind: "lost", hellos: readUint64(view, 8) };
  }],
]);

function readInterfaces(text: Uint8Array): v.InferOutput<typeof interfacesSchema> {
  try {
    return v.parse(interfacesSchema, JSON.parse(decoder.decode(text)));
  } catch {
    throw new RecordError("interfaces are damaged");
  }
}

function decodeSighting(body: Uint8Array, view: DataView): CaptureSighting {
  const ipBytes = body[SIGHTING.ipBytes];
  const linkSentMissing = body[SIGHTING.linkSentMissing];
  const randomBytes = RANDOM_BYTES - ((linkSentMissing & ~SENT) >> 1);
  if (body.length !== SIGHTING.size || ipBytes !== 4 && ipBytes !== 16 || randomBytes < 0) {
    throw new RecordError("a hello seen is damaged");
  }
  const part = (at: number, length: number) => body.slice(at, at + length);
  const vlan = view.getUint16(SIGHTING.vlan, true);
  return {
    kind: "hello",
    clientRandom: part(SIGHTING.clientRandom, randomBytes).toHex(),
    key: {
      client: { ip: part(SIGHTING.clientIp, ipBytes), port: view.getUint16(SIGHTING.clientPort, true) },
      server: { ip: part(SIGHTING.serverIp, ipBytes), port: view.getUint16(SIGHTING.serverPort, true) },
    },
    ...((linkSentMissing & 1) === 0 ? {} : {
      link: {
        clientMac: part(SIGHTING.clientMac, MAC_BYTES),
        serverMac: part(SIGHTING.serverMac, MAC_BYTES),
        ...(vlan === NO_VLAN ? {} : { vlan }),
      },
    }),
    ...((linkSentMissing & SENT) === 0 ? {} : { isSent: true }),
  };
}
