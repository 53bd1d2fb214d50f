// SPDX-License-Identifier: MIT
/** The requests of a test, and what the unmirrored side saw of them. @module */
import { type Body, type Fixture, LARGE_SIZE, MEDIUM_SIZE, SMALL_SIZES } from "./fixture.ts";

/** GET answers with the body; PUT sends it and is answered without one. */
export interface Request {
  readonly method: "GET" | "PUT";
  readonly path: string;
  readonly body: Body;
}

/** Requests one after the other on one connection. */
export type Connection = readonly Request[];

export const get = (body: Body): Request => ({ method: "GET", path: `/${body.name}`, body });
export const put = (body: Body): Request => ({ method: "PUT", path: `/put/${body.name}`, body });

/** 1 B, 16 KB and 200 KB both ways on one connection; 1.5 MB either way on one of its own. */
export function smallAndMedium(fixture: Fixture): Connection[] {
  const small = SMALL_SIZES.map((size) => fixture.body(size)).flatMap((body) => [get(body), put(body)]);
  const medium = fixture.body(MEDIUM_SIZE);
  return [small, [get(medium)], [put(medium)]];
}

/** 50 MB, either way on a connection of its own. */
export function large(fixture: Fixture): Connection[] {
  const body = fixture.body(LARGE_SIZE);
  return [[get(body)], [put(body)]];
}

/** An exchange that has taken place. */
export interface SeenExchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Of the one body that is not empty. */
  readonly sha256: string;
}

/** What the side without a hook has logged; endpoints as `127.0.0.1:80` and `[::1]:80`. */
export interface Seen {
  readonly connections: { readonly client: string; readonly server: string }[];
  readonly exchanges: SeenExchange[];
  /** Clear text of all connections: to server, to client. */
  readonly bytes: [number, number];
}

export function endpoint(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
