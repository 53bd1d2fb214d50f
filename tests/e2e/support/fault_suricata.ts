// SPDX-License-Identifier: MIT
/** Suricata at work on an interface in a namespace. @module */
import assert from "node:assert/strict";
import type { Veth } from "../../support/netns.ts";
import { Child } from "./child.ts";
import { whenChanged } from "./fault_wait.ts";

const STOCK_RULES = "/etc/suricata/rules";
const EVENT_RULES = ["stream", "decoder", "http", "http2", "app-layer"];

/** All that a test sends: on a busy machine a thread of Suricata's may not run for as long as that takes. Stock are 2048. */
const RING_PACKETS = 32_768;

/** One line of `eve.json`. */
export interface EveEvent {
  readonly event_type: string;
  readonly http?: {
    readonly http_method: string;
    readonly url: string;
    readonly status: number;
    readonly length: number;
  };
  readonly alert?: { readonly signature: string };
  readonly anomaly?: { readonly event: string };
  readonly stats?: {
    readonly decoder: { readonly pkts: number; readonly invalid: number };
    readonly tcp: Record<string, number>;
    readonly capture?: Record<string, number>;
  };
}

export class Suricata implements AsyncDisposable {
  readonly #child: Child;
  readonly #folder: string;

  private constructor(child: Child, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  /** Watches the far end with stock settings and the rules of the judge; it sees packets when this is done. */
  static async start(veth: Veth, folder: string): Promise<Suricata> {
    await Deno.mkdir(folder);
    const rules = EVENT_RULES.map((name) => `${STOCK_RULES}/${name}-events.rules`);
    const texts = rules.map((path) => {
      try {
        return Deno.readTextFileSync(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return "";
        throw error;
      }
    });
    await Deno.writeTextFile(`${folder}/own.rules`, texts.join("\n"));
    const child = new Child("ip", {
      args: [
        ...["netns", "exec", veth.namespace, "suricata", `--af-packet=${veth.far}`, "-l", folder],
        ...["-S", `${folder}/own.rules`, "--runmode", "single", "--set", "stats.interval=1"],
        ...["--set", `af-packet.1.ring-size=${RING_PACKETS}`],
      ],
    });
    const suricata = new Suricata(child, folder);
    try {
      await whenChanged(
        folder,
        "Suricata's engine",
        () => suricata.#log().includes("Engine started") || undefined,
      );
      return suricata;
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  #log(): string {
    try {
      return Deno.readTextFileSync(`${this.#folder}/suricata.log`);
    } catch {
      return "";
    }
  }

  /** Events so far. */
  events(): EveEvent[] {
    const text = Deno.readTextFileSync(`${this.#folder}/eve.json`);
    // The last line may be on its way.
    return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter((line) => line !== "")
      .map((line) => JSON.parse(line) as EveEvent);
  }

  /** Resolves when it says that it has decoded so many packets. */
  async decoded(packets: number): Promise<void> {
    await whenChanged(this.#folder, `Suricata to decode ${packets} packets`, () => {
      const last = this.events().findLast((event) => event.event_type === "stats");
      return (last?.stats?.decoder.pkts ?? 0) >= packets || undefined;
    });
  }

  /** Ends it as an administrator would, which writes out what is open; all its events. */
  async stop(): Promise<EveEvent[]> {
    this.#child.kill("SIGINT");
    const { code, stderr } = await this.#child.ended;
    assert.equal(code, 0, stderr);
    return this.events();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}
