// SPDX-License-Identifier: MIT
/** For tests in which nobody is to be given up. @module */

/** No machine is so slow; longer than the limit of a test. */
export const NEVER_MS = 600_000;

/** Of a collector whose agents are only late. */
export const PATIENT_COLLECTOR = { heartbeatMs: NEVER_MS };

/** Of an agent whose collector is only late. */
export const PATIENT_AGENT = {
  connectMs: NEVER_MS,
  heartbeatMs: NEVER_MS,
  stalledMs: NEVER_MS,
  closeMaxMs: NEVER_MS,
};
