// SPDX-License-Identifier: MIT
/** What the scripts of programs find around them, and the three ways in which they are run. @module */
import { hookLibraryPath } from "../../../net/agent/hook_library.ts";
import { Child } from "../support/child.ts";
import { Fixture } from "../support/fixture.ts";
import { Agent } from "../support/sslcollector.ts";
import type { DebianProgram } from "./program.ts";
import { answerHttp, answerPlainly, Server } from "./server.ts";

/** Of "tcpmux", which nobody has, and which is not given to a program that asks for any port. */
const CLOSED_PORT = "1";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const WAYS = ["without the hook", "with the hook, no agent", "with the hook, and an agent"] as const;
type Way = typeof WAYS[number];

/** Two servers, a port without one, and an agent. */
export class Surroundings implements AsyncDisposable {
  readonly #hookless: Readonly<Record<string, string>>;
  #runs = 0;

  private constructor(
    readonly fixture: Fixture,
    readonly agent: Agent,
    readonly library: string,
    ports: Readonly<Record<string, string>>,
    readonly resources: AsyncDisposableStack,
  ) {
    const { certificate: CERTIFICATE, key: KEY } = fixture;
    const PATH = `${Deno.env.get("PATH")}:/usr/sbin:/sbin`;
    this.#hookless = { PATH, LC_ALL: "C.UTF-8", TZ: "UTC", CERTIFICATE, KEY, ...ports };
  }

  static async start(): Promise<Surroundings> {
    const folder = await Deno.makeTempDir({ prefix: "sslcollector-test-" });
    await using resources = new AsyncDisposableStack();
    resources.defer(() => Deno.remove(folder, { recursive: true }));
    const fixture = await Fixture.make(folder);
    const address = { hostname: "127.0.0.1", port: 0 };
    const credentials = {
      cert: await Deno.readTextFile(fixture.certificate),
      key: await Deno.readTextFile(fixture.key),
    };
    const tls = resources.use(new Server(Deno.listenTls({ ...address, ...credentials }), answerHttp));
    const plain = resources.use(new Server(Deno.listen(address), answerPlainly));
    const agent = resources.use(await Agent.start("source", fixture, fixture.path("programs.pcapng")));
    const ports = { TLS_PORT: `${tls.port}`, PLAIN_PORT: `${plain.port}`, CLOSED_PORT };
    return new Surroundings(fixture, agent, await hookLibraryPath(), ports, resources.move());
  }

  /** Runs a program's script in a folder of its own; what only this run knows is replaced in the outcome. */
  async run({ script, volatile }: DebianProgram, way: Way): Promise<Outcome> {
    const folder = this.fixture.path(`run-${this.#runs++}`);
    await Deno.mkdir(folder);
    await using child = new Child("/usr/bin/env", {
      args: ["-i", ...words({ ...this.#environment(way), HOME: folder }), "/bin/sh", "-c", script],
      cwd: folder,
    });
    const { code, stdout, stderr } = await child.ended;
    const stable = (text: string) => {
      const placeless = text.replaceAll(folder, "FOLDER");
      return volatile ? placeless.replaceAll(volatile, "VOLATILE") : placeless;
    };
    return { code, stdout: stable(new TextDecoder().decode(stdout)), stderr: stable(stderr) };
  }

  #environment(way: Way): Readonly<Record<string, string>> {
    if (way === "without the hook") return this.#hookless;
    if (way === "with the hook, and an agent") return { ...this.#hookless, ...this.agent.hookEnvironment };
    return {
      ...this.#hookless,
      LD_PRELOAD: this.library,
      SSLCOLLECTOR_RUNTIME: this.fixture.path("no-agent"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.resources[Symbol.asyncDispose]();
  }
}

const words = (variables: Readonly<Record<string, string>>) =>
  Object.entries(variables).map(([name, value]) => `${name}=${value}`);
