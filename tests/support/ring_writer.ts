// SPDX-License-Identifier: MIT
/**
 * The producer's side of `record.h`, honest or not, for tests of the agent's side without a hooked program.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cString, EAGAIN, errno, errnoName, libc, LIBC_NAMES, openLibrary } from "../../net/ffi/libc.ts";
import { SharedMapping } from "../../net/ffi/mapping.ts";
import {
  ABI,
  dataStart,
  FIRST_DATA,
  FLAG,
  GREETING,
  KIND,
  MAGIC,
  PAGE,
  REGION,
  regionName,
  rendezvousOf,
  RING,
  ringStride,
  SLOT,
  UNIT,
  unitsOf,
  WORD,
} from "../../net/capture/record/layout.ts";

const SYMBOLS = {
  /** `int connect(int fd, const struct sockaddr *address, socklen_t length)` */
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** `ssize_t sendmsg(int fd, const struct msghdr *message, int flags)` */
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  /** `int memfd_create(const char *name, unsigned flags)` */
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;
function producer() {
  return opened ??= openLibrary(LIBC_NAMES, SYMBOLS).symbols;
}

const MFD_CLOEXEC_ALLOW_SEALING = 3;
const F_ADD_SEALS = 1033;
const SEQUENCE_MASK = (1 << WORD.slotShift) - 1;
export const SEALS_WANTED = 2 | 4;

export interface Record {
  kind: number;
  direction?: number;
  flags?: number;
  flow?: number;
  offset?: number;
  timeNs?: bigint;
  amount?: number;
  payload?: Uint8Array;
}

/** Geometry and grants of the rings to be made. */
export interface Geometry {
  ringCount: number;
  slotCapacity: number;
  dataCapacity: number;
  initialData: number;
  initialSlots: number;
}

/** What a hook makes where nothing limits it, with fewer rings. */
export const USUAL: Geometry = {
  ringCount: 8,
  slotCapacity: 65_472,
  dataCapacity: 64 << 20,
  initialData: FIRST_DATA,
  initialSlots: FIRST_DATA >> 9,
};

/** A region of rings in a memfd, as a hook makes it. */
export class RegionWriter {
  readonly fd: number;
  readonly mapping: SharedMapping;
  readonly stride: number;
  readonly #rendezvous: bigint;

  constructor(readonly geometry: Geometry, runtimeDir: string, seals: number = SEALS_WANTED) {
    this.#rendezvous = rendezvousOf(runtimeDir);
    this.stride = ringStride(geometry.slotCapacity, geometry.dataCapacity);
    this.fd = producer().memfd_create(cString(regionName(this.#rendezvous)), MFD_CLOEXEC_ALLOW_SEALING);
    assert(this.fd >= 0, errnoName(errno()));
    const size = PAGE + this.stride * geometry.ringCount;
    assert.equal(libc().ftruncate(this.fd, BigInt(size)), 0);
    this.mapping = SharedMapping.map(this.fd, size);
    if (seals !== 0) assert.equal(libc().fcntl(this.fd, F_ADD_SEALS, seals), 0);
  }

  /** The first page. */
  get page(): DataView<ArrayBuffer> {
    return new DataView(this.mapping.view(0, PAGE));
  }

  /** Writes the first page, as the first claimer does. */
  begin(): void {
    const { page, geometry } = this;
    if (page.getUint32(REGION.magic, true) === MAGIC) return;
    page.setUint32(REGION.abi, ABI, true);
    page.setUint32(REGION.ringCount, geometry.ringCount, true);
    page.setUint32(REGION.ringStride, this.stride, true);
    page.setUint32(REGION.slotCapacity, geometry.slotCapacity, true);
    page.setUint32(REGION.dataCapacity, geometry.dataCapacity, true);
    page.setUint32(REGION.pid, Deno.pid, true);
    page.setBigUint64(REGION.address, Deno.UnsafePointer.value(this.mapping.pointer(0)) as bigint, true);
    Atomics.store(new Int32Array(page.buffer), REGION.magic >> 2, MAGIC);
  }

  /** Memory of a ring. */
  ring(index: number, lengthBytes: number = this.stride): ArrayBuffer {
    return this.mapping.view(PAGE + index * this.stride, lengthBytes);
  }

  /** Takes a ring for `owner`. */
  claim(index: number, owner: number): RingWriter {
    this.begin();
    return new RingWriter(this.ring(index), this.geometry, owner);
  }

  greeting(): DataView<ArrayBuffer> {
    const view = new DataView(new ArrayBuffer(GREETING.size));
    view.setUint32(GREETING.magic, MAGIC, true);
    view.setUint32(GREETING.abi, ABI, true);
    view.setBigUint64(GREETING.length, BigInt(PAGE + this.stride * this.geometry.ringCount), true);
    view.setBigUint64(GREETING.rendezvous, this.#rendezvous, true);
    return view;
  }

  close(): void {
    this.mapping.unmap();
    libc().close(this.fd);
  }
}

/** Producer of one ring; single-threaded, so reserving needs no compare-and-swap. */
export class RingWriter {
  readonly view: DataView<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
  readonly #words64: BigUint64Array<ArrayBuffer>;
  readonly #start: number;

  constructor(memory: ArrayBuffer, geometry: Geometry, owner: number) {
    this.view = new DataView(memory);
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory, 0, memory.byteLength >> 2);
    this.#words64 = new BigUint64Array(memory, 0, PAGE >> 3);
    this.#start = dataStart(geometry.slotCapacity);
    this.words[RING.owner >> 2] = owner;
    this.words[RING.claims >> 2]++;
    if (this.grantedData === 0) this.view.setUint32(RING.grantedData, geometry.initialData, true);
    if (this.view.getUint32(RING.grantedSlots, true) === 0) {
      this.view.setUint32(RING.grantedSlots, geometry.initialSlots, true);
    }
    Atomics.store(this.words, RING.magic >> 2, MAGIC);
  }

  get retired(): boolean {
    return Atomics.load(this.words, RING.retired >> 2) !== 0;
  }

  get grantedData(): number {
    return Atomics.load(this.words, RING.grantedData >> 2);
  }

  get generation(): number {
    return Atomics.load(this.words, RING.generation >> 2);
  }

  get owner(): number {
    return Atomics.load(this.words, RING.owner >> 2);
  }

  /** Records that are reserved and not consumed. */
  get outstanding(): number {
    return Number(BigInt.asUintN(WORD.slotShift, this.#load(RING.head) - this.#load(RING.tail)));
  }

  #load(at: number): bigint {
    return Atomics.load(this.#words64, at >> 3);
  }

  /** Reserves a place as `record.h` says; undefined when the ring is full. */
  reserve(lengthBytes: number): { sequence: number; slot: number; position: number } | undefined {
    const head = split(this.#load(RING.head));
    const tail = split(this.#load(RING.tail));
    const grantedUnits = Math.floor(this.grantedData / UNIT);
    const grantedSlots = Atomics.load(this.words, RING.grantedSlots >> 2);
    const units = unitsOf(lengthBytes);
    let slot = -1;
    let unit = -1;
    let fresh = head.fresh;
    if (head.sequence === tail.sequence) {
      if (units > grantedUnits || grantedSlots === 0) return undefined;
      slot = 0;
      unit = 0;
      fresh = true;
    } else {
      const untouched = head.fresh && tail.sequence === ((head.sequence - head.slot) & SEQUENCE_MASK);
      const tailSlot = untouched ? 0 : tail.slot;
      const tailUnit = untouched ? 0 : tail.unit;
      if (head.slot > tailSlot) {
        if (head.slot < grantedSlots) slot = head.slot;
        else if (1 < tailSlot) {
          slot = 0;
          fresh = false;
        }
      } else if (head.slot < tailSlot && head.slot + 1 < tailSlot) slot = head.slot;
      if (head.unit >= tailUnit) {
        if (head.unit + units <= grantedUnits) unit = head.unit;
        else if (units < tailUnit) unit = 0;
      } else if (head.unit + units < tailUnit) unit = head.unit;
    }
    if (slot < 0 || unit < 0) return undefined;
    const sequence = (head.sequence + 1) & SEQUENCE_MASK;
    Atomics.store(
      this.#words64,
      RING.head >> 3,
      join({ sequence, slot: slot + 1, unit: unit + units, fresh }),
    );
    return { sequence, slot, position: unit * UNIT };
  }

  /** Publishes a record where it was reserved. */
  publish(place: { sequence: number; slot: number; position: number }, record: Record): void {
    const at = PAGE + place.slot * SLOT.size;
    const { view } = this;
    const payload = record.payload;
    if (payload !== undefined) this.bytes.set(payload, this.#start + place.position);
    view.setUint8(at + SLOT.kind, record.kind);
    view.setUint8(at + SLOT.direction, record.direction ?? 0);
    view.setUint16(at + SLOT.flags, record.flags ?? 0, true);
    view.setUint32(at + SLOT.position, place.position, true);
    view.setUint32(at + SLOT.length, payload?.length ?? 0, true);
    view.setBigUint64(at + SLOT.flow, BigInt(record.flow ?? 1), true);
    view.setBigUint64(at + SLOT.offset, BigInt(record.offset ?? 0), true);
    view.setBigUint64(at + SLOT.timeNs, record.timeNs ?? BigInt(Date.now()) * 1_000_000n, true);
    view.setBigUint64(at + SLOT.amount, BigInt(record.amount ?? 0), true);
    Atomics.store(this.words, at >> 2, place.sequence);
  }

  /** Reserves and publishes; false when the ring is full. */
  write(record: Record): boolean {
    const place = this.reserve(record.payload?.length ?? 0);
    if (place === undefined) return false;
    this.publish(place, record);
    return true;
  }

  /** Counts bytes that a gap record has told of, as a hook does. */
  tellGap(lengthBytes: number): void {
    Atomics.add(this.#words64, RING.gapBytes >> 3, BigInt(lengthBytes));
  }

  /** Counts bytes that found no room, as a hook does. */
  drop(lengthBytes: number): void {
    Atomics.add(this.#words64, RING.droppedBytes >> 3, BigInt(lengthBytes));
  }
}

interface Word {
  sequence: number;
  slot: number;
  unit: number;
  fresh: boolean;
}

function split(word: bigint): Word {
  return {
    sequence: field(word, 0, WORD.slotShift),
    slot: field(word, WORD.slotShift, WORD.slotBits),
    unit: field(word, WORD.dataShift, WORD.dataBits),
    fresh: field(word, WORD.freshShift, 1) === 1,
  };
}

function join(word: Word): bigint {
  return BigInt(word.sequence) | BigInt(word.slot) << BigInt(WORD.slotShift) |
    BigInt(word.unit) << BigInt(WORD.dataShift) | BigInt(word.fresh) << BigInt(WORD.freshShift);
}

function field(word: bigint, shift: number, bits: number): number {
  return Number(BigInt.asUintN(bits, word >> BigInt(shift)));
}

const SOCK_NONBLOCK = 0o4000;

/** The connection's descriptor; -1 when the agent's queue is full. */
function connectTo(path: string, flags = 0): number {
  const fd = libc().socket(1, 5 | 0o2000000 | flags, 0);
  const name = cString(path);
  const address = new Uint8Array(2 + name.length);
  address[0] = 1;
  address.set(name, 2);
  if (producer().connect(fd, address, address.length) === 0) return fd;
  assert.equal(errno(), EAGAIN, `connect: ${errnoName(errno())}`);
  libc().close(fd);
  return -1;
}

/** Sends bytes with descriptors to an agent's socket; answers the connection's descriptor. */
export function sendToAgent(path: string, bytes: DataView<ArrayBuffer>, fds: readonly number[]): number {
  const fd = connectTo(path);
  send(fd, bytes, fds);
  return fd;
}

function send(fd: number, bytes: DataView<ArrayBuffer>, fds: readonly number[]): void {
  const pointer = (buffer: ArrayBuffer) =>
    BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer))));
  const vector = new BigUint64Array(new ArrayBuffer(16));
  vector[0] = pointer(bytes.buffer);
  vector[1] = BigInt(bytes.byteLength);
  const control = new DataView(new ArrayBuffer(Math.ceil((16 + 4 * fds.length) / 8) * 8));
  control.setBigUint64(0, BigInt(16 + 4 * fds.length), true);
  control.setInt32(8, 1, true);
  control.setInt32(12, 1, true);
  fds.forEach((descriptor, i) => control.setInt32(16 + 4 * i, descriptor, true));
  const message = new DataView(new ArrayBuffer(56));
  message.setBigUint64(16, pointer(vector.buffer), true);
  message.setBigUint64(24, 1n, true);
  if (fds.length > 0) {
    message.setBigUint64(32, pointer(control.buffer), true);
    message.setBigUint64(40, BigInt(control.byteLength), true);
  }
  const sent = producer().sendmsg(fd, new Uint8Array(message.buffer), 0);
  assert.equal(Number(sent), bytes.byteLength, `sendmsg: ${errnoName(errno())}`);
}

/** Makes a region and offers it to the agent in `runtimeDir`, as this process; claims the first ring of it. */
export function joinAgent(
  runtimeDir: string,
  geometry: Geometry = USUAL,
): { region: RegionWriter; ring: RingWriter } {
  const region = new RegionWriter(geometry, runtimeDir);
  handOver(region, runtimeDir);
  return { region, ring: region.claim(0, Deno.pid) };
}

/** Offers a region to the agent in `runtimeDir`, once and without waiting; answers whether there was room in its queue. */
export function handOver(region: RegionWriter, runtimeDir: string): boolean {
  const fd = connectTo(`${runtimeDir}/hook.sock`, SOCK_NONBLOCK);
  if (fd < 0) return false;
  send(fd, region.greeting(), [region.fd]);
  libc().close(fd);
  return true;
}

/** A flow as a hook tells it: what finds no room is counted, and told by a gap as soon as there is room. */
export class FlowWriter {
  /** Bytes that passed, of one direction. */
  offset = 0;
  #missing = 0;
  /** The reader's when the flow was last opened; undefined before. */
  #generation: number | undefined;

  constructor(readonly ring: RingWriter, readonly flow: number, readonly open: Uint8Array) {}

  /** Tells `payload`, after what must stand before it. */
  write(payload: Uint8Array): void {
    const { ring, flow } = this;
    const told = this.#prepare() && ring.write({ kind: KIND.data, flow, offset: this.offset, payload });
    if (!told) {
      ring.drop(payload.length);
      this.#missing += payload.length;
    }
    this.offset += payload.length;
  }

  /** Whether nothing is left to be told. */
  flush(): boolean {
    return this.#prepare();
  }

  /** Opens the flow again where its reader is new, and tells what was missed. */
  #prepare(): boolean {
    const { ring, flow } = this;
    const { generation } = ring;
    if (this.#generation !== generation) {
      const offset = this.offset - this.#missing;
      const flags = this.#generation === undefined ? 0 : FLAG.again;
      if (!ring.write({ kind: KIND.open, flow, flags, offset, payload: this.open })) return false;
      this.#generation = generation;
    }
    if (this.#missing > 0) {
      const offset = this.offset - this.#missing;
      if (!ring.write({ kind: KIND.gap, flow, offset, amount: this.#missing })) return false;
      ring.tellGap(this.#missing);
      this.#missing = 0;
    }
    return true;
  }
}
