// SPDX-License-Identifier: MIT
/** Whom packages name as the one to write to. @module */

/** The project has no mailbox of its own (RFC 6761, `.invalid`): SECURITY.md says where to write. */
export const NO_MAILBOX = "The sslcollector project <maintainers@sslcollector.invalid>";

const VARIABLE = "SSLCOLLECTOR_MAINTAINER";
/** What Debian's policy and RPM take. */
const FORM = /^[^<>@,\n]+ <[^<>@\s]+@[^<>@\s]+>$/;

/** What whoever publishes packages has set; {@linkcode NO_MAILBOX} without. Throws a `RangeError` where it is no name with a mailbox. */
export function maintainer(text: string | undefined = Deno.env.get(VARIABLE)): string {
  if (!text) return NO_MAILBOX;
  if (FORM.test(text)) return text;
  throw new RangeError(`${VARIABLE}: needs NAME <MAILBOX@HOST>, not ${JSON.stringify(text)}`);
}
