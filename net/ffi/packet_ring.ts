// SPDX-License-Identifier: MIT
/**
 * Packets that an interface sees, through a ring that the kernel fills (`AF_PACKET`, `TPACKET_V2`; packet(7)). Reading takes no
 * system call. Needs CAP_NET_RAW.
 *
 * @module
 */
import { cString, EAFNOSUPPORT, EPERM, errno, errnoName, libc } from "./libc.ts";
import { SharedMapping } from "./mapping.ts";

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 0o2000003;
const ETH_P_ALL_BE = 0x0300;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_IGNORE_OUTGOING = 23;
const TPACKET_V2 = 1;

const FRAME_BYTES = 512;
const FRAMES = 4096;
const BLOCK_BYTES = 65_536;
const RING_BYTES = FRAME_BYTES * FRAMES;

/** `struct tpacket2_hdr`. */
const HEADER = { status: 0, snapLength: 8, mac: 12, seconds: 16, nanoseconds: 20, vlanTci: 24 } as const;
const STATUS_KERNEL = 0;
const STATUS_USER = 1;
const STATUS_VLAN_VALID = 0x10;

/** A packet in the ring; borrowed until the next is asked for. */
export interface RingPacket {
  /** From its Ethernet header on, as far as the filter lets it through. */
  bytes: Uint8Array;
  /** Of a tag that the kernel took out of the frame; undefined: there was none. */
  vlan: number | undefined;
  /** When the kernel saw it, nanoseconds since 1970, exact to some 200. */
  timeNs: number;
}

/** What one interface sees, as far as a filter lets it through. */
export class PacketRing {
  #fd: number;
  readonly #mapping: SharedMapping;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #packet: RingPacket = { bytes: new Uint8Array(0), vlan: undefined, timeNs: 0 };
  #next = 0;
  #isBorrowed = false;
  #dropped = 0;

  private constructor(fd: number, mapping: SharedMapping) {
    this.#fd = fd;
    this.#mapping = mapping;
    const memory = mapping.view(0, RING_BYTES);
    this.#words = new Int32Array(memory);
    this.#view = new DataView(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /**
   * Packets of the interface `name` that `filter` lets through: `struct sock_filter`s, whose result is how many bytes are kept, at
   * most 384. `receivedOnly` leaves out what the host sends, which on the loopback interface comes back, at no cost to what is sent.
   *
   * @throws {Deno.errors.PermissionDenied} without CAP_NET_RAW, {@linkcode Deno.errors.NotSupported} where there are no such sockets,
   * {@linkcode Deno.errors.NotFound} where there is no such interface, an `Error` for any other failure; each one line.
   */
  static open(name: string, filter: Uint8Array<ArrayBuffer>, receivedOnly = false): PacketRing {
    const { socket, close, if_nametoindex } = libc();
    const index = if_nametoindex(cString(name));
    if (index === 0) throw new Deno.errors.NotFound(`there is no interface ${name}`);
    // Protocol 0: nothing comes before the filter is in place and the ring is bound.
    const fd = socket(AF_PACKET, SOCK_RAW_CLOEXEC, 0);
    if (fd < 0) {
      const failure = errno();
      if (failure === EPERM) {
        throw new Deno.errors.PermissionDenied(`cannot observe ${name} without the capability CAP_NET_RAW`);
      }
      if (failure === EAFNOSUPPORT) {
        throw new Deno.errors.NotSupported(
          `cannot observe ${name}: the kernel has no AF_PACKET, or a sandbox forbids it`,
        );
      }
      throw new Error(`cannot observe ${name}: socket: ${errnoName(failure)}`);
    }
    let mapping: SharedMapping | undefined;
    try {
      attach(fd, filter);
      setWords(fd, PACKET_VERSION, TPACKET_V2);
      if (receivedOnly) setWords(fd, PACKET_IGNORE_OUTGOING, 1);
      setWords(fd, PACKET_RX_RING, BLOCK_BYTES, RING_BYTES / BLOCK_BYTES, FRAME_BYTES, FRAMES);
      mapping = SharedMapping.map(fd, RING_BYTES);
      bind(fd, index);
      return new PacketRing(fd, mapping);
    } catch (error) {
      mapping?.unmap();
      close(fd);
      throw new Error(`cannot observe ${name}: ${(error as Error).message}`);
    }
  }

  /** The next packet, undefined when there is none now. */
  next(): RingPacket | undefined {
    if (this.#isBorrowed) this.#release();
    const at = this.#next * FRAME_BYTES;
    const status = Atomics.load(this.#words, at >>> 2);
    if ((status & STATUS_USER) === 0) return undefined;
    const view = this.#view;
    const start = at + view.getUint16(at + HEADER.mac, true);
    const packet = this.#packet;
    packet.bytes = this.#bytes.subarray(start, start + view.getUint32(at + HEADER.snapLength, true));
    packet.vlan = (status & STATUS_VLAN_VALID) === 0
      ? undefined
      : view.getUint16(at + HEADER.vlanTci, true) & 0xfff;
    packet.timeNs = view.getUint32(at + HEADER.seconds, true) * 1e9 +
      view.getUint32(at + HEADER.nanoseconds, true);
    this.#isBorrowed = true;
    return packet;
  }

  #release(): void {
    Atomics.store(this.#words, this.#next * FRAME_BYTES >>> 2, STATUS_KERNEL);
    this.#next = (this.#next + 1) % FRAMES;
    this.#isBorrowed = false;
  }

  /** Packets for which the ring had no room, since it was opened. */
  get dropped(): number {
    const statistics = new Uint32Array(2);
    const length = Uint32Array.of(statistics.byteLength);
    // Reading sets the kernel's count back.
    if (libc().getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, statistics, length) === 0) {
      this.#dropped += statistics[1];
    }
    return this.#dropped;
  }

  /** Whether it sees nothing any more: the interface went down or away, and may come back under another index. */
  get isDeaf(): boolean {
    const value = new Int32Array(1);
    const failed = libc().getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, value, Uint32Array.of(4)) !== 0;
    return failed || value[0] !== 0;
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd < 0) return;
    this.#mapping.unmap();
    libc().close(this.#fd);
    this.#fd = -1;
  }
}

/** Whether the network namespace of this thread has an interface of this name. */
export function hasInterface(name: string): boolean {
  return libc().if_nametoindex(cString(name)) !== 0;
}

function attach(fd: number, filter: Uint8Array<ArrayBuffer>): void {
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, filter.length / 8, true);
  program.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(filter))), true);
  check(
    "SO_ATTACH_FILTER",
    libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(program.buffer), 16),
  );
}

function setWords(fd: number, name: number, ...words: number[]): void {
  const value = Int32Array.from(words);
  check(`PACKET option ${name}`, libc().setsockopt(fd, SOL_PACKET, name, value, value.byteLength));
}

/** To a `struct sockaddr_ll`. */
function bind(fd: number, index: number): void {
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, true);
  address.setUint16(2, ETH_P_ALL_BE, true);
  address.setInt32(4, index, true);
  check("bind", libc().bind(fd, new Uint8Array(address.buffer), 20));
}

function check(what: string, result: number): void {
  if (result !== 0) throw new Error(`${what}: ${errnoName(errno())}`);
}
