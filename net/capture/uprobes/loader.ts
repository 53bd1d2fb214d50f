// SPDX-License-Identifier: MIT
/**
 * Loads the probes into the kernel. What they read of the kernel's structures it finds itself, by names.
 *
 * @module
 */
import {
  type AttachedUprobe,
  attachTracing,
  attachUprobe,
  BpfMap,
  loadBtf,
  loadProgram,
  PROGRAM_TYPE,
  type Uprobe,
  uprobeEvent,
} from "../../ffi/bpf.ts";
import { libc } from "../../ffi/libc.ts";
import { Btf, BTF_KIND, layOutSections } from "./btf.ts";
import { type LinkedProgram, type MapDefinition, ProbeObject } from "./object.ts";

const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";
const TASK_STORAGE = 29;
const RING_BUFFER = 27;
const TRACEPOINT = "tp_btf/";
/** The type of a value of the map, by the map's name. */
const VALUE_TYPES: Readonly<Record<string, string>> = { threads: "thread" };
const LICENSE = "Dual MIT/GPL";

/** The probes in the kernel, attached to nothing but the sockets' tracepoints. */
export class LoadedProbes {
  readonly #maps = new Map<string, BpfMap>();
  /** By the last part of the section's name. */
  readonly #programs = new Map<string, number>();
  readonly #descriptors = new Set<number>();
  readonly #event: ReturnType<typeof uprobeEvent>;

  /**
   * Throws an Error that names what the kernel refuses; nothing is left in it then.
   *
   * @param ringBytes A power of two.
   */
  constructor(object: Uint8Array<ArrayBuffer>, ringBytes: number) {
    this.#event = uprobeEvent();
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

  /** Attaches a program, such as `enter`; {@linkcode detach} takes it away. Throws `BpfError`. */
  attach(program: string, probe: Uprobe): AttachedUprobe {
    const attached = attachUprobe(this.#programs.get(program)!, probe, this.#event, (fd) => libc().close(fd));
    this.#descriptors.add(attached.link).add(attached.event);
    return attached;
  }

  detach({ event, link }: AttachedUprobe): void {
    for (const fd of [event, link]) if (this.#descriptors.delete(fd)) libc().close(fd);
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
      const fd = this.#keep(load(program, btf, kernel));
      if (program.section.startsWith(TRACEPOINT)) this.#keep(attachTracing(fd));
      else this.#programs.set(program.section.slice(program.section.indexOf("/") + 1), fd);
    }
  }

  #keep(fd: number): number {
    this.#descriptors.add(fd);
    return fd;
  }
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

function load({ name, section, ...rest }: LinkedProgram, btf: number, kernel: Btf): number {
  const isTracing = section.startsWith(TRACEPOINT);
  let traced: number | undefined;
  if (isTracing) {
    const event = section.slice(TRACEPOINT.length);
    traced = kernel.find(BTF_KIND.typedef, `btf_trace_${event}`);
    if (traced === undefined) throw new Error(`this kernel has no tracepoint ${event}`);
  }
  const type = isTracing ? PROGRAM_TYPE.tracing : PROGRAM_TYPE.kprobe;
  return loadProgram({ name, type, license: LICENSE, btf, traced, ...rest });
}
