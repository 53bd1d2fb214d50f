// SPDX-License-Identifier: MIT
/** Names of the built-in codecs, apart from the codecs: nothing of them is loaded for these. @module */

/** In the order of `sslcollector codecs`. */
export const BUILT_IN_NAMES: readonly string[] = ["raw", "http2to1", "decode"];
