// SPDX-License-Identifier: MIT
/** Whether kernel probes can be used on a host. @module */
import {
  KERNEL_MULTI,
  missingForProbes,
  type ProbeHost,
  probeHost,
} from "../../capture/uprobes/requirements.ts";
import { machineOf } from "../../capture/uprobes/machine.ts";
import { isSince } from "../../capture/uprobes/release.ts";
import { probesHash } from "../probe_object.ts";
import { type Finding, note, ok } from "./finding.ts";

/** They are built for it, and ran on none. */
const UNTRIED = "aarch64";

/** `object` is what the probes were compiled to; a text says why there is nothing. */
export async function probesFinding(
  object: Uint8Array<ArrayBuffer> | string,
  host: ProbeHost = probeHost(),
): Promise<Finding> {
  const missing = missingForProbes(host);
  if (typeof object === "string") missing.push(`probes: ${object}`);
  // Nobody has to use them.
  if (typeof object === "string" || missing.length > 0) {
    return note("kernel probes", `cannot be used (--capture uprobes): missing ${missing.join(", ")}`);
  }
  const level = isSince(host.release, KERNEL_MULTI) ? "all of a file at once" : "one by one";
  const hash = await probesHash(object);
  const returns = machineOf(host.architecture, host.release)?.hasReturnProbes
    ? ""
    : `; without return probes, with which Linux ${host.release} may end programs under a seccomp filter: ` +
      "some libraries are not probed";
  const untried = host.architecture === UNTRIED ? "; untried on this processor" : "";
  return ok(
    "kernel probes",
    `can be used (--capture uprobes), attached ${level}; object ${hash}${returns}${untried}`,
  );
}
