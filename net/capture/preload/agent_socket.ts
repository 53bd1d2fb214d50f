// SPDX-License-Identifier: MIT
/**
 * The socket that hooks send their rings to.
 *
 * @module
 */
import {
  cString,
  EAGAIN,
  EINTR,
  EMFILE,
  ENFILE,
  ENOPROTOOPT,
  errno,
  errnoName,
  libc,
} from "../../ffi/libc.ts";
import { ABI, GREETING, MAGIC } from "../record/layout.ts";
import { RegionError } from "./region.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Since Linux 6.5. */
const SO_PEERPIDFD = 77;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const POLLIN = 1;
/** Programs that start while the agent is away wait here with their regions; the kernel cuts it at `net.core.somaxconn`. */
const BACKLOG = 4096;
/** `sun_path` with its NUL. */
const PATH_BYTES_MAX = 108;
/** Connections that are held while their one message is on its way, for how long, and how many of one user. */
const PENDING_MAX = 256;
const PENDING_MS = 1000;
const PENDING_OF_USER_MAX = 16;

/** `struct msghdr` and `struct cmsghdr` of 64-bit Linux. */
const MSGHDR = { iov: 16, iovCount: 24, control: 32, controlLength: 40, size: 56 } as const;
const CMSG = { length: 0, level: 8, type: 12, data: 16 } as const;
/** Room for one descriptor: more are closed by the kernel. */
const CONTROL_BYTES = CMSG.data + 4;

/** A region that a program offers; the receiver owns `fd` and `pidfd`. */
export interface Arrival {
  readonly pid: number;
  readonly uid: number;
  /** The very process that connected: its number may be another's by now. -1: it is gone; undefined: the kernel does not tell. */
  readonly pidfd: number | undefined;
  /** At most the size of a greeting and one byte. */
  readonly greeting: Uint8Array<ArrayBuffer>;
  readonly fd: number;
}

/** @throws {RegionError} for a greeting that is not of this version or not for this agent. */
export function checkGreeting(bytes: Uint8Array<ArrayBuffer>, rendezvous: bigint): void {
  if (bytes.length !== GREETING.size) throw new RegionError(`its greeting has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(GREETING.magic, true) !== MAGIC) {
    throw new RegionError("its greeting has the wrong magic");
  }
  const abi = view.getUint32(GREETING.abi, true);
  if (abi !== ABI) throw new RegionError(`its hook speaks version ${abi}, this agent ${ABI}`);
  if (view.getBigUint64(GREETING.rendezvous, true) !== rendezvous) {
    throw new RegionError("its greeting is for another agent");
  }
}

interface Pending {
  readonly fd: number;
  readonly pid: number;
  readonly uid: number;
  readonly deadlineMs: number;
}

export class HookSocket {
  readonly #fd: number;
  readonly #path: string;
  readonly #pending: Pending[] = [];
  /** `struct pollfd` of the socket: descriptor, events that are waited for, events that there are. */
  readonly #polled: Uint8Array<ArrayBuffer>;
  readonly #bytes = new Uint8Array(new ArrayBuffer(GREETING.size + 1));
  readonly #control = new DataView(new ArrayBuffer(24));
  readonly #message = new DataView(new ArrayBuffer(MSGHDR.size));
  readonly #vector = new BigUint64Array(new ArrayBuffer(16));
  readonly #credentials = new Uint32Array(new ArrayBuffer(12));
  readonly #credentialBytes = new Uint8Array(this.#credentials.buffer);
  readonly #credentialLength = new Uint8Array(Uint32Array.of(12).buffer);

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
    this.#polled = new Uint8Array(Int32Array.of(fd, POLLIN).buffer);
    this.#vector[0] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#bytes)));
    this.#vector[1] = BigInt(this.#bytes.length);
    const pointer = (buffer: ArrayBuffer) =>
      BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer))));
    this.#message.setBigUint64(MSGHDR.iov, pointer(this.#vector.buffer), true);
    this.#message.setBigUint64(MSGHDR.iovCount, 1n, true);
    this.#message.setBigUint64(MSGHDR.control, pointer(this.#control.buffer), true);
  }

  /**
   * Listens at `path` for every user, in place of a socket that a dead agent left there; the caller has made sure that
   * it is dead.
   *
   * @throws {Error} naming the path and the failure.
   */
  static listen(path: string): HookSocket {
    const name = cString(path);
    if (name.length > PATH_BYTES_MAX) {
      throw new Error(`Cannot listen at "${path}": a socket's path has at most ${PATH_BYTES_MAX - 1} bytes`);
    }
    const fail = (action: string) => new Error(`Cannot ${action} "${path}": ${errnoName(errno())}`);
    const fd = libc().socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw fail("make a socket for");
    try {
      const address = new Uint8Array(2 + name.length);
      address[0] = AF_UNIX;
      address.set(name, 2);
      try {
        Deno.removeSync(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      if (libc().bind(fd, address, address.length) !== 0) throw fail("bind a socket to");
      Deno.chmodSync(path, 0o666);
      if (libc().listen(fd, BACKLOG) !== 0) throw fail("listen at");
    } catch (error) {
      libc().close(fd);
      throw error;
    }
    return new HookSocket(fd, path);
  }

  /**
   * Takes at most `limit` of the connections that wait and hands on the regions that came; never waits. Answers how many it took:
   * when that is `limit`, others may have found the queue full.
   */
  accept(limit: number, nowMs: number, arrived: (arrival: Arrival) => void): number {
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      const pending = this.#pending[i];
      if (this.#receive(pending, arrived) || nowMs > pending.deadlineMs) this.#drop(i);
    }
    if (!this.#isKnockedAt()) return 0;
    for (let taken = 0; taken < limit; taken++) {
      const fd = libc().accept4(this.#fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
      // None is left, or this process is out of descriptors: they wait in the backlog.
      if (fd < 0) return taken;
      libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, this.#credentialBytes, this.#credentialLength);
      const [pid, uid] = this.#credentials;
      const pending = { fd, pid, uid, deadlineMs: nowMs + PENDING_MS };
      if (this.#receive(pending, arrived)) libc().close(fd);
      else this.#await(pending);
    }
    return limit;
  }

  /** Whether a connection waits. An accept that finds none makes a socket first, which takes ten times as long as this. */
  #isKnockedAt(): boolean {
    return libc().poll(this.#polled, 1n, 0) > 0;
  }

  /** Keeps a connection that has said nothing yet: whoever has too many of them loses the oldest. */
  #await(pending: Pending): void {
    this.#pending.push(pending);
    const ofUser = this.#pending.filter(({ uid }) => uid === pending.uid);
    if (ofUser.length > PENDING_OF_USER_MAX) this.#drop(this.#pending.indexOf(ofUser[0]));
    else if (this.#pending.length > PENDING_MAX) this.#drop(0);
  }

  #drop(index: number): void {
    const [{ fd }] = this.#pending.splice(index, 1);
    libc().close(fd);
  }

  /** Whether the connection is done with: its message has come, or never will. */
  #receive(from: Pending, arrived: (arrival: Arrival) => void): boolean {
    this.#message.setBigUint64(MSGHDR.controlLength, BigInt(CONTROL_BYTES), true);
    const length = Number(libc().recvmsg(from.fd, new Uint8Array(this.#message.buffer), MSG_CMSG_CLOEXEC));
    if (length < 0) {
      const failure = errno();
      return failure !== EAGAIN && failure !== EINTR;
    }
    const control = this.#control;
    const whole = Number(this.#message.getBigUint64(MSGHDR.controlLength, true)) >= CONTROL_BYTES &&
      control.getUint32(CMSG.length, true) === CONTROL_BYTES &&
      control.getInt32(CMSG.level, true) === SOL_SOCKET && control.getInt32(CMSG.type, true) === SCM_RIGHTS;
    if (whole) {
      const fd = control.getInt32(CMSG.data, true);
      const { pid, uid } = from;
      arrived({ pid, uid, pidfd: this.#peer(from.fd), greeting: this.#bytes.slice(0, length), fd });
    }
    return true;
  }

  #peer(fd: number): number | undefined {
    const value = new Int32Array(1);
    const length = new Uint8Array(Uint32Array.of(4).buffer);
    if (libc().getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, new Uint8Array(value.buffer), length) === 0) {
      return value[0];
    }
    const failure = errno();
    return failure === ENOPROTOOPT || failure === EMFILE || failure === ENFILE ? undefined : -1;
  }

  close(): void {
    for (const pending of this.#pending) libc().close(pending.fd);
    this.#pending.length = 0;
    libc().close(this.#fd);
    try {
      Deno.removeSync(this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
