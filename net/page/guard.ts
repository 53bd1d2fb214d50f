// SPDX-License-Identifier: MIT
/**
 * Who may ask the page's server. A port of this host is reached by every program on it, by every site that is open in a browser on it,
 * and by names that others make point to it: so a token is asked for, which no other site can send, and foreign names and origins are
 * refused.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";

/** Names of this host's own that need no setting. */
const OWN_NAMES: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];
const TOKEN_BYTES = 24;

/** One that nobody can guess. */
export function newToken(): string {
  return crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)).toBase64({ alphabet: "base64url" });
}

export class Guard {
  readonly #token: Uint8Array;
  readonly #names: ReadonlySet<string>;

  /** `names`: what the server is also called, without ports. */
  constructor(readonly token: string, names: readonly string[]) {
    this.#token = bytesOf(token);
    this.#names = new Set([...OWN_NAMES, ...names.map((name) => name.toLowerCase())]);
  }

  /** Why the page itself, which has no secrets, is not given; undefined where it is. */
  refusal(request: Request): Refusal | undefined {
    const host = request.headers.get("host") ?? new URL(request.url).host;
    if (!this.#names.has(nameOf(host))) {
      return { status: 421, text: `this is not ${host}: give that name as --ui-host if it is` };
    }
    const origin = request.headers.get("origin");
    if (origin !== null && !isOrigin(origin, host)) return { status: 403, text: "asked from another site" };
    return undefined;
  }

  /** Why what was seen is not told; undefined where it is. */
  dataRefusal(request: Request): Refusal | undefined {
    const site = request.headers.get("sec-fetch-site");
    if (site !== null && site !== "same-origin" && site !== "none") {
      return { status: 403, text: "asked from another site" };
    }
    const given = /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    const bytes = bytesOf(given);
    const isRight = bytes.length === this.#token.length && timingSafeEqual(bytes, this.#token);
    return isRight ? undefined : { status: 401, text: "the token of the page's address is needed" };
  }
}

/** An answer instead of what was asked for. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** `[::1]` of `[::1]:9200`, in lower case. */
function nameOf(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}

function isOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

const encoder = new TextEncoder();
const bytesOf = (text: string) => encoder.encode(text);
