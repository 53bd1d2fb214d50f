// SPDX-License-Identifier: MIT
/** An agent that captures by kernel probes, of everything that runs on this machine: tests look at what is theirs. @module */
import assert from "node:assert/strict";
import { BpfError } from "../../../net/ffi/bpf.ts";
import { LoadedProbes } from "../../../net/capture/uprobes/loader.ts";
import { missingForProbes, probeHost } from "../../../net/capture/uprobes/requirements.ts";
import { buildProbes } from "../../../tools/probes.ts";
import { missing } from "../../support/run.ts";
import { notRoot, type Reason } from "../../support/skip.ts";
import type { Child } from "./child.ts";
import type { Fixture } from "./fixture.ts";
import {
  type Counts,
  mirrorOptions,
  type Mode,
  startSslcollector,
  type Summary,
  summaryOf,
} from "./sslcollector.ts";

const RING_BYTES = 1 << 20;

/** Why this machine takes no probes. */
export async function probesMissing(): Promise<Reason> {
  const reason = notRoot("kernel probes") ?? missing("clang");
  if (reason !== undefined) return reason;
  const lacking = missingForProbes(probeHost());
  if (lacking.length > 0) return `kernel probes: ${lacking.join(", ")}`;
  try {
    new LoadedProbes(await Deno.readFile(await buildProbes()), RING_BYTES).close();
    return undefined;
  } catch (error) {
    // A container may have root's rights and no way into the kernel; anything else is a fault.
    if (error instanceof BpfError && error.code === "EPERM") return `kernel probes: ${error.message}`;
    throw error;
  }
}

export class ProbeAgent implements AsyncDisposable {
  private constructor(readonly child: Child) {}

  /** Mirrors what `only` names, the sessions of `ports` if it is absent; the probes are in place when this is done. */
  static async start(
    { mode = "source", fixture, capture, ports = [], only, options = [] }: {
      readonly mode?: Mode;
      readonly fixture: Fixture;
      readonly capture: string;
      readonly ports?: readonly number[];
      readonly only?: string;
      readonly options?: readonly string[];
    },
  ): Promise<ProbeAgent> {
    const isMeant = only ?? ports.map((port) => `port == ${port}`).join(" or ");
    const child = await startSslcollector(mode, fixture, [
      ...["--capture", "uprobes", "--runtime-dir", fixture.path("runtime"), "-I", "any"],
      // Whatever else runs here shares the ring.
      ...["--memory", "256MiB", "--only", isMeant, ...mirrorOptions(capture), ...options],
    ]);
    const agent = new ProbeAgent(child);
    try {
      await child.found("stderr", /^programs are mirrored that run/m);
      return agent;
    } catch (error) {
      await agent[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks it to drain; answers the summary of these programs alone, since others run on this machine. */
  async stop(...names: string[]): Promise<Summary> {
    this.child.kill("SIGTERM");
    const ended = await this.child.ended;
    assert.equal(ended.code, 0, ended.stderr);
    const summary = summaryOf(ended);
    const programs = summary.programs.filter(({ program, packets }) =>
      names.includes(program) && packets > 0
    );
    return { ...summary, programs, total: programs.map((row): Counts => row).reduce(sum) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

function sum(one: Counts, other: Counts): Counts {
  const ways = (key: "captured" | "forged") => ({
    toServer: one[key].toServer + other[key].toServer,
    toClient: one[key].toClient + other[key].toClient,
  });
  return {
    flows: one.flows + other.flows,
    claimed: one.claimed + other.claimed,
    captured: ways("captured"),
    forged: ways("forged"),
    lost: { ...one.lost, ...other.lost },
    unforged: { ...one.unforged, ...other.unforged },
    events: { ...one.events, ...other.events },
    packets: one.packets + other.packets,
    imbalance: one.imbalance + other.imbalance,
  };
}
