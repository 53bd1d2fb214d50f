// SPDX-License-Identifier: MIT
/**
 * Finds regions that nobody handed over, in the maps of running processes: all of them once, then those that are new, and slowly
 * again those whose address space has another size than before, since a process may have found the agent's queue full or begun to
 * use TLS late.
 *
 * The maps of one process can be hundreds of megabytes long, so they are read on another thread, a piece at a time, and one
 * user's processes take turns with those of others.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { cString, EPERM, errno, libc } from "../../ffi/libc.ts";
import { FIRST_DATA, PAGE } from "../record/layout.ts";
import { ProcessList } from "./process_list.ts";

const PIECE_BYTES = 256 << 10;
/** Of the maps of one user's processes in one pass; 60,000 mappings are some 4 MB. */
const BYTES_OF_USER = 256 << 20;
/** New processes are looked for this often. */
const EVERY_MS = 1000;
/** Of the time between, this may pass with asking for sizes, and this with reading again what was read before. */
const SIZES_MS = 0.5;
const AGAIN_MS = 3;
/**
 * A process with fewer pages of addresses than one ring of the usual size has no region, or a small one for want of addresses. Most of
 * those that come and go are such: they are read when they are there for longer.
 */
const SMALL_PAGES = FIRST_DATA / PAGE;
/** A path can be this long. */
const LINE_BYTES = 8 << 10;
/** Mappings of regions that are told of one process. */
const FOUND_MAX = 64;

/** Where a process maps a region, as /proc names it: `start-end`, hexadecimal. */
export type MapRange = string;

export interface RegionMapping {
  readonly range: MapRange;
  /** Device and inode number of the region, as `fileKey` tells them. */
  readonly key: string;
}

export interface RegionScanOptions {
  /** Of the regions, as in `regionName`. */
  readonly name: string;
  /** Whether all processes are read, or only those that are asked for. */
  readonly isWide: boolean;
  /** A process that need not be read. */
  readonly isKnown: (pid: number) => boolean;
  /** A region that need not be told again. */
  readonly isHeld: (key: string) => boolean;
  /** What was found in the maps of a process; undefined when it was asked for and they cannot be read. */
  readonly found: (pid: number, mappings: readonly RegionMapping[] | undefined) => void;
}

/** The processes of one user that wait for their turn, and the one whose turn it is. */
interface Line {
  readonly pids: number[];
  maps: Maps | undefined;
  bytes: number;
}

/** The maps of a process, open. */
interface Maps {
  readonly pid: number;
  /** Of its address space when they were opened. */
  readonly pages: number;
  readonly stream: Deno.PointerObject;
  readonly found: RegionMapping[];
  /** End of the piece before, which may be a line's beginning. */
  rest: string;
  /** Nothing was read: the kernel lets them be opened that may not be read. */
  isHidden: boolean;
}

export class RegionScan {
  readonly #options: RegionScanOptions;
  readonly #mark: string;
  readonly #bytes = new Uint8Array(PIECE_BYTES);
  readonly #processes = new ProcessList();
  /** Pages of address space that processes had when they were read, by id; those that were asked longest ago come first. */
  readonly #seen = new Map<number, number>();
  /** Processes without memory of their own: threads of the kernel, and what has ended. */
  readonly #empty = new Set<number>();
  /** Small processes that were new in the last pass. */
  #small: number[] = [];
  /** Processes that were asked for. */
  readonly #asked = new Set<number>();
  #isClosed = false;
  #isWanted = false;
  #wake: (() => void) | undefined;

  constructor(options: RegionScanOptions) {
    this.#options = options;
    this.#mark = `/memfd:${options.name} `;
  }

  /** Whether this process may open the memory files of others: root, or one with CAP_CHECKPOINT_RESTORE. */
  static isPermitted(): boolean {
    const range = /^0*([0-9a-f]+)-0*([0-9a-f]+) .* \/\S*$/m.exec(Deno.readTextFileSync("/proc/self/maps"));
    if (range === null) return false;
    const fd = libc().open(cString(`/proc/self/map_files/${range[1]}-${range[2]}`), 0, 0);
    if (fd < 0) return errno() !== EPERM;
    libc().close(fd);
    return true;
  }

  /** Scans until {@linkcode close}. */
  async run(): Promise<void> {
    let passedMs = -Infinity;
    while (!this.#isClosed) {
      await this.#readAsked();
      const isDue = performance.now() - passedMs >= EVERY_MS;
      if (this.#options.isWide && (isDue || this.#isWanted)) {
        const all = this.#isWanted || this.#seen.size === 0;
        this.#isWanted = false;
        await this.#pass(all);
        passedMs = performance.now();
      }
      if (!this.#isWanted && this.#asked.size === 0) await this.#pause(EVERY_MS);
    }
  }

  /** Reads the maps of one process, soon. */
  ask(pid: number): void {
    this.#asked.add(pid);
    this.#wake?.();
  }

  async #readAsked(): Promise<void> {
    const pids = [...this.#asked];
    this.#asked.clear();
    const unread = new Set(pids);
    await this.#read(pids, Infinity, (pid, mappings) => {
      unread.delete(pid);
      this.#options.found(pid, mappings);
    });
    for (const pid of unread) this.#options.found(pid, undefined);
  }

  /** Scans everything again, soon: programs may have been turned away. */
  want(): void {
    this.#isWanted = true;
    this.#wake?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  async #pause(delayMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, delayMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  async #pass(all: boolean): Promise<void> {
    const present = await this.#processes.now();
    const { isKnown } = this.#options;
    // One that is known may leave its region by exec: then it is as good as new.
    for (const pid of this.#seen.keys()) if (!present.has(pid) || isKnown(pid)) this.#seen.delete(pid);
    for (const pid of this.#empty) if (!present.has(pid)) this.#empty.delete(pid);
    const changed = all ? [] : this.#changed();
    const fresh = this.#small.filter((pid) => present.has(pid) && !isKnown(pid));
    this.#small = [];
    for (const pid of present) {
      if (isKnown(pid) || this.#empty.has(pid) || !all && this.#seen.has(pid)) continue;
      const pages = addressSpaceOf(pid);
      if (pages === 0) {
        this.#empty.add(pid);
        continue;
      }
      this.#seen.set(pid, UNREAD);
      if (all || pages >= SMALL_PAGES) fresh.push(pid);
      else this.#small.push(pid);
    }
    await this.#read(fresh, Infinity, this.#tell);
    await this.#read(changed, AGAIN_MS, this.#tell);
  }

  readonly #tell: Tell = (pid, mappings = [], pages) => {
    if (mappings.length > 0) this.#options.found(pid, mappings);
    const isDone = mappings.every(({ key }) => this.#options.isHeld(key));
    this.#seen.set(pid, isDone ? pages : UNREAD);
  };

  /** Processes that may map something else than when they were read; as many as can be asked in a moment, in turn. */
  #changed(): number[] {
    const changed: number[] = [];
    const startMs = performance.now();
    let left = this.#seen.size;
    for (const [pid, before] of this.#seen) {
      if (left-- === 0 || performance.now() - startMs >= SIZES_MS) break;
      this.#seen.delete(pid);
      this.#seen.set(pid, before);
      if (addressSpaceOf(pid) !== before) changed.push(pid);
    }
    return changed;
  }

  /** Reads the maps of processes for at most `budgetMs`, each user's in turn. */
  async #read(
    pids: readonly number[],
    budgetMs: number,
    tell: Tell,
  ): Promise<void> {
    const lines = new Map<number, Line>();
    const startMs = performance.now();
    for (const pid of pids) {
      const uid = ownerOf(pid);
      if (uid === undefined || pid === Deno.pid) continue;
      const line = lines.get(uid);
      if (line === undefined) lines.set(uid, { pids: [pid], maps: undefined, bytes: 0 });
      else line.pids.push(pid);
    }
    while (lines.size > 0) {
      for (const [uid, line] of lines) {
        const isOver = this.#isClosed || performance.now() - startMs >= budgetMs;
        if (!isOver && await this.#step(line, tell)) continue;
        if (line.maps !== undefined) libc().fclose(line.maps.stream);
        lines.delete(uid);
      }
    }
  }

  /** Reads one piece of a user's; false when there is none left. */
  async #step(line: Line, tell: Tell): Promise<boolean> {
    if (line.bytes > BYTES_OF_USER) return false;
    const maps = line.maps ??= openNext(line.pids);
    if (maps === undefined) return false;
    const length = Number(await libc().freadElsewhere(this.#bytes, 1n, BigInt(PIECE_BYTES), maps.stream));
    line.bytes += length;
    if (length > 0) maps.isHidden = false;
    const text = maps.rest + Buffer.from(this.#bytes.buffer, 0, length).toString("latin1");
    const end = text.lastIndexOf("\n") + 1;
    this.#search(maps, text.slice(0, end));
    maps.rest = text.slice(Math.max(end, text.length - LINE_BYTES));
    if (length === PIECE_BYTES) return true;
    libc().fclose(maps.stream);
    line.maps = undefined;
    tell(maps.pid, maps.isHidden ? undefined : maps.found, maps.pages);
    return true;
  }

  /** Notes every region in some lines of a process's maps. */
  #search({ found }: Maps, text: string): void {
    for (let at = text.indexOf(this.#mark); at >= 0; at = text.indexOf(this.#mark, at + 1)) {
      const line = text.slice(text.lastIndexOf("\n", at) + 1, at);
      const mapping = parseMapping(line);
      if (mapping !== undefined && found.length < FOUND_MAX) found.push(mapping);
    }
  }
}

/** The next of `pids` whose maps can be opened. */
function openNext(pids: number[]): Maps | undefined {
  for (let pid = pids.shift(); pid !== undefined; pid = pids.shift()) {
    const pages = addressSpaceOf(pid);
    const stream = libc().fopen(cString(`/proc/${pid}/maps`), cString("r"));
    if (stream !== null) return { pid, pages, stream, found: [], rest: "", isHidden: true };
  }
  return undefined;
}

/** `start-end permissions offset device inode`, all hexadecimal but the last. */
function parseMapping(line: string): RegionMapping | undefined {
  const match = /^0*([0-9a-f]+)-0*([0-9a-f]+) \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)/.exec(line);
  if (match === null) return undefined;
  const [, start, end, major, minor, inode] = match;
  // As the kernel packs both into what stat tells, for the numbers that memory files have.
  const device = Number.parseInt(major, 16) << 8 | Number.parseInt(minor, 16);
  return { range: `${start}-${end}`, key: `${device}:${inode}` };
}

/** Takes what was found in the maps of a process, undefined where they may not be read, and the pages of its address space before they were read. */
type Tell = (pid: number, mappings: readonly RegionMapping[] | undefined, pages: number) => void;

/** Where a number of pages stands for a process whose maps are to be read whatever they are. */
const UNREAD = -1;
const SPACE = 0x20;
const ZERO = 0x30;
const statm = new Uint8Array(64);

/** Pages of addresses that a process maps, of which /proc/PID/statm tells first; 0 when it is gone. */
function addressSpaceOf(pid: number): number {
  const fd = libc().open(cString(`/proc/${pid}/statm`), 0, 0);
  if (fd < 0) return 0;
  const length = Number(libc().pread(fd, statm, BigInt(statm.length), 0n));
  libc().close(fd);
  let pages = 0;
  for (let at = 0; at < length && statm[at] !== SPACE; at++) pages = pages * 10 + statm[at] - ZERO;
  return pages;
}

/** Undefined when the process is gone. */
function ownerOf(pid: number): number | undefined {
  try {
    return Deno.statSync(`/proc/${pid}`).uid ?? 0;
  } catch {
    return undefined;
  }
}
