// SPDX-License-Identifier: MIT
/** A mistake of the user: one line that names the option, the value and what would be right; exit status 2. */
export class BadInput extends Error {
  override readonly name = "BadInput";
}
