// SPDX-License-Identifier: MIT
/** What the hook takes for granted of NSPR. @module */
import { missing } from "../support/run.ts";
import { headerMissing, skipIf } from "../support/skip.ts";
import { compile } from "./native.ts";

Deno.test(
  "NSPR's descriptors and methods are as the hook sees them",
  skipIf(missing("cc"), headerMissing("nspr/nspr.h", "libnspr4-dev")),
  async () => {
    await compile("nspr_layout", ["nspr_layout.c"], ["-std=c11", "-I/usr/include/nspr"]);
  },
);
