// SPDX-License-Identifier: MIT
/**
 * bpf(2) and perf_event_open(2): maps, programs and where they are attached. Structures are those of linux/bpf.h and
 * linux/perf_event.h; every descriptor closes itself when the process ends, and with it what it holds.
 *
 * @module
 */
import { cString, EAGAIN, errno, errnoName, LIBC_NAMES, openLibrary } from "./libc.ts";

const SYMBOLS = {
  /** `int close(int fd)`, in a thread of its own */
  close: { parameters: ["i32"], result: "i32", nonblocking: true },
  /** `long syscall(SYS_bpf, int command, union bpf_attr *attributes, unsigned size)` */
  bpf: { name: "syscall", parameters: ["i64", "i64", "buffer", "i64"], result: "i64" },
  /** `long syscall(SYS_perf_event_open, struct perf_event_attr *, pid_t pid, int cpu, int group, unsigned long flags)` */
  perf_event_open: {
    name: "syscall",
    parameters: ["i64", "buffer", "i64", "i64", "i64", "i64"],
    result: "i64",
  },
} as const satisfies Deno.ForeignLibraryInterface;

const IS_ARM = Deno.build.arch === "aarch64";
const SYS_BPF = IS_ARM ? 280n : 321n;
const SYS_PERF_EVENT_OPEN = IS_ARM ? 241n : 298n;

const COMMAND = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  programLoad: 5,
  rawTracepointOpen: 17,
  btfLoad: 18,
  linkCreate: 28,
} as const;

export const PROGRAM_TYPE = { kprobe: 2, controlGroup: 8, tracing: 26 } as const;
const ATTACH_RAW_TRACEPOINT = 23;
const ATTACH_PERF_EVENT = 41;
const ATTACH_UPROBE_MULTI = 48;
const UPROBE_MULTI_RETURN = 1;

const PERF_ATTRIBUTES_SIZE = 136;
const PERF_FLAG_CLOSE_ON_EXEC = 8n;

/** What the verifier may say; it keeps the end, which has the reason. */
const LOG_SIZE = 64 << 10;
/** The verifier gives up when a signal comes; so often it is asked again. */
const LOAD_AGAIN = 10;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;

function symbols() {
  return opened ??= openLibrary(LIBC_NAMES, SYMBOLS).symbols;
}

/** A call of bpf(2) that failed. */
export class BpfError extends Error {
  /** @param code `EPERM`, `EINVAL`. */
  constructor(readonly action: string, readonly code: string, detail = "") {
    super(`Cannot ${action}: ${code}${detail === "" ? "" : `: ${detail}`}`);
  }
}

/** An attribute structure that is filled field by field; keeps what it points to. */
class Attributes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #kept: ArrayBufferView[] = [];

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  u64(offset: number, value: number | bigint): this {
    this.#view.setBigUint64(offset, BigInt(value), true);
    return this;
  }

  pointer(offset: number, value: Uint8Array<ArrayBuffer> | undefined): this {
    if (value === undefined || value.length === 0) return this;
    this.#kept.push(value);
    return this.u64(offset, addressOf(value));
  }

  /** At most 15 characters. */
  name(offset: number, text: string): this {
    this.bytes.set(cString(text.slice(0, 15)), offset);
    return this;
  }
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

/** Answers the result, or -errno. */
function bpf(command: number, attributes: Attributes): number {
  const result = symbols().bpf(SYS_BPF, BigInt(command), attributes.bytes, BigInt(attributes.bytes.length));
  return result < 0n ? -errno() : Number(result);
}

function bpfOrThrow(command: number, attributes: Attributes, action: string): number {
  const result = bpf(command, attributes);
  if (result < 0) throw new BpfError(action, errnoName(-result));
  return result;
}

/** Loads type information; answers its descriptor. Throws {@linkcode BpfError}. */
export function loadBtf(btf: Uint8Array<ArrayBuffer>): number {
  const attributes = new Attributes(32).pointer(0, btf).u32(16, btf.length);
  const result = bpf(COMMAND.btfLoad, attributes);
  if (result >= 0) return result;
  const log = new Uint8Array(LOG_SIZE);
  bpf(COMMAND.btfLoad, attributes.pointer(8, log).u32(20, log.length).u32(24, 1));
  throw new BpfError("load the probes' type information", errnoName(-result), logEnd(log));
}

export interface MapShape {
  readonly name: string;
  /** `enum bpf_map_type`. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Types of key and value in the information that {@linkcode loadBtf} took, where the map needs them. */
  readonly types?: { readonly btf: number; readonly key: number; readonly value: number };
}

/** A map and its descriptor. Values are copied by the kernel. */
export class BpfMap {
  readonly shape: MapShape;
  readonly fd: number;

  /** Makes it. Throws {@linkcode BpfError}. */
  constructor(shape: MapShape) {
    const { name, type, keySize, valueSize, maxEntries, flags, types } = shape;
    const attributes = new Attributes(72).u32(0, type).u32(4, keySize).u32(8, valueSize).u32(12, maxEntries)
      .u32(16, flags).name(28, name);
    if (types) attributes.u32(48, types.btf).u32(52, types.key).u32(56, types.value);
    this.shape = shape;
    this.fd = bpfOrThrow(COMMAND.mapCreate, attributes, `make the map ${name}`);
  }

  /** Whether there is a value for `key`, which `value` then has. */
  get(key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): boolean {
    return bpf(COMMAND.mapLookup, this.#element(key).pointer(16, value)) >= 0;
  }

  /** Throws {@linkcode BpfError} where there is no room. */
  set(key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): void {
    bpfOrThrow(COMMAND.mapUpdate, this.#element(key).pointer(16, value), `write the map ${this.shape.name}`);
  }

  delete(key: Uint8Array<ArrayBuffer>): void {
    bpf(COMMAND.mapDelete, this.#element(key));
  }

  /** Every key that was there all the time, and some of those that were not. Each is a copy. */
  *keys(): Generator<Uint8Array<ArrayBuffer>> {
    let key: Uint8Array<ArrayBuffer> | undefined;
    // A deleted key begins anew: the bound keeps a map that changes all the time from being read for ever.
    for (let left = 2 * this.shape.maxEntries; left > 0; left--) {
      const next = new Uint8Array(this.shape.keySize);
      if (bpf(COMMAND.mapNextKey, this.#element(key).pointer(16, next)) < 0) return;
      yield key = next;
    }
  }

  #element(key: Uint8Array<ArrayBuffer> | undefined): Attributes {
    return new Attributes(32).u32(0, this.fd).pointer(8, key);
  }
}

/** Packets of a control group's sockets: those that come, and those that leave. */
export type Packets = "ingress" | "egress";

const ATTACH_PACKETS: Readonly<Record<Packets, number>> = { ingress: 0, egress: 1 };

export interface ProgramShape {
  readonly name: string;
  /** {@linkcode PROGRAM_TYPE}. */
  readonly type: number;
  /** 8 bytes each. */
  readonly instructions: Uint8Array<ArrayBuffer>;
  readonly license: string;
  /** Descriptor of {@linkcode loadBtf}. */
  readonly btf: number;
  /** Records of `struct bpf_func_info` and their size. */
  readonly functions: { readonly size: number; readonly bytes: Uint8Array<ArrayBuffer> };
  /** Records of `struct bpf_core_relo` and their size. */
  readonly relocations: { readonly size: number; readonly bytes: Uint8Array<ArrayBuffer> };
  /** Of a tracing program, the type of what it traces in the kernel's information. */
  readonly traced?: number;
  /** Of a probe, whether it is for {@linkcode attachUprobes}: Linux 6.6. */
  readonly isMulti?: boolean;
  /** Of a program at a control group, which packets it sees. */
  readonly packets?: Packets;
}

/** Loads a program; answers its descriptor. Throws {@linkcode BpfError} with the verifier's last words. */
export function loadProgram(shape: ProgramShape): number {
  const { functions, relocations, instructions } = shape;
  const attributes = new Attributes(144).u32(0, shape.type).u32(4, instructions.length / 8)
    .pointer(8, instructions).pointer(16, cString(shape.license)).name(48, shape.name).u32(72, shape.btf)
    .u32(76, functions.size).pointer(80, functions.bytes).u32(88, functions.bytes.length / functions.size);
  if (relocations.bytes.length > 0) {
    attributes.u32(116, relocations.bytes.length / relocations.size).pointer(128, relocations.bytes)
      .u32(136, relocations.size);
  }
  if (shape.traced !== undefined) attributes.u32(68, ATTACH_RAW_TRACEPOINT).u32(108, shape.traced);
  if (shape.isMulti) attributes.u32(68, ATTACH_UPROBE_MULTI);
  if (shape.packets !== undefined) attributes.u32(68, ATTACH_PACKETS[shape.packets]);
  let result = bpf(COMMAND.programLoad, attributes);
  for (let left = LOAD_AGAIN; result === -EAGAIN && left > 0; left--) {
    result = bpf(COMMAND.programLoad, attributes);
  }
  if (result >= 0) return result;
  const log = new Uint8Array(LOG_SIZE);
  bpf(COMMAND.programLoad, attributes.pointer(32, log).u32(24, 1).u32(28, log.length));
  throw new BpfError(`load the probe ${shape.name}`, errnoName(-result), logEnd(log));
}

/** The last lines of what the kernel said. */
function logEnd(log: Uint8Array): string {
  const end = log.indexOf(0);
  const lines = new TextDecoder().decode(end < 0 ? log : log.subarray(0, end)).trimEnd().split("\n");
  return lines.filter((line) => !/^(processed|verification time|stack depth)/.test(line)).slice(-3).join(
    " / ",
  );
}

/** Attaches a tracing program to what it was loaded for; answers the descriptor that holds it there. */
export function attachTracing(program: number): number {
  const attributes = new Attributes(16).u32(8, program);
  return bpfOrThrow(COMMAND.rawTracepointOpen, attributes, "attach to a tracepoint");
}

/** Attaches a program to the packets of a control group, an open folder; answers the descriptor that holds it there. */
export function attachPackets(program: number, group: number, packets: Packets): number {
  const attributes = new Attributes(64).u32(0, program).u32(4, group).u32(8, ATTACH_PACKETS[packets]);
  return bpfOrThrow(COMMAND.linkCreate, attributes, "attach to the packets of the control group");
}

/** An instruction of a file. */
export interface Place {
  /** In the file. */
  readonly offset: number;
  /** What the program gets from `bpf_get_attach_cookie`. */
  readonly cookie: number;
}

/** Attaches a program to places of a file in all processes; answers the descriptor that holds it there. Throws {@linkcode BpfError}. */
export function attachUprobes(
  program: number,
  { path, places, atReturn }: {
    readonly path: string;
    readonly places: readonly Place[];
    /** Where the functions that begin there return. */
    readonly atReturn: boolean;
  },
): number {
  const words = (values: readonly number[]) => new Uint8Array(BigUint64Array.from(values, BigInt).buffer);
  const attributes = new Attributes(64).u32(0, program).u32(8, ATTACH_UPROBE_MULTI).pointer(16, cString(path))
    .pointer(24, words(places.map(({ offset }) => offset)))
    .pointer(40, words(places.map(({ cookie }) => cookie)))
    .u32(48, places.length).u32(52, atReturn ? UPROBE_MULTI_RETURN : 0);
  return bpfOrThrow(COMMAND.linkCreate, attributes, `attach to ${path}`);
}

/**
 * Closes a descriptor that holds probes. The kernel waits until nobody is in them any more, some 40 ms each time, so that is done aside.
 */
export async function closeProbes(fd: number): Promise<void> {
  await symbols().close(fd);
}

/** Number of the kind of perf events that are uprobes, and of the bit for those at returns. Throws where the kernel has none. */
export function uprobeEvent(): { readonly type: number; readonly returnBit: number } {
  const folder = "/sys/bus/event_source/devices/uprobe";
  const format = /config:(\d+)/.exec(Deno.readTextFileSync(`${folder}/format/retprobe`));
  return { type: Number(Deno.readTextFileSync(`${folder}/type`)), returnBit: Number(format?.[1] ?? 0) };
}

/**
 * What {@linkcode attachUprobes} does, for one place and on any kernel. `keep` gets the descriptors, an event and its link: to close the
 * event is what takes the program away. Throws {@linkcode BpfError}.
 */
export function attachUprobe(
  program: number,
  { path, place: { offset, cookie }, atReturn }: {
    readonly path: string;
    readonly place: Place;
    readonly atReturn: boolean;
  },
  { type, returnBit }: ReturnType<typeof uprobeEvent>,
  keep: (fd: number) => void,
): void {
  const attributes = new Attributes(PERF_ATTRIBUTES_SIZE).u32(0, type).u32(4, PERF_ATTRIBUTES_SIZE)
    .u64(8, atReturn ? 1n << BigInt(returnBit) : 0n).pointer(56, cString(path)).u64(64, offset);
  const event = Number(
    symbols().perf_event_open(
      SYS_PERF_EVENT_OPEN,
      attributes.bytes,
      -1n,
      0n,
      -1n,
      PERF_FLAG_CLOSE_ON_EXEC,
    ),
  );
  if (event < 0) throw new BpfError(`probe ${path} at ${offset}`, errnoName(errno()));
  keep(event);
  const link = new Attributes(64).u32(0, program).u32(4, event).u32(8, ATTACH_PERF_EVENT).u64(16, cookie);
  keep(bpfOrThrow(COMMAND.linkCreate, link, `attach to ${path} at ${offset}`));
}
