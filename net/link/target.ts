// SPDX-License-Identifier: MIT
/** The values of `-t` and `-L`. @module */
import { LINK_PORT } from "./blocks/link.ts";
import { PORT_MAX } from "../wire/tcp.ts";

const TARGET_FORM = "HOST[:PORT] such as collector.example:3005 or [2001:db8::1]:3005";
const LISTEN_FORM = "ADDR:PORT such as 10.0.0.5:3005, [::1]:3005 or :3005";

/** A collector as an agent reaches it. */
export interface RemoteTarget {
  /** The target as it was given. */
  readonly name: string;
  /** Host name or address without brackets. */
  readonly hostname: string;
  /** TCP port. */
  readonly port: number;
  /** `tcp://`: without TLS. */
  readonly isPlaintext: boolean;
}

/** Name of the target's own directory within a spool; it does not change from run to run. */
export function spoolFolder({ hostname, port }: RemoteTarget): string {
  return `${hostname}-${port}`;
}

/** `HOST`, `HOST:PORT`, `[2001:db8::1]:3005`, `tcp://HOST`. Throws a `RangeError` that quotes the value and says what would be right. */
export function parseTarget(text: string): RemoteTarget {
  const isPlaintext = text.startsWith("tcp://");
  const { hostname, port } = parseHostPort(isPlaintext ? text.slice(6) : text, text, TARGET_FORM);
  if (hostname === "") throw wrong(TARGET_FORM, text);
  return { name: text, hostname, port: port ?? LINK_PORT, isPlaintext };
}

/** `ADDR:PORT`, `:PORT`, `ADDR`; everything left out: any address, the link's port. Throws as {@linkcode parseTarget}. */
export function parseListenAddress(text: string): { readonly hostname: string; readonly port: number } {
  const { hostname, port } = parseHostPort(text, text, LISTEN_FORM);
  // A port alone would be the address 0.0.x.y.
  if (text === "" || /^\d+$/.test(hostname)) throw wrong(LISTEN_FORM, text);
  return { hostname: hostname === "" || hostname === "*" ? "::" : hostname, port: port ?? LINK_PORT };
}

/** `HOST:PORT`, an IPv6 address in brackets. */
export function formatHostPort(hostname: string, port: number | undefined): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function parseHostPort(text: string, whole: string, expected: string): { hostname: string; port?: number } {
  const parts =
    /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]/]*)|([0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*))(?::(\d{1,5}))?$/
      .exec(text);
  const port = parts?.[4] === undefined ? undefined : Number(parts[4]);
  if (!parts || (port !== undefined && port > PORT_MAX)) throw wrong(expected, whole);
  return { hostname: parts[1] ?? parts[2] ?? parts[3] ?? "", port };
}

function wrong(expected: string, text: string): RangeError {
  return new RangeError(`expected ${expected}, got ${JSON.stringify(text)}`);
}
