// SPDX-License-Identifier: MIT
/**
 * Which system this is: what is done elsewhere in another way, or not at all, asks here.
 *
 * @module
 */

export const IS_LINUX: boolean = Deno.build.os === "linux";
export const IS_WINDOWS: boolean = Deno.build.os === "windows";
