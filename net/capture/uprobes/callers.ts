// SPDX-License-Identifier: MIT
/** Where calls come from, where the kernel could not tell: another thread was changing the program's mappings. @module */
import { readMaps } from "../../ffi/process_maps.ts";

/** `is_hook_name` of hook/probes/mapped.h. */
const HOOK_NAME = "libsslcollector_hook.so";

/** Whether a process has the hook mapped at an address; undefined: the process has ended. */
export function isHookAt(pid: number, address: bigint): boolean | undefined {
  const maps = readMaps(pid);
  return maps ? isHookIn(maps, address) : undefined;
}

/** The same of the text of a `/proc/PID/maps`. */
export function isHookIn(maps: string, address: bigint): boolean {
  for (const [, start, end, path] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) .*?(?:\s(\/.*))?$/gm)) {
    if (address < BigInt(`0x${start}`) || address >= BigInt(`0x${end}`)) continue;
    return path?.replace(/ \(deleted\)$/, "").split("/").at(-1) === HOOK_NAME;
  }
  return false;
}
