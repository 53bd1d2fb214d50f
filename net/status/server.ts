// SPDX-License-Identifier: MIT
/**
 * Answers who asks how it goes: on a Unix socket that only its user reaches, and as metrics on a TCP port.
 *
 * @module
 */
import { dirname } from "node:path";
import { cannotListen } from "./cannot_listen.ts";
import { HttpListener } from "./http_listener.ts";
import { type Metric, metricsText } from "./metrics.ts";
import type { ProgramReport, StatusReport } from "./report.ts";

/** What is answered. */
export interface StatusSubject {
  /** Called for every question, and now and then between. */
  report(): StatusReport;
  /** Called for every question. */
  metrics(): readonly Metric[];
  /** Called for every question; absent where there are none. */
  programs?(): readonly ProgramReport[];
  /** What else may be asked on the socket; undefined for what is not known. */
  answer?(url: URL): Promise<Response | undefined>;
  /** Paths that {@linkcode answer} knows, for who asks for another. */
  readonly answered?: readonly string[];
  /** Nothing will be asked any more: answers that go on end. */
  close?(): void;
}

/** Reports are made so often even when nobody asks, so that they know how counts grew. */
const SAMPLE_MS = 10_000;
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Listeners at work until closed; who asks before {@linkcode StatusServer.begin} is told to ask again. */
export class StatusServer {
  readonly #listeners: HttpListener[] = [];
  #subject: StatusSubject | undefined;
  #sampling: ReturnType<typeof setInterval> | undefined;

  /** There is something to answer now. */
  begin(subject: StatusSubject): void {
    this.#subject = subject;
    subject.report();
    this.#sampling = setInterval(() => subject.report(), SAMPLE_MS);
  }

  /** Port of the metrics; undefined where there are none. */
  get metricsPort(): number | undefined {
    const address = this.#listeners.map(({ address }) => address).find(({ transport }) =>
      transport === "tcp"
    );
    return address?.transport === "tcp" ? address.port : undefined;
  }

  /** Answers no more. */
  async close(): Promise<void> {
    clearInterval(this.#sampling);
    this.#subject?.close?.();
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
  }

  /** Answers `/metrics`, `/healthz` and `/readyz` there; port 0 is any free one. Throws an `Error` of one line. */
  serveMetrics({ hostname, port }: { readonly hostname: string; readonly port: number }): void {
    try {
      const listener = Deno.listen({ hostname, port });
      this.#listeners.push(new HttpListener(listener, (request) => this.#answer(request, false)));
    } catch (error) {
      throw cannotListen({ hostname, port }, error);
    }
  }

  /**
   * Answers `/status` too on the Unix socket at `path`; its folder is made, and kept from other users. Rejects with an `Error` of
   * one line, also where another process answers on it.
   */
  async serveSocket(path: string): Promise<void> {
    try {
      makePrivateFolder(dirname(path));
      if (await isAnswered(path)) throw new Error("another process answers there");
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        throw new Error(`cannot listen on ${JSON.stringify(path)}: ${(error as Error).message}`);
      }
    }
    const listener = Deno.listen({ transport: "unix", path });
    this.#listeners.push(new HttpListener(listener, (request) => this.#answer(request, true)));
  }

  async #answer(request: Request, hasStatus: boolean): Promise<Response> {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      return text("only GET and HEAD", 405, { allow: "GET, HEAD" });
    }
    const url = new URL(request.url);
    const { pathname } = url;
    if (pathname === "/healthz") return text("alive");
    const subject = this.#subject;
    if (subject === undefined) return text("starting", 503);
    if (pathname === "/metrics") {
      return new Response(metricsText(subject.metrics()), { headers: { "content-type": METRICS_TYPE } });
    }
    if (pathname === "/readyz") {
      const { state, reasons } = subject.report().health;
      return text([state, ...reasons].join("\n"), state === "healthy" ? 200 : 503);
    }
    if (pathname === "/status" && hasStatus) return Response.json(subject.report());
    if (pathname === "/programs" && hasStatus) return Response.json(subject.programs?.() ?? []);
    const answer = hasStatus ? await subject.answer?.(url) : undefined;
    return answer ?? text(`there are ${pathsOf(subject, hasStatus).join(", ")}`, 404);
  }
}

function pathsOf({ programs, answered = [] }: StatusSubject, hasStatus: boolean): string[] {
  const onSocket = ["/status", ...programs === undefined ? [] : ["/programs"], ...answered];
  return ["/metrics", "/healthz", "/readyz", ...hasStatus ? onSocket : []];
}

function text(lines: string, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${lines}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
  });
}

/** Whoever may enter the folder may ask. */
function makePrivateFolder(path: string): void {
  makeOpenFolder(dirname(path));
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = Deno.lstatSync(path);
  if (uid !== Deno.uid()) throw new Error(`its folder belongs to uid ${uid}`);
  if ((mode! & 0o077) !== 0) Deno.chmodSync(path, 0o700);
}

/** The folder around it is the runtime directory, which programs of every user must get through. */
function makeOpenFolder(path: string): void {
  try {
    Deno.statSync(path);
  } catch {
    Deno.mkdirSync(path, { recursive: true });
    Deno.chmodSync(path, 0o755);
  }
}

/** Whether somebody listens; a socket whose process has ended answers nobody. */
async function isAnswered(path: string): Promise<boolean> {
  Deno.lstatSync(path);
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch {
    return false;
  }
}
