// SPDX-License-Identifier: MIT
/** What settings may be at least and at most, wherever they are given. @module */

export { CLEAR_PORTS, MTU_MAX, MTU_MIN } from "../forge/settings.ts";

/** Numbers of a VLAN are from 1. */
export const VLAN_MAX = 4094;
/** Least bytes and milliseconds of a file that is followed by another, and most files kept. */
export const ROTATE_BYTES_MIN = 4096;
export const ROTATE_MS_MIN = 1000;
export const KEEP_MAX = 1_000_000;
/** Bytes below which all rings together, a queue or a spool are of no use. */
export const MEMORY_MIN = 2 ** 20;
export const QUEUE_MIN = 2 ** 20;
export const SPOOL_MIN = 2 ** 24;
/** Bytes a second, and bytes in files, below which an agent of a collector would hardly come through. */
export const AGENT_RATE_MIN = 2 ** 16;
export const AGENT_SHARE_MIN = 2 ** 20;
/** Threads for connections that a collector may have. */
export const WORKERS_MAX = 64;
