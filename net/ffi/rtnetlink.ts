// SPDX-License-Identifier: MIT
/**
 * Network interfaces of this process's own network namespace, as the kernel tells of them (rtnetlink(7)). `/sys/class/net` shows
 * those of whoever mounted it.
 *
 * @module
 */
import { cString, EAGAIN, EINTR, errno, errnoName, libc } from "./libc.ts";

const AF_UNSPEC = 0;
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
const MSG_DONTWAIT = 0x40;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;

/** `struct nlmsghdr`, then `struct ifinfomsg`, then attributes, each aligned to 4 bytes. */
const HEADER = { length: 0, type: 4, flags: 6, sequence: 8, size: 16 } as const;
const INFO = { family: 16, index: 20, flags: 24, size: 32 } as const;
/** `struct rtattr`. */
const ATTRIBUTE = { length: 0, type: 2, size: 4 } as const;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINK_NETNSID = 37;
const IFLA_STATS64 = 23;
/** `tx_dropped` of `struct rtnl_link_stats64`. */
const TX_DROPPED = 56;

const IFF_UP = 1;
const IFF_LOWER_UP = 0x10000;

/** Above the longest answer or notice, which the kernel cuts a dump's at. */
const BUFFER_BYTES = 32768;

/** An interface as it was when the kernel told of it. */
export interface LinkFacts {
  readonly index: number;
  readonly name: string;
  /** Bytes of IP packet that a frame may carry. */
  readonly mtu: number;
  /** Set up by the operator. */
  readonly isUp: boolean;
  /** Somebody is at the other end, as far as the interface can know. */
  readonly hasCarrier: boolean;
  /** Index of the interface at the other end of a veth, or below one, where that is in the same namespace. */
  readonly peerIndex?: number;
  /** Frames that the kernel took for it, from whomever, and dropped. */
  readonly droppedFrames: number;
}

/** What has changed: an interface as it is now, one that is no more, or nobody knows, as there was too much to tell. */
export type LinkChange =
  | { readonly kind: "changed"; readonly facts: LinkFacts }
  | { readonly kind: "gone"; readonly facts: LinkFacts }
  | { readonly kind: "missed" };

/** Asks about interfaces. The kernel may keep whoever asks waiting while somebody else changes one. */
export class LinkQuery {
  readonly #socket = new NetlinkSocket(0);
  readonly #request = new Uint8Array(INFO.size + ATTRIBUTE.size + 16);
  readonly #view = new DataView(this.#request.buffer);
  #sequence = 0;

  /** Undefined: there is none of this name. */
  find(name: string): LinkFacts | undefined {
    this.#send(this.#ask(name));
    return this.#answer();
  }

  /** What {@linkcode find} answers, without keeping this thread waiting. Not to be called before the last has settled. */
  async findElsewhere(name: string): Promise<LinkFacts | undefined> {
    const length = this.#ask(name);
    await libc().sendElsewhere(this.#socket.fd, this.#request, BigInt(length), 0);
    return this.#answer();
  }

  /** Names of all. */
  names(): string[] {
    this.#write(INFO.size, NLM_F_REQUEST | NLM_F_DUMP);
    this.#send(INFO.size);
    const names: string[] = [];
    while (this.#socket.receive() > 0) {
      for (const { type, facts } of this.#socket.messages()) {
        if (type === NLMSG_DONE || type === NLMSG_ERROR) return names;
        if (facts !== undefined) names.push(facts.name);
      }
    }
    return names;
  }

  close(): void {
    this.#socket.close();
  }

  #ask(name: string): number {
    const text = cString(name);
    const length = INFO.size + ATTRIBUTE.size + text.length;
    this.#write(length, NLM_F_REQUEST);
    this.#view.setUint16(INFO.size + ATTRIBUTE.length, ATTRIBUTE.size + text.length, true);
    this.#view.setUint16(INFO.size + ATTRIBUTE.type, IFLA_IFNAME, true);
    this.#request.set(text, INFO.size + ATTRIBUTE.size);
    return length;
  }

  #write(length: number, flags: number): void {
    this.#request.fill(0);
    this.#sequence = this.#sequence + 1 >>> 0;
    this.#view.setUint32(HEADER.length, length, true);
    this.#view.setUint16(HEADER.type, RTM_GETLINK, true);
    this.#view.setUint16(HEADER.flags, flags, true);
    this.#view.setUint32(HEADER.sequence, this.#sequence, true);
  }

  #send(length: number): void {
    libc().send(this.#socket.fd, this.#request, BigInt(length), 0);
  }

  /** The answer is there when the request has been sent; one to an older request is passed by. */
  #answer(): LinkFacts | undefined {
    while (this.#socket.receive() > 0) {
      for (const { type, facts, sequence } of this.#socket.messages()) {
        if (sequence !== this.#sequence) continue;
        if (type === NLMSG_ERROR || facts !== undefined) return facts;
      }
    }
    return undefined;
  }
}

/** Is told of every change from when it is made on, and keeps nobody waiting. */
export class LinkWatch {
  readonly #socket = new NetlinkSocket(RTMGRP_LINK);

  /** Calls `tell` for each change since the last call, in their order. */
  look(tell: (change: LinkChange) => void): void {
    for (;;) {
      const length = this.#socket.receive();
      if (length === 0) return;
      if (length < 0) {
        tell({ kind: "missed" });
        continue;
      }
      for (const { type, facts } of this.#socket.messages()) {
        if (facts === undefined) continue;
        if (type === RTM_NEWLINK) tell({ kind: "changed", facts });
        if (type === RTM_DELLINK) tell({ kind: "gone", facts });
      }
    }
  }

  close(): void {
    this.#socket.close();
  }
}

interface Message {
  readonly type: number;
  readonly sequence: number;
  /** Absent where it tells of no interface: ports of bridges are told in messages of their own. */
  readonly facts: LinkFacts | undefined;
}

class NetlinkSocket {
  readonly fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #length = 0;

  /** Throws an `Error` where the kernel has none to give. */
  constructor(groups: number) {
    this.fd = libc().socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE);
    const address = new DataView(new ArrayBuffer(12));
    address.setUint16(0, AF_NETLINK, true);
    address.setUint32(8, groups, true);
    if (this.fd >= 0 && libc().bind(this.fd, new Uint8Array(address.buffer), 12) === 0) return;
    const text = errnoName(errno());
    if (this.fd >= 0) libc().close(this.fd);
    throw new Error(`Cannot ask the kernel about network interfaces: ${text}`);
  }

  /** Takes what came, without waiting: bytes; 0: nothing has; negative: the kernel had to leave some out. */
  receive(): number {
    for (;;) {
      this.#length = Number(libc().recv(this.fd, this.#buffer, BigInt(BUFFER_BYTES), MSG_DONTWAIT));
      if (this.#length >= 0) return this.#length;
      const error = errno();
      if (error !== EINTR) return error === EAGAIN ? 0 : -1;
    }
  }

  close(): void {
    libc().close(this.fd);
  }

  *messages(): Generator<Message> {
    for (let at = 0; at + HEADER.size <= this.#length;) {
      const length = this.#view.getUint32(at + HEADER.length, true);
      if (length < HEADER.size || at + length > this.#length) return;
      const type = this.#view.getUint16(at + HEADER.type, true);
      const isLink = (type === RTM_NEWLINK || type === RTM_DELLINK) && length >= INFO.size &&
        this.#buffer[at + INFO.family] === AF_UNSPEC;
      const sequence = this.#view.getUint32(at + HEADER.sequence, true);
      yield { type, sequence, facts: isLink ? this.#factsAt(at, at + length) : undefined };
      at += length + 3 & ~3;
    }
  }

  #factsAt(start: number, end: number): LinkFacts {
    const view = this.#view;
    const flags = view.getUint32(start + INFO.flags, true);
    let name = "";
    let mtu = 0;
    let droppedFrames = 0;
    let peerIndex: number | undefined;
    let isPeerElsewhere = false;
    for (let at = start + INFO.size; at + ATTRIBUTE.size <= end;) {
      const length = view.getUint16(at + ATTRIBUTE.length, true);
      if (length < ATTRIBUTE.size || at + length > end) break;
      const value = at + ATTRIBUTE.size;
      const type = view.getUint16(at + ATTRIBUTE.type, true);
      if (type === IFLA_IFNAME) name = decoder.decode(this.#buffer.subarray(value, at + length - 1));
      if (type === IFLA_MTU) mtu = view.getUint32(value, true);
      if (type === IFLA_LINK) peerIndex = view.getUint32(value, true);
      if (type === IFLA_LINK_NETNSID) isPeerElsewhere = true;
      if (type === IFLA_STATS64) droppedFrames = Number(view.getBigUint64(value + TX_DROPPED, true));
      at += length + 3 & ~3;
    }
    return {
      index: view.getInt32(start + INFO.index, true),
      name,
      mtu,
      isUp: (flags & IFF_UP) !== 0,
      hasCarrier: (flags & IFF_LOWER_UP) !== 0,
      ...(peerIndex === undefined || isPeerElsewhere ? {} : { peerIndex }),
      droppedFrames,
    };
  }
}

const decoder = new TextDecoder();
