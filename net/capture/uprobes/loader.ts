// SPDX-License-Identifier: MIT
/**
 * Loads the probes into the kernel. What they read of the kernel's structures it finds itself, by names.
 *
 * @module
 */
import {
  attachPackets,
  attachTracing,
  attachUprobe,
  attachUprobes,
  BpfError,
  BpfMap,
  closeProbes,
  loadBtf,
  loadProgram,
  type Packets,
  type Place,
  PROGRAM_TYPE,
  uprobeEvent,
} from "../../ffi/bpf.ts";
import { cString, errno, errnoName, libc } from "../../ffi/libc.ts";
import { Btf, BTF_KIND, layOutSections } from "./btf.ts";
import { type LinkedProgram, type MapDefinition, ProbeObject } from "./object.ts";

const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";
const TASK_STORAGE = 29;
const RING_BUFFER = 27;
const TRACEPOINT = "tp_btf/";
const PACKETS = "cgroup_skb/";
const O_DIRECTORY_READ_CLOSE_ON_EXEC = 0o2200000;
/** The type of a value of the map, by the map's name. */
const VALUE_TYPES: Readonly<Record<string, string>> = { threads: "thread", scratches: "scratch" };
const LICENSE = "Dual MIT/GPL";

export type { Place };

/** Places of a file that are probed. */
export interface ProbePlaces {
  /** Where functions begin, or still have all that they were called with. */
  readonly begins: readonly Place[];
  /** Where the results of functions are known, before they return. */
  readonly ends: readonly Place[];
  /** Where functions begin at whose returns something is to be known. */
  readonly returns: readonly Place[];
}

/** Descriptors that hold the probes of a file. */
export type AttachedProbes = readonly number[];

/** How the kernel takes probes: all of a file at once (Linux 6.6), or each by itself. */
export type ProbeLevel = "multi" | "events";

/** The probes in the kernel, attached to nothing but the sockets' tracepoints. */
export class LoadedProbes {
  readonly #maps = new Map<string, BpfMap>();
  /** By the last part of the section's name. */
  readonly #programs = new Map<string, number>();
  readonly #descriptors = new Set<number>();
  #level: ProbeLevel = "multi";
  /** Why no packets are looked at; undefined: they are. */
  withoutPackets: string | undefined;

  /**
   * Throws an Error that names what the kernel refuses; nothing is left in it then.
   *
   * @param ringBytes A power of two.
   */
  constructor(object: Uint8Array<ArrayBuffer>, ringBytes: number) {
    try {
      this.#load(new ProbeObject(object), ringBytes);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  map(name: string): BpfMap {
    return this.#maps.get(name)!;
  }

  get level(): ProbeLevel {
    return this.#level;
  }

  /** Attaches to a file; {@linkcode detach} takes the probes away. Throws `BpfError`, and nothing is attached. */
  attach(path: string, { begins, ends, returns }: ProbePlaces): AttachedProbes {
    const attached: number[] = [];
    try {
      // Those where calls end first: a call has to be met at both ends or not at all.
      this.#attach(path, "return", returns, attached, true);
      this.#attach(path, "return", ends, attached);
      this.#attach(path, "begin", begins, attached);
    } catch (error) {
      for (const fd of attached.toReversed()) if (this.#descriptors.delete(fd)) libc().close(fd);
      throw error;
    }
    return attached;
  }

  /** Descriptors that hold the probes of a file, at most. */
  descriptorsFor({ begins, ends, returns }: ProbePlaces): number {
    return this.#level === "multi" ? 3 : 2 * (begins.length + ends.length + returns.length);
  }

  /** Resolves when the kernel has let go of them. */
  async detach(probes: AttachedProbes): Promise<void> {
    for (const fd of probes.toReversed()) if (this.#descriptors.delete(fd)) await closeProbes(fd);
  }

  #attach(
    path: string,
    name: "begin" | "return",
    places: readonly Place[],
    attached: number[],
    atReturn = false,
  ): void {
    if (places.length === 0) return;
    const program = this.#programs.get(name)!;
    const keep = (fd: number) => attached.push(this.#keep(fd));
    if (this.#level === "multi") {
      keep(attachUprobes(program, { path, places, atReturn }));
      return;
    }
    const event = uprobeEvent();
    for (const place of places) attachUprobe(program, { path, place, atReturn }, event, keep);
  }

  /** Takes everything out of the kernel; idempotent. */
  close(): void {
    for (const fd of this.#descriptors) libc().close(fd);
    this.#descriptors.clear();
  }

  #load(object: ProbeObject, ringBytes: number): void {
    const types = new Btf(object.btf);
    layOutSections(types);
    const btf = this.#keep(loadBtf(types.bytes));
    for (const definition of object.maps) {
      const map = new BpfMap({
        ...definition,
        maxEntries: definition.type === RING_BUFFER ? ringBytes : definition.maxEntries,
        types: valueTypes(definition, types, btf),
      });
      this.#keep(map.fd);
      this.#maps.set(definition.name, map);
    }
    const kernel = new Btf(Deno.readFileSync(KERNEL_TYPES));
    for (const program of object.link(new Map([...this.#maps].map(([name, { fd }]) => [name, fd])))) {
      const [kind, name] = [program.section.split("/")[0] + "/", program.section.split("/")[1]];
      if (kind === PACKETS) {
        this.#lookAtPackets(program, name as Packets, btf);
        continue;
      }
      const fd = this.#keep(this.#loadProgram(program, btf, kernel));
      if (kind === TRACEPOINT) this.#keep(attachTracing(fd));
      else this.#programs.set(name, fd);
    }
  }

  /** Packets are looked at where that may be: else sessions over memory have no addresses. */
  #lookAtPackets(program: LinkedProgram, packets: Packets, btf: number): void {
    try {
      const type = PROGRAM_TYPE.controlGroup;
      const fd = this.#keep(loadProgram({ ...program, type, license: LICENSE, btf, packets }));
      const group = openRootGroup();
      try {
        this.#keep(attachPackets(fd, group, packets));
      } finally {
        libc().close(group);
      }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.withoutPackets = error.message;
    }
  }

  /** The level falls where the kernel knows no better. */
  #loadProgram(program: LinkedProgram, btf: number, kernel: Btf): number {
    if (this.#level === "multi" && !program.section.startsWith(TRACEPOINT)) {
      try {
        return load(program, btf, kernel, true);
      } catch (error) {
        if (!(error instanceof BpfError) || error.code !== "EINVAL") throw error;
        this.#level = "events";
      }
    }
    return load(program, btf, kernel, false);
  }

  #keep(fd: number): number {
    this.#descriptors.add(fd);
    return fd;
  }
}

/** The folder of all processes' group, of version 2. Throws {@linkcode BpfError}. */
function openRootGroup(): number {
  const mounts = Deno.readTextFileSync("/proc/self/mountinfo");
  const path = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(mounts)?.[1];
  if (path === undefined) throw new BpfError("find the control groups", "ENOENT", "no cgroup2 is mounted");
  const fd = libc().open(cString(path), O_DIRECTORY_READ_CLOSE_ON_EXEC, 0);
  if (fd < 0) throw new BpfError(`open ${path}`, errnoName(errno()));
  return fd;
}

function valueTypes({ name, type }: MapDefinition, types: Btf, btf: number) {
  if (type !== TASK_STORAGE) return undefined;
  const key = types.find(BTF_KIND.int, "int");
  const value = types.find(BTF_KIND.struct, VALUE_TYPES[name]);
  if (key === undefined || value === undefined) {
    throw new Error(`the probes have no types for the map ${name}`);
  }
  return { btf, key, value };
}

function load({ name, section, ...rest }: LinkedProgram, btf: number, kernel: Btf, isMulti: boolean): number {
  const isTracing = section.startsWith(TRACEPOINT);
  let traced: number | undefined;
  if (isTracing) {
    const event = section.slice(TRACEPOINT.length);
    traced = kernel.find(BTF_KIND.typedef, `btf_trace_${event}`);
    if (traced === undefined) throw new Error(`this kernel has no tracepoint ${event}`);
  }
  const type = isTracing ? PROGRAM_TYPE.tracing : PROGRAM_TYPE.kprobe;
  return loadProgram({ name, type, license: LICENSE, btf, traced, isMulti, ...rest });
}
