// SPDX-License-Identifier: MIT
/** What tshark finds in a capture: connections, bodies, complaints. @module */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { withTempDir } from "../../support/run.ts";
import { sha256 } from "../../support/tshark.ts";
import { runChild } from "./child.ts";
import { endpoint } from "./exchange.ts";

export interface CaptureFacts {
  /** By the SYN of each. */
  readonly connections: { readonly client: string; readonly server: string }[];
  /** `key=value` of the comment on each SYN. */
  readonly comments: Record<string, string>[];
  /** Expert notes of severity warning or error. */
  readonly warnings: string[];
  /** SHA-256 of every HTTP body that is not empty. */
  readonly bodies: string[];
}

/** `PI_WARN`. */
const WARNING = 0x600000;
const PACKET_FIELDS = [
  ...[
    "frame.number",
    "tcp.flags.syn",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
  ],
  ...["frame.comment", "_ws.expert.severity", "_ws.expert.message"],
];
const CHECKSUMS = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];

/**
 * Reads a capture of HTTP with `streams` connections on these ports. Bodies come from tshark's HTTP dissector; with
 * `isLarge`, which takes the dissector a minute, out of the streams as tshark's TCP reassembles them.
 */
export async function captureFacts(
  capture: string,
  ports: readonly number[],
  streams: number,
  isLarge: boolean,
): Promise<CaptureFacts> {
  return await withTempDir(async (folder) => {
    // The kernel's choice of port may be one that tshark has another dissector for.
    const dissector = ports.flatMap((port) => ["-d", `tcp.port==${port},${isLarge ? "data" : "http"}`]);
    const bodies = isLarge
      ? Array.from({ length: streams }, (_, stream) => ["-z", `follow,tcp,raw,${stream}`]).flat()
      : ["--export-objects", `http,${folder}`];
    const { stdout } = await runChild("tshark", {
      args: [
        ...["-n", "-r", capture, ...CHECKSUMS, ...dissector, ...bodies],
        ...["-Y", `(tcp.flags.syn == 1 and tcp.flags.ack == 0) or _ws.expert.severity >= ${WARNING}`],
        ...["-T", "fields", ...PACKET_FIELDS.flatMap((field) => ["-e", field])],
      ],
    });
    const facts: CaptureFacts = { connections: [], comments: [], warnings: [], bodies: [] };
    const output = Buffer.from(stdout.buffer);
    const rule = output.indexOf("\n=====");
    const packets = output.toString("utf8", 0, rule < 0 ? output.length : rule);
    for (const line of packets.split("\n")) if (line !== "") readPacket(line.split("\t"), facts);
    if (isLarge) { for (const side of followed(output.subarray(rule))) facts.bodies.push(...bodiesOf(side)); }
    for (const { name } of Deno.readDirSync(folder)) {
      facts.bodies.push(sha256(Deno.readFileSync(`${folder}/${name}`)));
    }
    return facts;
  });
}

function readPacket(fields: string[], facts: CaptureFacts): void {
  const [number, isSyn, ip, ipv6, port, toIp, toIpv6, toPort, comment, severities, message] = fields;
  if (severities.split(",").some((severity) => Number(severity) >= WARNING)) {
    facts.warnings.push(`packet ${number}: ${message}`);
  }
  if (isSyn !== "1") return;
  facts.connections.push({
    client: endpoint(ip || ipv6, Number(port)),
    server: endpoint(toIp || toIpv6, Number(toPort)),
  });
  facts.comments.push(Object.fromEntries(comment.split(" ").map((word) => word.split("=", 2))));
}

const LINE_FEED = 10;
const TAB = 9;
/** `=` */
const RULE = 0x3d;

/**
 * Both sides of every stream that tshark's "follow" prints: a head that ends with the line of node 1, then lines of hex, those
 * of the server indented, then a rule.
 */
function followed(output: Buffer): Buffer[] {
  const sides: Buffer[][] = [];
  let isHex = false;
  for (let at = 0; at < output.length;) {
    const found = output.indexOf(LINE_FEED, at);
    const end = found < 0 ? output.length : found;
    if (isHex && output[at] !== RULE) {
      const isServer = output[at] === TAB;
      sides.at(isServer ? -1 : -2)!.push(
        Buffer.from(output.toString("latin1", isServer ? at + 1 : at, end), "hex"),
      );
    } else {
      isHex = output.subarray(at, end).indexOf("Node 1:") === 0;
      if (isHex) sides.push([], []);
    }
    at = end + 1;
  }
  return sides.map((side) => Buffer.concat(side));
}

/** SHA-256 of the bodies that are not empty; the last one may lack a length and goes to the end. */
function bodiesOf(stream: Uint8Array): string[] {
  const bodies: string[] = [];
  const latin1 = new TextDecoder("latin1");
  for (let at = 0; at < stream.length;) {
    const head = latin1.decode(stream.subarray(at, at + 8192));
    const headLength = head.indexOf("\r\n\r\n") + 4;
    if (headLength < 4) throw new Error(`no HTTP head at ${at} of ${stream.length} bytes`);
    const declared = /^content-length: *(\d+)/im.exec(head.slice(0, headLength))?.[1];
    const hasNone = !head.startsWith("HTTP/1.0") && declared === undefined;
    const length = hasNone ? 0 : Number(declared ?? stream.length - at - headLength);
    const body = stream.subarray(at + headLength, at + headLength + length);
    if (body.length > 0) bodies.push(createHash("sha256").update(body).digest("hex"));
    at += headLength + length;
  }
  return bodies;
}
