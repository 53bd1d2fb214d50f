// SPDX-License-Identifier: MIT
/**
 * Sessions that began in the clear and went on as TLS (STARTTLS, STLS, AUTH TLS): the server's greeting passed before, so
 * that their clear text begins with a command of the client, and an IDS misses the greeting that its parser begins with.
 *
 * @module
 */
import { type Direction, TO_SERVER } from "../../codecs/direction.ts";

/** What is done about the missing greeting. */
export type StarttlsMode = "none" | "greet";

interface Protocol {
  readonly ports: readonly number[];
  /** What clients begin with behind STARTTLS. */
  readonly commands: readonly string[];
  /** Whether a tag stands before each command. */
  readonly isTagged?: boolean;
  readonly greeting: string;
}

/** Suricata takes a greeting of a few bytes for no whole reply; these are as long as those of servers. */
const PROTOCOLS: readonly Protocol[] = [
  {
    ports: [25, 587],
    commands: ["EHLO", "HELO", "LHLO", "MAIL", "AUTH", "NOOP", "RSET", "XCLIENT", "QUIT"],
    greeting: "220 starttls.invalid ESMTP sslcollector: this greeting is made up\r\n",
  },
  {
    ports: [143],
    commands: ["CAPABILITY", "AUTHENTICATE", "LOGIN", "ID", "ENABLE", "NOOP", "SELECT", "LIST", "LOGOUT"],
    isTagged: true,
    greeting: "* OK starttls.invalid IMAP4rev1 sslcollector: this greeting is made up\r\n",
  },
  {
    ports: [110],
    commands: ["CAPA", "USER", "AUTH", "APOP", "QUIT"],
    greeting: "+OK starttls.invalid POP3 sslcollector: this greeting is made up\r\n",
  },
  {
    ports: [21],
    commands: ["USER", "PBSZ", "PROT", "FEAT", "HOST", "OPTS", "SYST", "CLNT", "ACCT", "QUIT"],
    greeting: "220 starttls.invalid FTP sslcollector: this greeting is made up\r\n",
  },
];

/** A line longer than this without an end of its command is none. */
const COMMAND_LENGTH_MAX = 64;

/**
 * The greeting that is missing where the first bytes of a whole session are `bytes`, in direction `direction`, and its server
 * has this port; `undefined` where none is. On the port of such a protocol a client that speaks first does so behind STARTTLS:
 * where TLS came first, the server's greeting does.
 */
export function missingGreeting(
  serverPort: number,
  direction: Direction,
  bytes: Uint8Array,
): Uint8Array | undefined {
  if (direction !== TO_SERVER) return undefined;
  const protocol = PROTOCOLS.find(({ ports }) => ports.includes(serverPort));
  if (!protocol || !beginsWithCommand(protocol, bytes)) return undefined;
  return new TextEncoder().encode(protocol.greeting);
}

/** Clients may write a command in pieces: its beginning is enough. */
function beginsWithCommand({ commands, isTagged }: Protocol, bytes: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, COMMAND_LENGTH_MAX));
  const form = isTagged ? /^[0-9A-Za-z.]+(?:$| ([A-Za-z]*)([ \r\n]|$))/ : /^([A-Za-z]+)([ \r\n]|$)/;
  const match = form.exec(text);
  if (!match) return false;
  const [, word = "", end = ""] = match;
  const name = word.toUpperCase();
  return commands.some((command) => end === "" ? command.startsWith(name) : command === name);
}
