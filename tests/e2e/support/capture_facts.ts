/** What tshark finds in a capture: connections, bodies, complaints. @module */
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
 * Reads a capture of HTTP on these ports. Bodies come from tshark's HTTP dissector; with `isLarge`, which takes the
 * dissector a minute, out of the streams as tshark's TCP reassembles them.
 */
export async function captureFacts(
  capture: string,
  ports: readonly number[],
  isLarge: boolean,
): Promise<CaptureFacts> {
  return await withTempDir(async (folder) => {
    // The kernel's choice of port may be one that tshark has another dissector for.
    const http = [
      ...ports.flatMap((port) => ["-d", `tcp.port==${port},${isLarge ? "data" : "http"}`]),
      ...isLarge ? [] : ["--export-objects", `http,${folder}`],
    ];
    const { stdout } = await runChild("tshark", {
      args: [
        ...["-n", "-r", capture, ...CHECKSUMS, ...http],
        ...["-Y", `(tcp.flags.syn == 1 and tcp.flags.ack == 0) or _ws.expert.severity >= ${WARNING}`],
        ...["-T", "fields", ...PACKET_FIELDS.flatMap((field) => ["-e", field])],
      ],
    });
    const facts: CaptureFacts = { connections: [], comments: [], warnings: [], bodies: [] };
    for (const line of new TextDecoder().decode(stdout).split("\n")) {
      if (line !== "") readPacket(line.split("\t"), facts);
    }
    if (isLarge) facts.bodies.push(...await followedBodies(capture, ports, facts.connections.length));
    else {
      for (const { name } of Deno.readDirSync(folder)) {
        facts.bodies.push(sha256(Deno.readFileSync(`${folder}/${name}`)));
      }
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

/** Bodies of all streams, by tshark's "follow": frames of hex, those of the server indented. */
async function followedBodies(
  capture: string,
  ports: readonly number[],
  streams: number,
): Promise<string[]> {
  const bodies: string[] = [];
  const asData = ports.flatMap((port) => ["-d", `tcp.port==${port},data`]);
  for (let stream = 0; stream < streams; stream++) {
    const follow = `follow,tcp,raw,${stream}`;
    const args = ["-n", "-q", "-r", capture, ...asData, "-z", follow];
    const { stdout } = await runChild("tshark", { args });
    const [toServer, toClient] = readFollowed(stdout);
    bodies.push(...bodiesOf(toServer), ...bodiesOf(toClient));
  }
  return bodies;
}

const TAB = 9;
const LINE_FEED = 10;

function readFollowed(output: Uint8Array): [Uint8Array, Uint8Array] {
  const sides = [new Uint8Array(output.length / 2), new Uint8Array(output.length / 2)];
  const lengths = [0, 0];
  for (let at = 0; at < output.length;) {
    const found = output.indexOf(LINE_FEED, at);
    const end = found < 0 ? output.length : found;
    const side = output[at] === TAB ? 1 : 0;
    const start = at + side;
    const isHex = end > start && output.subarray(start, end).every((byte) => nibble(byte) >= 0);
    if (isHex) {
      for (let hex = start; hex < end; hex += 2) {
        sides[side][lengths[side]++] = nibble(output[hex]) << 4 | nibble(output[hex + 1]);
      }
    }
    at = end + 1;
  }
  return [sides[0].subarray(0, lengths[0]), sides[1].subarray(0, lengths[1])];
}

/** 0 to 15, or -1 for what is no lower-case hexadecimal digit. */
function nibble(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
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
