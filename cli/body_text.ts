// SPDX-License-Identifier: MIT
/** A body as lines for people: JSON indented, text as it is, gRPC by message, all else by its first bytes. @module */
import { visible } from "../net/wire/printable.ts";
import { type FirstLines, jsonLines } from "./json_lines.ts";

/** Lines and bytes that are shown of a body; the rest is counted. */
const LINES_MAX = 400;
const LINE_LETTERS_MAX = 2000;
const HEX_BYTES_MAX = 256;
const HEX_LINE_BYTES = 16;
const GRPC_HEAD_BYTES = 5;

/** Of a body that is decoded; nothing of it can move a terminal's cursor. */
export function bodyLines(bytes: Uint8Array, contentType: string): string[] {
  if (bytes.length === 0) return [];
  const type = contentType.split(";")[0].trim().toLowerCase();
  if (type.startsWith("application/grpc")) return grpcLines(bytes);
  const text = textOf(bytes);
  if (text === undefined) return hexLines(bytes);
  return limited(/[/+]json$/.test(type) || /^\s*[[{]/.test(text) ? jsonOrText(text) : textLines(text));
}

/** Undefined where bytes are no text of UTF-8; one that is cut at its end still is. */
export function textOf(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(bytes);
  let odd = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isControl = code < 0x20 && code !== 9 && code !== 10 && code !== 13;
    if (isControl || code === 0xfffd) odd++;
  }
  return odd > 4 && odd > text.length / 64 ? undefined : text;
}

/** As it is where it is no JSON. */
function jsonOrText(text: string): FirstLines {
  try {
    JSON.parse(text);
  } catch {
    return textLines(text);
  }
  return jsonLines(text, LINES_MAX);
}

function textLines(text: string): FirstLines {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  return { lines: lines.slice(0, LINES_MAX), more: Math.max(0, lines.length - LINES_MAX) };
}

function limited({ lines, more }: FirstLines): string[] {
  const shown = lines.map((line) =>
    line.length <= LINE_LETTERS_MAX
      ? visible(line.replaceAll("\t", "  "))
      : `${visible(line.slice(0, LINE_LETTERS_MAX))}… ${line.length - LINE_LETTERS_MAX} letters more`
  );
  if (more > 0) shown.push(`… ${more} lines more`);
  return shown;
}

/** `00000000  7f 45 4c 46 …  .ELF`. */
function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, HEX_BYTES_MAX); at += HEX_LINE_BYTES) {
    const row = [...bytes.subarray(at, Math.min(at + HEX_LINE_BYTES, HEX_BYTES_MAX))];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(3 * HEX_LINE_BYTES - 1)}  ${letters}`);
  }
  if (bytes.length > HEX_BYTES_MAX) lines.push(`… ${bytes.length - HEX_BYTES_MAX} bytes more`);
  return lines;
}

/** A line for each message: what is in it only its schema tells. */
function grpcLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + GRPC_HEAD_BYTES <= bytes.length && lines.length < LINES_MAX;) {
    const length = view.getUint32(at + 1);
    const isCompressed = bytes[at] !== 0;
    lines.push(`gRPC message ${lines.length + 1}: ${length} bytes${isCompressed ? ", compressed" : ""}`);
    at += GRPC_HEAD_BYTES + length;
  }
  return lines;
}
