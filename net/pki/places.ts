// SPDX-License-Identifier: MIT
/** Where an administrator finds what this program is set up with, by the custom of the system. @module */
import { IS_WINDOWS } from "../ffi/platform.ts";

/** Folder of the machine's own data on Windows; undefined elsewhere. */
export const PROGRAM_DATA: string | undefined = IS_WINDOWS
  ? `${Deno.env.get("ProgramData") ?? "C:\\ProgramData"}\\sslcollector`
  : undefined;

/** The file that settings are read from. */
export const CONFIG_PATH: string = PROGRAM_DATA === undefined
  ? "/etc/sslcollector.toml"
  : `${PROGRAM_DATA}\\sslcollector.toml`;

/** The folder of certificates. */
export const PKI_DIRECTORY: string = PROGRAM_DATA === undefined
  ? "/etc/sslcollector/pki"
  : `${PROGRAM_DATA}\\pki`;
