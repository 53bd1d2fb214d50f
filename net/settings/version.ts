// SPDX-License-Identifier: MIT
/** Version of this program, as in deno.json. @module */
import denoJson from "../../deno.json" with { type: "json" };

export const VERSION: string = denoJson.version;
