// SPDX-License-Identifier: MIT
/** Settings as TOML: the default configuration file, and what is in force. @module */
import type { FoundSetting } from "./config.ts";
import { allSettings, type Setting, settingsOf } from "./settings.ts";

/** Longest line of the default file. */
const WIDTH = 100;

/** A value of each kind, as an example. */
const EXAMPLES: Readonly<Record<string, string>> = {
  "IFACE": "eth0",
  "SINK": "/var/lib/sslcollector/mirror.pcapng",
  "SIZE": "16MiB",
  "DURATION": "1h",
  "BYTES": "1500",
  "ID": "100",
  "N": "2",
  "FORM": "json",
  "LEVEL": "warning",
  "LIST": "http2to1",
  "PORT=PORT": "443=80",
  "MAC": "02:00:00:00:00:99",
  "MODE": "greet",
  "SOURCE": "hook",
  "WHAT": "requests",
  "STYLE": "json",
  "WHEN": "auto",
  "EXPRESSION": "port == 443",
  "PLACE": "unix:/run/eve.sock",
  "HOST[:PORT]": "ids1.example",
  "GRADE": "socket",
  "FILE": "/var/lib/sslcollector/FILE",
  "DIR": "/var/lib/sslcollector/DIR",
  "NAME": "web1",
  "ADDR:PORT": "127.0.0.1:3005",
  "[ADDR:]PORT": "9100",
};

const HEAD = [
  "Settings of sslcollector. Each has the name of the option that it stands for: what is said on the command line, or in the " +
  "environment (codec: SSLCOLLECTOR_CODEC), counts before what is said here. Sizes are such as 64MiB, durations such as 90s, 10m or 1h.",
  "What stands in no table is for every command that knows it. Tables are for one: [agent], [run], [replay], [collector].",
  '"sslcollector config check" says what is wrong in this file, "sslcollector config show" what is in force.',
];

/** A file that sets nothing and shows every setting. */
export function defaultConfig(): string {
  const lines = HEAD.flatMap((text, index) => [...(index === 0 ? [] : [""]), ...wrapped(text)]).map(comment);
  for (const setting of allSettings().values()) {
    if (settingsOf("agent").has(setting.name)) lines.push("", ...example(setting));
  }
  lines.push("", "[collector]");
  for (const setting of settingsOf("collector").values()) lines.push("", ...example(setting));
  return lines.join("\n");
}

function example(setting: Setting): string[] {
  const { option, isMany } = setting;
  // Each file has one use.
  const value = (EXAMPLES[option.metavar ?? ""] ?? "true").replace(/FILE|DIR/, setting.name);
  return [
    ...wrapped(option.description).map(comment),
    comment(`${setting.name} = ${inToml(setting, isMany ? [value] : value)}`),
  ];
}

const comment = (line: string) => line === "" ? "#" : `# ${line}`;

function wrapped(text: string): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + word.length < WIDTH - 2) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A line for each setting of a command: its value and where that comes from, or what holds without one. */
export function settingsInForce(command: string, found: readonly FoundSetting[]): string[] {
  const byName = new Map(found.map((setting) => [setting.name, setting]));
  return [...settingsOf(command).values()].map((setting) => {
    const { name, option, isMany } = setting;
    const entry = byName.get(name);
    if (entry === undefined) return comment(`${name}: ${defaultOf(option.description)}`);
    const value = inToml(setting, isMany ? entry.values : entry.values[0]);
    return `${name} = ${value} # ${entry.source}`;
  });
}

/** Descriptions close with the default, where there is one that can be named. */
function defaultOf(description: string): string {
  const said = /\bDefault: (.*?)\.?$/.exec(description)?.[1];
  return said === undefined ? "not set" : `by default ${said}`;
}

function inToml(setting: Setting, value: string | readonly string[]): string {
  if (typeof value !== "string") return `[${value.map((one) => inToml(setting, one)).join(", ")}]`;
  if (setting.kind === "flag") return String(value === "true" || value === "1");
  return setting.kind === "number" && /^\d+$/.test(value) ? value : JSON.stringify(value);
}
