// SPDX-License-Identifier: MIT
/**
 * SETTINGS (RFC 9113, section 6.5) as far as they change how the other direction is read.
 *
 * @module
 */
import { DEFAULT_MAX_FRAME_SIZE, LARGEST_MAX_FRAME_SIZE, Setting, SETTING_BYTES } from "./frame.ts";

/** What one SETTINGS frame asks for; -1 where it says nothing. */
export interface SettingsChange {
  headerTableSize: number;
  enablePush: number;
  maxFrameSize: number;
  /** It had a value for ENABLE_PUSH that means nothing. */
  badPush: boolean;
}

const LARGEST_WINDOW_SIZE = 0x7fffffff;

/** Reads the payload `bytes[start, end)`, a multiple of 6 long; a string is the reason to end the connection. */
export function readSettings(bytes: Uint8Array, start: number, end: number): SettingsChange | string {
  const change = { headerTableSize: -1, enablePush: -1, maxFrameSize: -1, badPush: false };
  for (let at = start; at < end; at += SETTING_BYTES) {
    const value = (bytes[at + 2] << 24 | bytes[at + 3] << 16 | bytes[at + 4] << 8 | bytes[at + 5]) >>> 0;
    switch (bytes[at] << 8 | bytes[at + 1]) {
      case Setting.HEADER_TABLE_SIZE:
        change.headerTableSize = value;
        break;
      case Setting.ENABLE_PUSH:
        // Some peers pass other values over.
        if (value > 1) change.badPush = true;
        else change.enablePush = value;
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_SIZE || value > LARGEST_MAX_FRAME_SIZE) return "settings-value";
        change.maxFrameSize = value;
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > LARGEST_WINDOW_SIZE) return "settings-value";
        break;
    }
  }
  return change;
}
