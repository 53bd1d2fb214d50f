// SPDX-License-Identifier: MIT
/** Names of a TCP connection and of its ends. @module */

/** One end of a TCP connection. */
export interface SocketAddress {
  /** 4 or 16 bytes, network order. */
  readonly ip: Uint8Array;
  /** TCP port. */
  readonly port: number;
}

/** Client and server of one TCP connection; immutable. Both ends are IPv4, or both IPv6. */
export interface FlowKey {
  /** Who opened the connection. */
  readonly client: SocketAddress;
  /** Who took it. */
  readonly server: SocketAddress;
}

/** Whether two are one. */
export function isSameAddress(one: SocketAddress, other: SocketAddress): boolean {
  return one.port === other.port && one.ip.length === other.ip.length &&
    one.ip.every((byte, at) => byte === other.ip[at]);
}

/** `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function formatSocketAddress(address: SocketAddress): string {
  const ip = formatIp(address.ip);
  return address.ip.length === 16 ? `[${ip}]:${address.port}` : `${ip}:${address.port}`;
}

/** `client>server`, usable as a map key. */
export function formatFlowKey(key: FlowKey): string {
  return `${formatSocketAddress(key.client)}>${formatSocketAddress(key.server)}`;
}

/** Text of an address of 4 or 16 bytes, RFC 5952 for IPv6. */
export function formatIp(ip: Uint8Array): string {
  if (ip.length === 4) return ip.join(".");
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(ip[at] << 8 | ip[at + 1]);
  const run = longestZeroRun(groups);
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (run.length < 2) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
