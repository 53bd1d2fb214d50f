// SPDX-License-Identifier: MIT
/** Methods that make the first bytes of a connection HTTP to an IDS, and nothing else. @module */

/**
 * The IANA registry of HTTP methods, without `PRI` and `*`, which no request has. Any other word at the start of a connection
 * may be a command of another protocol: behind `EHLO`, `USER`, `RFB` or `SSH-2.0-x` no HTTP is looked for any more.
 */
const REGISTERED: ReadonlySet<string> = new Set(
  ("ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR " +
    "MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT QUERY REBIND REPORT " +
    "SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL").split(" "),
);

/** The longest of them. */
const LONGEST = 17;

/** Whether `bytes[start, end)` is one of them, in capitals as they are. */
export function isRegisteredMethod(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > LONGEST) return false;
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return REGISTERED.has(text);
}
