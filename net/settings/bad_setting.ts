// SPDX-License-Identifier: MIT
/** Mistakes in the settings of an agent or a collector. @module */

/** Text that names settings by `name`, as whoever shows it calls them. */
export type SettingText = string | ((name: (setting: string) => string) => string);

/** A setting that cannot be used: which, its value, and what would be right, in one line. */
export class BadSetting extends Error {
  /** What it is called in a stack trace. */
  override readonly name = "BadSetting";
  /** Names of the settings at fault, as in the types of settings; mostly one. */
  readonly settings: readonly string[];
  readonly #reason: SettingText;

  /** `reason` says what is wrong without the name of the setting before it. */
  constructor(settings: string | readonly string[], reason: SettingText) {
    const all = typeof settings === "string" ? [settings] : settings;
    super(`${all.join(" and ")}: ${textOf(reason, (setting) => setting)}`);
    this.settings = all;
    this.#reason = reason;
  }

  /** What is wrong, with other settings called what `name` answers for them. */
  reason(name: (setting: string) => string): string {
    return textOf(this.#reason, name);
  }
}

function textOf(reason: SettingText, name: (setting: string) => string): string {
  return typeof reason === "string" ? reason : reason(name);
}
