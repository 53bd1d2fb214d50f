// SPDX-License-Identifier: MIT
/** Clear text by kernel probes, of programs that need not be started again: as a source of an agent. @module */
import * as v from "valibot";
import { ProbeSource } from "../capture/uprobes/probe_source.ts";
import { missingForProbes, probeHost } from "../capture/uprobes/requirements.ts";
import type { CaptureTarget } from "../capture/target.ts";
import { BadSetting } from "../settings/bad_setting.ts";
import { parsed, wholeNumber } from "../settings/schema.ts";
import { readProbes } from "./probe_object.ts";
import type { CaptureSource, OpenSource, SourceContext } from "./source.ts";

/** What the probes may use, and what is done where they cannot be. */
export interface ProbeSourceOptions {
  /** Bytes of the ring that all programs share, a power of two from 1 MiB to 1 GiB. Default: 64 MiB. */
  readonly ringBytes?: number;
  /** Where the kernel or this process's rights do not allow probes, a line says so, and other sources go on. Default: false. */
  readonly optional?: boolean;
}

const RING_MIN = 1 << 20;
const RING_MAX = 1 << 30;

const probeSchema = v.strictObject({
  ringBytes: v.optional(
    v.pipe(
      wholeNumber(RING_MIN, RING_MAX),
      v.check((bytes) => Number.isInteger(Math.log2(bytes)), "expected a power of two"),
    ),
  ),
  optional: v.optional(v.boolean(), false),
});

/**
 * Every program of this host that uses a library which is known, but for those that carry the hook: programs that run already,
 * in whatever container. Linux 6.3 on x86_64, and untried on arm64; needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_PTRACE. Rejects with
 * {@linkcode BadSetting}.
 */
export async function probeSource(options: ProbeSourceOptions = {}): Promise<CaptureSource> {
  const { ringBytes, optional } = parsed(probeSchema, options);
  let object: Uint8Array<ArrayBuffer> | undefined;
  let hindrance: string | undefined;
  const missing = missingForProbes(probeHost());
  if (missing.length > 0) hindrance = `kernel probes need ${missing.join(", ")}`;
  else {
    try {
      object = await readProbes();
    } catch (error) {
      hindrance = `no kernel probes: ${(error as Error).message}`;
    }
  }
  const refuse = (warn: (message: string) => void, reason: string): OpenSource => {
    if (!optional) throw new BadSetting("sources", reason);
    warn(`programs without the hook are not mirrored: ${reason}`);
    return NOTHING;
  };
  return {
    name: "any",
    check: () => {
      if (hindrance !== undefined && !optional) throw new BadSetting("sources", hindrance);
    },
    open: (target, context) => {
      if (object === undefined) return refuse(context.warn, hindrance!);
      try {
        return openProbes(object, ringBytes, target, context);
      } catch (error) {
        return refuse(context.warn, (error as Error).message);
      }
    },
  };
}

/** A source that tells nothing. */
const NOTHING: OpenSource = { run: () => Promise.resolve(), close: () => Promise.resolve() };

function openProbes(
  object: Uint8Array<ArrayBuffer>,
  ringBytes: number | undefined,
  target: CaptureTarget,
  { timeBaseNs, nextProgram, look, flush, warn }: SourceContext,
): OpenSource {
  const source = new ProbeSource({
    object,
    ringBytes,
    target,
    timeBaseNs,
    nextProgram,
    onLook: look,
    onBatch: flush,
    warn,
  });
  return {
    run: () => source.run(),
    close: () => source.close(),
    capture: "probes",
    get counters() {
      return { programs: source.programs, refused: new Map() };
    },
  };
}
