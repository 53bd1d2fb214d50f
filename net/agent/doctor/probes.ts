// SPDX-License-Identifier: MIT
/** Whether kernel probes can be used on a host. @module */
import { missingForProbes, type ProbeHost, probeHost } from "../../capture/uprobes/requirements.ts";
import { type Finding, ok } from "./finding.ts";

/** From here on the kernel takes all probes of a file at once. */
const MULTI_SINCE = [6, 6];

/** `object` is what the probes were compiled to; a text says why there is nothing. */
export async function probesFinding(
  object: Uint8Array<ArrayBuffer> | string,
  host: ProbeHost = probeHost(),
): Promise<Finding> {
  const missing = missingForProbes(host);
  if (typeof object === "string") missing.push(`probes: ${object}`);
  // Nobody has to use them.
  if (typeof object === "string" || missing.length > 0) {
    return ok("kernel probes", `cannot be used (--capture uprobes): missing ${missing.join(", ")}`);
  }
  const [major = 0, minor = 0] = host.release.split(".").map(Number);
  const isMulti = major > MULTI_SINCE[0] || (major === MULTI_SINCE[0] && minor >= MULTI_SINCE[1]);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", object)).toHex().slice(0, 16);
  const level = isMulti ? "all of a file at once" : "one by one";
  return ok("kernel probes", `can be used (--capture uprobes), attached ${level}; object ${hash}`);
}
