// SPDX-License-Identifier: MIT
/** Methods that make the first bytes of a connection HTTP to an IDS, and nothing else. @module */

/**
 * The IANA registry of HTTP methods, without `PRI` and `*`, which no request has. Any other word at the start of a connection
 * may be a command of another protocol: behind `EHLO`, `USER`, `RFB` or `SSH-2.0-x` no HTTP is looked for any more.
 */
const REGISTERED =
  "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR " +
  "MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT QUERY REBIND REPORT " +
  "SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL";

/** By their length: there are 7 of one at most. */
const BY_LENGTH = new Map<number, Uint8Array[]>();
for (const method of REGISTERED.split(" ")) {
  const ofLength = BY_LENGTH.get(method.length) ?? [];
  BY_LENGTH.set(method.length, [...ofLength, Uint8Array.from(method, (letter) => letter.charCodeAt(0))]);
}

/** Whether `bytes[start, end)` is one of them, in capitals as they are. */
export function isRegisteredMethod(bytes: Uint8Array, start: number, end: number): boolean {
  const methods = BY_LENGTH.get(end - start);
  return methods !== undefined && methods.some((method) => isAt(bytes, start, method));
}

function isAt(bytes: Uint8Array, at: number, method: Uint8Array): boolean {
  for (let i = 0; i < method.length; i++) if (bytes[at + i] !== method[i]) return false;
  return true;
}
