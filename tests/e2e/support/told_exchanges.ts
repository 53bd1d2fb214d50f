// SPDX-License-Identifier: MIT
/** Exchanges as each output of the exchange log tells them. @module */
import type { PageRow } from "../../../net/page/messages.ts";

export interface ToldExchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Bytes of the response's body. */
  readonly size: number;
  readonly ms: number;
}

/** Of a file of events. */
export function exchangesOfEvents(path: string): ToldExchange[] {
  return Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => JSON.parse(line))
    .filter(({ event_type }) => event_type === "http")
    .map(({ http, sslcollector }) => ({
      method: http.http_method,
      path: http.url,
      status: http.status,
      size: http.length,
      ms: sslcollector.duration_ms,
    }));
}

interface ArchivedEntry {
  readonly request: { readonly method: string; readonly url: string };
  readonly response: { readonly status: number; readonly bodySize: number };
  readonly time: number;
}

/** Of an HTTP archive. */
export function exchangesOfArchive(path: string): ToldExchange[] {
  const entries: ArchivedEntry[] = JSON.parse(Deno.readTextFileSync(path)).log.entries;
  return entries.map(({ request: { method, url }, response: { status, bodySize }, time }) => {
    const { pathname, search } = new URL(url);
    return { method, path: pathname + search, status, size: bodySize, ms: time };
  });
}

export function exchangesOfPage(rows: readonly PageRow[]): ToldExchange[] {
  return rows.map(({ method, path, status, size, ms }) => ({ method, path, status, size, ms }));
}

/** Lines of `--print requests` of programs called `program`; they round sizes and times. */
export function exchangesOfLines(stdout: Uint8Array, program: string): Omit<ToldExchange, "size" | "ms">[] {
  const line = new RegExp(`^\\S+ ${program}\\[\\d+\\] +(\\S+) +(\\d+) .* localhost:\\d+ (\\S+)`);
  return new TextDecoder().decode(stdout).trimEnd().split("\n").map((text) => {
    const [, method, status, path] = line.exec(text)!;
    return { method, path, status: Number(status) };
  });
}

/** What can be compared in any order; `METHOD PATH STATUS SIZE`, without a size where none is told. */
export function sorted(
  exchanges: readonly (Omit<ToldExchange, "size" | "ms"> & Partial<ToldExchange>)[],
): string[] {
  return exchanges.map(({ method, path, status, size = "" }) => `${method} ${path} ${status} ${size}`.trim())
    .sort();
}
