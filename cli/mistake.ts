/** Mistakes on the command line, in one line that names the option, the value and what would be right. @module */

/** Commands, and which of them know an option: to name them when it is given to another. */
const OWNERS: readonly (readonly [commands: readonly string[], options: readonly string[]])[] = [
  [["hook install", "hook uninstall"], ["--unit", "--system"]],
  [["hook install", "hook uninstall", "hook status"], ["--root"]],
  [["the agent", "run"], ["--record", "--interface", "-I", "--memory"]],
  [["the agent", "run", "hook status"], ["--runtime-dir"]],
  [["the agent", "run", "replay", "demo"], ["-o", "--output"]],
  [
    ["the agent", "run", "replay"],
    ["--codec", "--mtu", "--port-map", "--vlan", "--mark-mac", "--rotate-size", "--rotate-time", "--keep"],
  ],
  [
    ["the agent", "run", "replay"],
    ["--require-attribution", "--idle-timeout", "--summary", "--quiet", "-q", "--log-level"],
  ],
];
const COMMANDS = ["run", "replay", "hook", "demo", "help", "completion"];
const HOOK_COMMANDS = ["path", "install", "uninstall", "status"];

/** `texts` are what the parser had to say about `args`, in its own layout. */
export function describeMistake(texts: readonly string[], args: readonly string[]): string {
  const text = texts.find((text) => text.startsWith("Error: ")) ?? texts[0] ?? "";
  const said = text.replace(/^Error: /, "").split("\n").map((line) => line.trim()).join(" ").trim();
  const { command, position } = findCommand(args);
  const unexpected = /^Unexpected option or subcommand: `([^`]+)`\.?(.*)$/.exec(said);
  if (unexpected || / cannot be used together\.$/.test(said)) {
    const foreign = args.slice(0, endOfOptions(args)).map((word) => word.replace(/=.*/, ""))
      .find((word) => ownersOf(word) && !ownersOf(word)!.includes(command));
    if (foreign) {
      return `${foreign}: not an option of ${command}; it belongs to ${inWords(ownersOf(foreign)!)}`;
    }
    if (!unexpected) {
      return position > 0 ? `${command}: expected before its options, not after ${args[0]}` : said;
    }
    return unexpectedWord(unexpected[1], unexpected[2], command);
  }
  if (said === "No matching command found.") return `${command}: expected ${inWords(HOOK_COMMANDS, "or")}`;
  const missing = /^Expected a `([^`]+)`, but too few arguments/.exec(said);
  if (missing) return `${command}: expected ${missing[1]}`;
  const withoutValue = /^`([^`]+)` requires `([^`]+)`/.exec(said);
  if (withoutValue) return `${withoutValue[1]}: expected ${withoutValue[2]} after it`;
  return said.replace(/^(?:`-\w`\/)?`(--?[\w-]+)`: /, "$1: ");
}

/** The command that the words are for, and where it stands; without one they are for the agent. */
function findCommand(args: readonly string[]): { command: string; position: number } {
  const position = args.slice(0, endOfOptions(args)).findIndex((word) => COMMANDS.includes(word));
  if (position < 0) return { command: "the agent", position };
  const isHook = args[position] === "hook" && HOOK_COMMANDS.includes(args[position + 1]);
  return { command: isHook ? `hook ${args[position + 1]}` : args[position], position };
}

function endOfOptions(args: readonly string[]): number {
  const at = args.indexOf("--");
  return at < 0 ? args.length : at;
}

function unexpectedWord(word: string, suggestion: string, command: string): string {
  const hint = /Did you mean (?:one of these\? )?(.+?)\??$/.exec(suggestion)?.[1].replaceAll("`", "");
  const similar = hint ? `; similar is ${inWords(hint.split(/[\s,]+/), "or")}` : "";
  if (word.startsWith("-")) return `${word}: not an option of ${command}${similar}; see sslcollector --help`;
  if (command === "hook") {
    return `hook: expected ${inWords(HOOK_COMMANDS, "or")}, got ${JSON.stringify(word)}`;
  }
  if (command !== "the agent") return `${command}: ${JSON.stringify(word)} is one argument too many`;
  return `there is no command ${JSON.stringify(word)}: expected ${inWords(COMMANDS, "or")}; ` +
    `to mirror a program: sslcollector run -- ${word}`;
}

function ownersOf(option: string): readonly string[] | undefined {
  const owners = OWNERS.filter(([, options]) => options.includes(option)).flatMap(([commands]) => commands);
  return owners.length > 0 ? owners : undefined;
}

function inWords(words: readonly string[], conjunction = "and"): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} ${conjunction} ${words[words.length - 1]}`;
}
