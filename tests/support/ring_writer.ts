// SPDX-License-Identifier: MIT
/**
 * The producer's side of `record.h`, honest or not, for tests of the agent's side without a hooked program.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  cString,
  errno,
  errnoName,
  FUTEX_WAKE,
  libc,
  LIBC_NAMES,
  openLibrary,
  SYS_FUTEX,
} from "../../net/ffi/libc.ts";
import { SharedMapping } from "../../net/ffi/mapping.ts";
import {
  ABI,
  CONTROL,
  dataStart,
  GREETING,
  MAGIC,
  PAGE,
  RING,
  SLOT,
  subringStride,
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
export const SEALS_WANTED = 1 | 2 | 4;

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
  subringCount: number;
  slotCapacity: number;
  dataCapacity: number;
  initialData: number;
  initialSlots: number;
}

/** What an agent's control page says. */
export function readControl(path: string): { geometry: Geometry; identity: bigint; view: DataView } {
  const view = new DataView(Deno.readFileSync(path).buffer);
  const u32 = (at: number) => view.getUint32(at, true);
  assert.equal(u32(CONTROL.magic), MAGIC);
  const geometry = {
    subringCount: u32(CONTROL.subringCount),
    slotCapacity: u32(CONTROL.slotCapacity),
    dataCapacity: u32(CONTROL.dataCapacity),
    initialData: u32(CONTROL.initialData),
    initialSlots: u32(CONTROL.initialSlots),
  };
  return { geometry, identity: view.getBigUint64(CONTROL.identity, true), view };
}

/** Wakes the agent in `runtimeDir` as a hook does; answers how many threads of it were waiting. */
export function wakeAgent(runtimeDir: string): number {
  const fd = libc().open(cString(`${runtimeDir}/control`), 2, 0);
  const page = SharedMapping.map(fd, PAGE);
  libc().close(fd);
  const woken = libc().futex_wake(SYS_FUTEX, page.pointer(CONTROL.sleeping), FUTEX_WAKE, 0x7fff_ffffn);
  page.unmap();
  return Number(woken);
}

/** A region of rings in a memfd, as a hook makes it. */
export class RegionWriter {
  readonly fd: number;
  readonly mapping: SharedMapping;
  readonly stride: number;

  constructor(readonly geometry: Geometry, seals: number = SEALS_WANTED) {
    this.stride = subringStride(geometry.slotCapacity, geometry.dataCapacity);
    this.fd = producer().memfd_create(cString("sslcollector-test"), MFD_CLOEXEC_ALLOW_SEALING);
    assert(this.fd >= 0, errnoName(errno()));
    const size = this.stride * geometry.subringCount;
    assert.equal(libc().ftruncate(this.fd, BigInt(size)), 0);
    this.mapping = SharedMapping.map(this.fd, size);
    if (seals !== 0) assert.equal(libc().fcntl(this.fd, F_ADD_SEALS, seals), 0);
  }

  /** Takes a sub-ring for `owner`. */
  claim(subring: number, owner: number): RingWriter {
    const memory = this.mapping.view(subring * this.stride, this.stride);
    return new RingWriter(memory, this.geometry, owner);
  }

  greeting(identity: bigint, pid: number = Deno.pid): DataView<ArrayBuffer> {
    const view = new DataView(new ArrayBuffer(GREETING.size));
    view.setUint32(GREETING.magic, MAGIC, true);
    view.setUint32(GREETING.abi, ABI, true);
    view.setUint32(GREETING.pid, pid, true);
    view.setUint32(GREETING.subringCount, this.geometry.subringCount, true);
    view.setUint32(GREETING.subringStride, this.stride, true);
    view.setUint32(GREETING.slotCapacity, this.geometry.slotCapacity, true);
    view.setUint32(GREETING.dataCapacity, this.geometry.dataCapacity, true);
    view.setBigUint64(GREETING.identity, identity, true);
    new Uint8Array(view.buffer).set(new TextEncoder().encode("writer"), GREETING.comm);
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
    this.view.setUint32(RING.grantedData, geometry.initialData, true);
    this.view.setUint32(RING.grantedSlots, geometry.initialSlots, true);
    this.view.setUint32(RING.abi, ABI, true);
    this.words[RING.owner >> 2] = owner;
    Atomics.store(this.words, RING.magic >> 2, MAGIC);
  }

  get retired(): boolean {
    return Atomics.load(this.words, RING.retired >> 2) !== 0;
  }

  get grantedData(): number {
    return Atomics.load(this.words, RING.grantedData >> 2);
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

/** Sends bytes with descriptors to an agent's socket; answers the connection's descriptor. */
export function sendToAgent(path: string, bytes: DataView<ArrayBuffer>, fds: readonly number[]): number {
  const symbols = producer();
  const fd = libc().socket(1, 5 | 0o2000000, 0);
  const name = cString(path);
  const address = new Uint8Array(2 + name.length);
  address[0] = 1;
  address.set(name, 2);
  assert.equal(symbols.connect(fd, address, address.length), 0, `connect: ${errnoName(errno())}`);
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
  const sent = symbols.sendmsg(fd, new Uint8Array(message.buffer), 0);
  assert.equal(Number(sent), bytes.byteLength, `sendmsg: ${errnoName(errno())}`);
  return fd;
}

/** Makes a region as the agent in `runtimeDir` asks for and offers it, as this process. */
export function joinAgent(runtimeDir: string): { region: RegionWriter; ring: RingWriter } {
  const { geometry, identity } = readControl(`${runtimeDir}/control`);
  const region = new RegionWriter(geometry);
  const ring = region.claim(0, Deno.pid);
  libc().close(sendToAgent(`${runtimeDir}/hook.sock`, region.greeting(identity), [region.fd]));
  return { region, ring };
}
