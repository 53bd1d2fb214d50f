// SPDX-License-Identifier: MIT
/** Which capture sources an agent has, by its option --capture. @module */
import { type CaptureSource, hookSource, type HookSourceOptions } from "../net/agent/source.ts";

/** Values of --capture. */
export const CAPTURES = ["hook", "uprobes", "auto"] as const;

export type Capture = typeof CAPTURES[number];

/** Most that the ring of kernel probes may have. */
const RING_MAX = 1 << 30;

/** Rings of kernel probes have a power of two. */
function ringWithin(memoryBytes: number | undefined): number | undefined {
  return memoryBytes && 2 ** Math.floor(Math.log2(Math.min(memoryBytes, RING_MAX)));
}

/** The sources, not yet at work. Rejects with `BadSetting` where probes were asked for and cannot be. */
export async function captureSources(capture: Capture, hook: HookSourceOptions): Promise<CaptureSource[]> {
  if (capture === "hook") return [hookSource(hook)];
  const { probeSource } = await import("../net/agent/probe_source.ts");
  const ringBytes = ringWithin(hook.memoryBytes);
  if (capture === "uprobes") return [await probeSource({ ringBytes })];
  return [hookSource(hook), await probeSource({ ringBytes, optional: true })];
}
