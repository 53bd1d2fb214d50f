// SPDX-License-Identifier: MIT
/** Networks as people write them: `10.0.0.0/8`, `2001:db8::/32`, an address alone. @module */
import { isIP } from "node:net";

/** A range of addresses. */
export interface Network {
  /** Whether an address of 4 or 16 bytes is in it. */
  has(ip: Uint8Array): boolean;
}

/** Throws an `Error` that says what was expected. */
export function parseNetwork(text: string): Network {
  const [address, prefixText, ...rest] = text.split("/");
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : NaN;
  if (version === 0 || rest.length > 0 || !(prefix <= bits)) {
    throw new RangeError(`expected an address or a network such as 10.0.0.0/8, got ${JSON.stringify(text)}`);
  }
  const bytes = ipBytes(address);
  const whole = prefix >> 3;
  const mask = 0xff << 8 - (prefix & 7) & 0xff;
  return {
    has: (ip) =>
      ip.length === bytes.length &&
      bytes.every((byte, at) =>
        at < whole ? byte === ip[at] : at > whole || (byte & mask) === (ip[at] & mask)
      ),
  };
}

/** Whether it is one with its prefix, and no address alone. */
export function isNetwork(text: string): boolean {
  const [address, prefix, ...rest] = text.split("/");
  return isIP(address) !== 0 && /^\d{1,3}$/.test(prefix) && rest.length === 0;
}

/** The 4 or 16 bytes of an address that is known to be one. */
export function ipBytes(address: string): Uint8Array {
  return isIP(address) === 4 ? Uint8Array.from(address.split("."), Number) : ipv6Bytes(address);
}

function ipv6Bytes(address: string): Uint8Array {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address.replace(/%.*$/, ""));
  const text = dotted === null
    ? address.replace(/%.*$/, "")
    : dotted[1] + (Number(dotted[2]) << 8 | Number(dotted[3])).toString(16) + ":" +
      (Number(dotted[4]) << 8 | Number(dotted[5])).toString(16);
  const groupsOf = (part: string) => part === "" ? [] : part.split(":").map((group) => parseInt(group, 16));
  const [before, after] = text.split("::").map(groupsOf);
  const groups = after === undefined
    ? before
    : [...before, ...Array(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
