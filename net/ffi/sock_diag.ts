// SPDX-License-Identifier: MIT
/**
 * Whose a TCP connection is: the kernel's answer for one 5-tuple (sock_diag(7)), in some microseconds.
 *
 * @module
 */
import { cString, libc } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const MSG_DONTWAIT = 0x40;
const IPPROTO_TCP = 6;
const TCP_LISTEN = 10;
const CLONE_NEWNET = 0x4000_0000;
const O_RDONLY_CLOEXEC = 0o2000000;

/** `struct nlmsghdr`, then `struct inet_diag_req_v2` or `struct inet_diag_msg`; addresses and ports in network order. */
const HEADER = { length: 0, type: 4, flags: 6, sequence: 8, size: 16 } as const;
const REQUEST = { family: 16, protocol: 17, states: 20, id: 24, size: 72 } as const;
const ANSWER = { state: 17, uid: 80, inode: 84, size: 88 } as const;
/** `struct inet_diag_sockid`. */
const ID = { localPort: 0, remotePort: 2, localIp: 4, remoteIp: 20, cookie: 40 } as const;

/** One end of a connection: 4 or 16 bytes of address in network order. */
export interface SocketEnd {
  readonly ip: Uint8Array;
  readonly port: number;
}

/** Who has a socket. */
export interface SocketOwner {
  readonly uid: number;
  /** Of the socket, as `/proc/PID/fd` names it. */
  readonly inode: number;
}

/** A socket of the kernel's that answers about one network namespace. */
export class SocketDiagnosis {
  readonly #fd: number;
  readonly #request = new DataView(new ArrayBuffer(REQUEST.size));
  readonly #answer = new DataView(new ArrayBuffer(512));
  #sequence = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Asks about this process's own network namespace; undefined where the kernel has no sock_diag. */
  static open(): SocketDiagnosis | undefined {
    const fd = libc().socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    return fd < 0 ? undefined : new SocketDiagnosis(fd);
  }

  /**
   * Asks about the namespace of the file at `path` (`/proc/PID/ns/net`), if that is the one named `net:[INODE]`. This thread
   * is in that namespace while one socket is made, and only if it has the right to come back; undefined where it has not.
   */
  static openIn(path: string, inode: number): SocketDiagnosis | undefined {
    const { open, close, setns } = libc();
    const own = open(cString("/proc/thread-self/ns/net"), O_RDONLY_CLOEXEC, 0);
    const other = open(cString(path), O_RDONLY_CLOEXEC, 0);
    try {
      if (own < 0 || other < 0 || inodeOf(other) !== inode) return undefined;
      if (setns(own, CLONE_NEWNET) !== 0 || setns(other, CLONE_NEWNET) !== 0) return undefined;
      const diagnosis = SocketDiagnosis.open();
      if (setns(own, CLONE_NEWNET) !== 0) throw new Error("Cannot come back from another network namespace");
      return diagnosis;
    } finally {
      if (own >= 0) close(own);
      if (other >= 0) close(other);
    }
  }

  /** The owner of the connection from `local` to `remote`; undefined where there is none, or it was closed already. */
  owner(local: SocketEnd, remote: SocketEnd): SocketOwner | undefined {
    this.#ask(local, remote);
    const { send, recv } = libc();
    const bytes = new Uint8Array(this.#request.buffer);
    if (Number(send(this.#fd, bytes, BigInt(bytes.length), 0)) !== bytes.length) return undefined;
    const answer = this.#answer;
    const buffer = new Uint8Array(answer.buffer);
    // The answer is there when the request has been sent; one to an older request is passed by.
    for (;;) {
      const length = Number(recv(this.#fd, buffer, BigInt(buffer.length), MSG_DONTWAIT));
      if (length < HEADER.size) return undefined;
      if (answer.getUint32(HEADER.sequence, true) !== this.#sequence) continue;
      if (answer.getUint16(HEADER.type, true) !== SOCK_DIAG_BY_FAMILY || length < ANSWER.size) {
        return undefined;
      }
      const inode = answer.getUint32(ANSWER.inode, true);
      // Where the connection is gone, its listener answers; one that was closed has no inode.
      if (answer.getUint8(ANSWER.state) === TCP_LISTEN || inode === 0) return undefined;
      return { uid: answer.getUint32(ANSWER.uid, true), inode };
    }
  }

  #ask(local: SocketEnd, remote: SocketEnd): void {
    const request = this.#request;
    const bytes = new Uint8Array(request.buffer).fill(0);
    this.#sequence = this.#sequence + 1 >>> 0;
    request.setUint32(HEADER.length, REQUEST.size, true);
    request.setUint16(HEADER.type, SOCK_DIAG_BY_FAMILY, true);
    request.setUint16(HEADER.flags, NLM_F_REQUEST, true);
    request.setUint32(HEADER.sequence, this.#sequence, true);
    request.setUint8(REQUEST.family, local.ip.length === 4 ? AF_INET : AF_INET6);
    request.setUint8(REQUEST.protocol, IPPROTO_TCP);
    request.setUint32(REQUEST.states, 0xffff_ffff, true);
    request.setUint16(REQUEST.id + ID.localPort, local.port);
    request.setUint16(REQUEST.id + ID.remotePort, remote.port);
    bytes.set(local.ip, REQUEST.id + ID.localIp);
    bytes.set(remote.ip, REQUEST.id + ID.remoteIp);
    bytes.fill(0xff, REQUEST.id + ID.cookie, REQUEST.size);
  }

  close(): void {
    libc().close(this.#fd);
  }
}

/** Inode number of the namespace that a descriptor is of. */
function inodeOf(fd: number): number | undefined {
  return namespaceInode(`/proc/self/fd/${fd}`);
}

/** The number in a link to `net:[NUMBER]`; undefined when it cannot be read. */
export function namespaceInode(path: string): number | undefined {
  try {
    const number = /^net:\[(\d+)\]$/.exec(Deno.readLinkSync(path))?.[1];
    return number === undefined ? undefined : Number(number);
  } catch {
    return undefined;
  }
}
