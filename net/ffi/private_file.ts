// SPDX-License-Identifier: MIT
/**
 * Files that are for their owner alone. Elsewhere the mode says so with which they are made; Windows has access control lists, and
 * what a folder hands down may be open to all. The libraries are opened on demand, never at import.
 *
 * @module
 */
import { IS_WINDOWS } from "./platform.ts";

const SYMBOLS = {
  /** `BOOL ConvertStringSecurityDescriptorToSecurityDescriptorW(LPCWSTR text, DWORD revision, PSECURITY_DESCRIPTOR *made, PULONG size)` */
  ConvertStringSecurityDescriptorToSecurityDescriptorW: {
    parameters: ["buffer", "u32", "buffer", "pointer"],
    result: "i32",
  },
  /** `BOOL SetFileSecurityW(LPCWSTR path, SECURITY_INFORMATION what, PSECURITY_DESCRIPTOR descriptor)` */
  SetFileSecurityW: { parameters: ["buffer", "u32", "pointer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Full access for the owner (OW), the system (SY) and administrators (BA), nothing of the folder's (P); what is made in a folder
 * gets the same (OICI).
 */
const OWNER_ONLY = ["OW", "SY", "BA"].reduce((text, who) => `${text}(A;OICI;FA;;;${who})`, "D:P");
const SDDL_REVISION_1 = 1;
const DACL_SECURITY_INFORMATION = 4;

interface Access {
  readonly symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** Kept for the process's life. */
  readonly descriptor: Deno.PointerValue;
}

let access: Access | undefined;

/**
 * On Windows takes a new file or folder from all but its owner, the system and administrators; does nothing elsewhere. Throws an
 * `Error` of one line, as of a file system that has no such lists.
 */
export function keepPrivate(path: string): void {
  if (!IS_WINDOWS) return;
  access ??= prepare();
  if (access.symbols.SetFileSecurityW(wide(path), DACL_SECURITY_INFORMATION, access.descriptor) === 0) {
    throw new Error(`cannot keep ${path} from others: its file system takes no access control list`);
  }
}

function prepare(): Access {
  const { symbols } = Deno.dlopen("advapi32.dll", SYMBOLS);
  const made = new BigUint64Array(1);
  const convert = symbols.ConvertStringSecurityDescriptorToSecurityDescriptorW;
  if (convert(wide(OWNER_ONLY), SDDL_REVISION_1, new Uint8Array(made.buffer), null) === 0) {
    throw new Error(`Windows does not know the access control list ${OWNER_ONLY}`);
  }
  return { symbols, descriptor: Deno.UnsafePointer.create(made[0]) };
}

/** A NUL-terminated copy for an `LPCWSTR`. */
function wide(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint16Array.from(`${text}\0`, (unit) => unit.charCodeAt(0)).buffer);
}
