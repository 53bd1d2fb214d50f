// SPDX-License-Identifier: MIT
/** `sslcollector top`: exchanges and sessions of a running agent on a full screen, and the agents of a collector. @module */
import { defaultRuntimeDir } from "../../net/agent/runtime_dir.ts";
import type { StatusReport } from "../../net/status/report.ts";
import type { FlowLines } from "../../net/view/flow_lines.ts";
import { BadFilter, parseFilter } from "../../net/view/filter.ts";
import { BadInput } from "../bad_input.ts";
import { printError } from "../output.ts";
import { type Paint, paintFor } from "../paint.ts";
import { ask, NOT_ALLOWED, statusSockets } from "../status_client.ts";
import type { TopCommand } from "../status_options.ts";
import { agentSocket, whereRootIs } from "../status_places.ts";
import { followExchanges } from "./feed_client.ts";
import { handle, type Wish } from "./handle.ts";
import { screenOf } from "./screen.ts";
import { type Page, TopState } from "./state.ts";
import { Terminal } from "./terminal.ts";
import { commandPane, type Detail, detailPane } from "./texts.ts";

const MISTAKE = 2;
const NOT_RUNNING = 3;
/** What comes is drawn so often, what is typed at once. */
const DRAW_MS = 200;
const ASK_MS = 1000;
const SIGNALS: readonly (readonly [Deno.Signal, number])[] = [["SIGTERM", 143], ["SIGHUP", 129], [
  "SIGINT",
  130,
], ["SIGQUIT", 131]];

/** Answers the exit status: 0, 2 without a terminal, 3 when nothing runs, or not any more, 4 when this user may not ask. */
export async function runTop({ runtimeDir = defaultRuntimeDir(), filter }: TopCommand): Promise<number> {
  checkFilter(filter);
  if (!Terminal.isThere) {
    printError("sslcollector: top: expected a terminal; sslcollector status and --print do without one");
    return MISTAKE;
  }
  const agent = agentSocket(runtimeDir);
  const running: string[] = [];
  const sockets = statusSockets(runtimeDir);
  if (typeof sockets === "string") {
    printError(`sslcollector: ${sockets}`);
    return NOT_ALLOWED;
  }
  for (const socket of sockets) {
    if (await ask<StatusReport>(socket, "/status") !== undefined) running.push(socket);
  }
  if (running.length === 0) {
    printError(`sslcollector: nothing is running below ${runtimeDir}${whereRootIs(runtimeDir)}`);
    return NOT_RUNNING;
  }
  const state = new TopState(pagesOf(running, agent));
  state.filter = filter ?? "";
  const end = await show(new Top(state, running.includes(agent) ? agent : undefined));
  if (end.says !== undefined) printError(`sslcollector: ${end.says}`);
  return end.status;
}

function checkFilter(filter: string | undefined): void {
  if (filter === undefined) return;
  try {
    parseFilter(filter);
  } catch (error) {
    if (!(error instanceof BadFilter)) throw error;
    throw new BadInput(`--filter: ${error.message}\n${error.caret}`);
  }
}

/** An agent's first. */
function pagesOf(sockets: readonly string[], agent: string): Page[] {
  const statusPages = sockets.map((socket): Page => {
    const name = socket.replace(/^.*\//, "").replace(/\.sock$/, "");
    return { kind: "status", name: name === "agent" ? "status" : name, socket };
  });
  if (!sockets.includes(agent)) return statusPages;
  return [{ kind: "requests", name: "requests" }, { kind: "flows", name: "flows" }, ...statusPages];
}

/** How it ended, and what is said of that. */
interface End {
  readonly status: number;
  readonly says?: string;
}

async function show(top: Top): Promise<End> {
  await using terminal = new Terminal();
  return await top.run(terminal);
}

class Top {
  readonly #state: TopState;
  readonly #agent: string | undefined;
  readonly #paint: Paint = topPaint();
  readonly #end = Promise.withResolvers<End>();
  #terminal!: Terminal;
  #following = new AbortController();
  /** What was followed before, until what is followed now has begun. */
  readonly #left: AbortController[] = [];
  #drawing: ReturnType<typeof setTimeout> | undefined;

  /** `agent` is its socket, if one runs. */
  constructor(state: TopState, agent: string | undefined) {
    this.#state = state;
    this.#agent = agent;
  }

  async run(terminal: Terminal): Promise<End> {
    this.#terminal = terminal;
    const signals = SIGNALS.map(([signal, status]) => [signal, () => this.#end.resolve({ status })] as const);
    const resized = () => {
      terminal.forget();
      this.#draw();
    };
    for (const [signal, listener] of signals) Deno.addSignalListener(signal, listener);
    Deno.addSignalListener("SIGWINCH", resized);
    try {
      this.#draw();
      if (this.#agent !== undefined) this.#follow(this.#agent);
      return await Promise.race([this.#end.promise, this.#readKeys(), this.#askAlways()]);
    } finally {
      for (const one of [...this.#left, this.#following]) one.abort();
      clearTimeout(this.#drawing);
      for (const [signal, listener] of signals) Deno.removeSignalListener(signal, listener);
      Deno.removeSignalListener("SIGWINCH", resized);
    }
  }

  async #readKeys(): Promise<End> {
    for await (const keys of this.#terminal.keys()) {
      for (const key of keys) {
        const { page } = this.#state;
        const wish = handle(this.#state, key);
        if (wish?.wish === "quit") return { status: 0 };
        if (wish !== undefined) await this.#fulfil(wish);
        if (this.#state.page !== page) void this.#askFlows();
      }
      this.#draw();
    }
    return { status: 0 };
  }

  async #fulfil(wish: Exclude<Wish, { wish: "quit" }>): Promise<void> {
    switch (wish.wish) {
      case "redraw":
        return this.#terminal.forget();
      case "suspend":
        return await this.#terminal.suspend();
      case "follow":
        if (this.#agent !== undefined) this.#follow(this.#agent);
        return;
      case "detail":
      case "command":
        return await this.#open(wish.number, wish.wish);
      case "write":
        this.#state.news = await written(`request-${wish.number}.sh`, wish.command);
    }
  }

  async #open(number: number, what: "detail" | "command"): Promise<void> {
    const { panes, begin } = this.#state;
    const detail = await ask<Detail>(this.#agent!, `/exchanges/${number}`);
    if (typeof detail === "string") this.#state.news = detail;
    else if (detail === undefined) this.#state.news = "the agent does not answer";
    else if (what === "detail") panes.push(detailPane(detail, begin?.timeBaseMs ?? 0));
    else if (detail.kind === "exchange") panes.push(commandPane(detail));
    else this.#state.news = "a message of a WebSocket is no command of curl";
  }

  /** Begins anew, with what the filter holds for. What was followed is left then: the agent keeps its log while somebody follows. */
  #follow(agent: string): void {
    this.#left.push(this.#following);
    const following = this.#following = new AbortController();
    const { requests, ticks } = this.#state;
    if (requests.isPaused) requests.pause();
    requests.clear();
    ticks.length = 0;
    const end = (says: string) => {
      if (this.#following === following) this.#end.resolve({ status: NOT_RUNNING, says });
    };
    this.#take(agent, following).then(
      () => end("the agent has ended"),
      (error: Error) => end(`the agent answers no more: ${error.message}`),
    );
  }

  async #take(agent: string, following: AbortController): Promise<void> {
    const state = this.#state;
    for await (const lines of followExchanges(agent, state.filter, following.signal)) {
      if (this.#following !== following) continue;
      for (const before of this.#left.splice(0)) before.abort();
      for (const line of lines) {
        if (line.kind === "begin") state.begin = line;
        else if (line.kind === "tick") state.takeTick(line);
        else state.requests.add(line);
      }
      this.#drawSoon();
    }
  }

  async #askAlways(): Promise<End> {
    for (;;) {
      await this.#askOnce();
      if (this.#agent === undefined && [...this.#state.reports.values()].every((one) => one === GONE)) {
        return { status: NOT_RUNNING, says: "the collector has ended" };
      }
      this.#drawSoon();
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  }

  async #askOnce(): Promise<void> {
    const { pages, reports } = this.#state;
    for (const one of pages) {
      if (one.kind === "status") {
        reports.set(one.socket, await ask<StatusReport>(one.socket, "/status") ?? GONE);
      }
    }
    await this.#askFlows();
  }

  /** While they are looked at. */
  async #askFlows(): Promise<void> {
    const { page, filter } = this.#state;
    if (page.kind !== "flows" || this.#agent === undefined) return;
    const answer = await ask<FlowLines>(this.#agent, `/flows?${new URLSearchParams({ filter })}`);
    if (typeof answer !== "object") return;
    this.#state.flows = answer.flows;
    this.#drawSoon();
  }

  #drawSoon(): void {
    this.#drawing ??= setTimeout(() => this.#draw(), DRAW_MS);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    Object.assign(this.#state, this.#terminal.size, { nowMs: Date.now() });
    this.#terminal.draw(screenOf(this.#state, this.#paint));
  }
}

const GONE = "it does not run any more";

/** Without colours what is chosen is still to be seen. */
function topPaint(): Paint {
  const { bold, dim, reverse } = paintFor("always", true);
  return { ...paintFor("auto", true), bold, dim, reverse };
}

/** What to say of it. The command may have clear text: the file is for its owner. */
async function written(path: string, command: string): Promise<string> {
  try {
    await Deno.writeTextFile(path, command, { createNew: true, mode: 0o600 });
    return `written to ${path}`;
  } catch (error) {
    return error instanceof Deno.errors.AlreadyExists ? `${path} is there already` : (error as Error).message;
  }
}
