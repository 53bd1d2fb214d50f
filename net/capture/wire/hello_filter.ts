// SPDX-License-Identifier: MIT
/**
 * The socket filter for what may be a ClientHello: TCP over IPv4 or IPv6, with up to two VLAN tags, whose payload begins with the
 * record of one, or at byte 1 to 5 of it, where a peer cut its header off, or is the beginning of one that a peer cut before the end of its
 * random.
 *
 * @module
 */
import { BpfProgram } from "./bpf.ts";

/** Bytes that are kept of a packet: headers, and the hello up to its random. */
const SNAP_BYTES = 384;
const TCP = 6;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
/** IPv6 extension headers that may come before TCP: hop-by-hop options, routing, destination options (RFC 8200). */
const EXTENSIONS = [0, 43, 60];
const VLAN_TYPES = [0x8100, 0x88a8];
/** Where the kernel lets a filter read which way a packet goes, and that it goes out (linux/filter.h, linux/if_packet.h). */
const PACKET_TYPE = 0xfffff004;
const OUTGOING = 4;
/** Of a word of the IPv4 header: offset of a fragment, which has no TCP header unless it is the first, and protocol. */
const FRAGMENT_AND_PROTOCOL = 0x1fff00ff;
/** Bytes of the record that tell it: its place in the record, and what is there (RFC 8446 section 5.1 and 4.1.2). */
const MARKS: readonly (readonly [place: number, value: number])[] = [[0, 0x16], [1, 3], [5, 1], [9, 3]];
/** How many bytes of the record may be missing in front of the payload. */
export const CUT_MAX = 5;
/** Bytes of the record up to the end of the random. */
export const RANDOM_END = 43;

/**
 * `struct sock_filter`s. A packet that ends before a byte that is looked at does not pass, nor with `sentOnly` one that the interface
 * received.
 */
export function helloFilter(sentOnly = false): Uint8Array<ArrayBuffer> {
  const program = new BpfProgram();
  if (sentOnly) program.do("ldb", PACKET_TYPE).ifEqual(OUTGOING, "sent").do("ret", 0).label("sent");
  dropOrdinary(program);
  // X is where the IP header begins.
  program.label("any").do("ldx", 14).do("ldh", 12);
  for (const type of VLAN_TYPES) program.ifEqual(type, "tag");
  program.jump("type");
  program.label("tag").do("ldx", 18).do("ldh", 16);
  for (const type of VLAN_TYPES) program.ifEqual(type, "second tag");
  program.jump("type");
  program.label("second tag").do("ldx", 22).do("ldh", 20);
  program.label("type").ifEqual(IPV4, "ipv4").ifEqual(IPV6, "ipv6").do("ret", 0);

  // Each load at X is a call in the kernel: a word costs no more than a byte.
  program.label("ipv4").do("ldwx", 6).do("and", FRAGMENT_AND_PROTOCOL).unless(TCP, "drop");
  program.do("ldbx", 0).do("and", 0xf).do("lsh", 2).do("addx").do("tax").jump("tcp");

  program.label("ipv6").do("ldbx", 6).do("st", 0).do("txa").do("add", 40).do("tax").do("ldm", 0);
  for (const extension of ["extension 1", "extension 2"]) {
    program.ifEqual(TCP, "tcp");
    for (const header of EXTENSIONS) program.ifEqual(header, extension);
    program.do("ret", 0).label(extension);
    program.do("ldbx", 0).do("st", 0).do("ldbx", 1).do("add", 1).do("lsh", 3).do("addx").do("tax").do(
      "ldm",
      0,
    );
  }
  program.unless(TCP, "drop");

  // From here on X is where the payload begins.
  program.label("tcp").do("ldbx", 12).do("rsh", 4).do("lsh", 2).do("addx").do("tax");
  // A short frame may be padded: how much of a hello it is, whoever reads it has to look.
  program.do("len").do("subx").ifAbove(RANDOM_END - 1, "whole").do("ldbx", 0).unless(MARKS[0][1], "drop");
  program.do("ret", SNAP_BYTES).label("whole");
  program.do("ldwx", 0).do("st", 0);
  for (let cut = 0; cut <= CUT_MAX; cut++) acceptCut(program, cut);
  program.label("drop").do("ret", 0);
  return program.assemble();
}

/**
 * Drops what nearly all packets are: no TCP, or TCP whose headers have the usual lengths and whose payload is none of a hello. Goes to `any` with
 * the rest. All loads are at places that are known beforehand, which takes the kernel no call.
 */
function dropOrdinary(program: BpfProgram): void {
  program.do("ldh", 12).ifEqual(IPV6, "usual ipv6").unless(IPV4, "any");
  program.do("ldw", 20).do("and", FRAGMENT_AND_PROTOCOL).unless(TCP, "drop ordinary");
  program.do("ldb", 14).unless(0x45, "any");
  dropOrdinaryTcp(program, 34);
  program.label("usual ipv6").do("ldb", 20).unless(TCP, "any");
  dropOrdinaryTcp(program, 54);
  program.label("drop ordinary").do("ret", 0);
}

/** The same behind IP, for TCP without options and with the timestamps of most connections. */
function dropOrdinaryTcp(program: BpfProgram, tcpAt: number): void {
  const payloads = [tcpAt + 32, tcpAt + 20];
  program.do("ldb", tcpAt + 12).do("and", 0xf0);
  for (const at of payloads) program.ifEqual(at - tcpAt << 2, `payload at ${at}`);
  program.jump("any");
  for (const at of payloads) {
    const look = `look at ${at}`;
    program.label(`payload at ${at}`).do("len").ifAbove(at + RANDOM_END - 1, look).ifAbove(at, "any");
    program.do("ret", 0).label(look).do("ldw", at).do("tax");
    for (let cut = 0; cut <= CUT_MAX; cut++) {
      const [place, value] = marksFrom(cut)[0];
      const shift = 24 - 8 * (place - cut);
      program.do("txa").do("and", 0xff << shift >>> 0).ifEqual(value << shift >>> 0, "any");
    }
    program.do("ret", 0);
  }
}

/** What tells a record whose first `cut` bytes are missing; the first of it lies in the payload's first word. */
const marksFrom = (cut: number) => MARKS.filter(([place]) => place >= cut);

/** Accepts a record without its first `cut` bytes; the payload's first word, which has the first mark that is left, is in M[0]. */
function acceptCut(program: BpfProgram, cut: number): void {
  const [[place, value], ...others] = marksFrom(cut);
  program.do("ldm", 0).do("rsh", 24 - 8 * (place - cut)).do("and", 0xff).unless(value, `not ${cut}`);
  for (const [place, value] of others) program.do("ldbx", place - cut).unless(value, `not ${cut}`);
  program.do("ret", SNAP_BYTES).label(`not ${cut}`);
}

/** Whether the `length` bytes at `at` may be the beginning of the record of a ClientHello. */
export function mayBeBeginning(bytes: Uint8Array, at: number, length: number): boolean {
  return length > 0 && MARKS.every(([place, value]) => place >= length || bytes[at + place] === value);
}

/** Whether the payload at `at` may be a ClientHello without its first `cut` bytes, which has its random at `at + 11 - cut`. */
export function mayBeHello(bytes: Uint8Array, at: number, cut: number): boolean {
  return MARKS.every(([place, value]) => place < cut || bytes[at + place - cut] === value);
}
