// SPDX-License-Identifier: MIT
/** Which capture sources an agent has, by its option --capture. @module */
import { type CaptureSource, hookSource, type HookSourceOptions } from "../net/agent/source.ts";

/** Values of --capture. */
export const CAPTURES = ["hook", "uprobes", "auto"] as const;

export type Capture = typeof CAPTURES[number];

/** The sources, not yet at work. Rejects with `BadSetting` where probes were asked for and cannot be. */
export async function captureSources(capture: Capture, hook: HookSourceOptions): Promise<CaptureSource[]> {
  if (capture === "hook") return [hookSource(hook)];
  const { probeSource } = await import("../net/agent/probe_source.ts");
  if (capture === "uprobes") return [await probeSource()];
  return [hookSource(hook), await probeSource({ optional: true })];
}
