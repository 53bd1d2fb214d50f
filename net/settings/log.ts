// SPDX-License-Identifier: MIT
/** Messages of agents and collectors, through LogTape: shown where whoever runs them configures it, else nowhere. @module */
import { getLogger } from "@logtape/logtape";

/** Category `sslcollector`. */
export const log = getLogger(["sslcollector"]);
