// SPDX-License-Identifier: MIT
/** What tshark reads out of a capture. @module */
import { createHash } from "node:crypto";
import { runOk, withTempDir } from "./run.ts";

/** Checksums are checked and wrong ones make an expert note. */
const CHECKING = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];

/** One row of values a packet that `filter` lets through: `tsharkFields(path, "tcp", ["ip.src", "tcp.len"])`. */
export async function tsharkFields(
  capture: string,
  filter: string,
  fields: readonly string[],
  ...more: string[]
): Promise<string[][]> {
  const text = await runOk(
    "tshark",
    "-r",
    capture,
    ...CHECKING,
    ...more,
    "-Y",
    filter,
    "-T",
    "fields",
    ...fields.flatMap((field) => ["-e", field]),
  );
  return text.split("\n").filter((line) => line !== "").map((line) => line.split("\t"));
}

export interface HttpBody {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** Bodies of HTTP requests and responses as `--export-objects http` writes them, sorted by name; no two of one name. */
export async function tsharkHttpBodies(capture: string, ...more: string[]): Promise<HttpBody[]> {
  return await withTempDir(async (folder) => {
    await runOk("tshark", "-r", capture, ...more, "-q", "--export-objects", `http,${folder}`);
    const bodies: HttpBody[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      const bytes = await Deno.readFile(`${folder}/${name}`);
      bodies.push({ name, bytes, sha256: sha256(bytes) });
    }
    return bodies.sort((a, b) => a.name < b.name ? -1 : 1);
  });
}

/** Payload of one TCP stream (numbered from 0 as in `tcp.stream`) as tshark reassembles it. */
export async function tsharkFollow(
  capture: string,
  stream: number,
): Promise<{ readonly toServer: Uint8Array; readonly toClient: Uint8Array }> {
  const text = await runOk("tshark", "-r", capture, "-q", "-z", `follow,tcp,raw,${stream}`);
  const sides: [string[], string[]] = [[], []];
  for (const line of text.split("\n")) {
    // Hex lines of the server are indented.
    if (/^\t?[0-9a-f]+$/.test(line)) sides[line.startsWith("\t") ? 1 : 0].push(line.trim());
  }
  return { toServer: fromHex(sides[0].join("")), toClient: fromHex(sides[1].join("")) };
}

/** Expert notes of severity warning or error, but connection resets: `[severity, text]`. */
export async function tsharkWarnings(capture: string): Promise<string[]> {
  const rows = await tsharkFields(capture, "_ws.expert.severity >= 0x600000", [
    "frame.number",
    "_ws.expert.message",
  ]);
  return rows.map((row) => row.join(": ")).filter((text) => !text.endsWith("Connection reset (RST)"));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
