// SPDX-License-Identifier: MIT
/** What a witness says to services, byte for byte: before TLS where a service begins in the clear, and in it. @module */
import type { DebianService } from "../e2e/debian/services.ts";

/** A character is a byte. */
export interface Conversation {
  /** In the clear: what is said when so much has come of the service. */
  readonly clear: readonly { readonly awaits: string; readonly says: string }[];
  /** In TLS, all at once; the service closes when it has answered. */
  readonly request: string;
}

/** Four bytes, the largest first. */
const text32 = (value: number) =>
  String.fromCharCode(value >> 24 & 255, value >> 16 & 255, value >> 8 & 255, value & 255);
/** A message of PostgreSQL's, whose length counts itself. */
export const postgres = (type: string, content: string) => type + text32(content.length + 4) + content;
const PROTOCOL_3 = text32(3 << 16);
const SSL_REQUEST = text32(80877103);

/** A packet of MariaDB's. */
const mariadb = (sequence: number, content: string) =>
  String.fromCharCode(content.length & 255, content.length >> 8, 0, sequence) + content;
/** LONG_PASSWORD, PROTOCOL_41, SSL and SECURE_CONNECTION; packets of 16 MiB; UTF-8. */
const CAPABILITIES = "\x01\x8a\0\0" + "\0\0\0\x01" + "\x21" + "\0".repeat(23);
const [QUERY, QUIT] = ["\x03", "\x01"];

const FRAME = {
  data: "\0",
  headers: "\x01",
  settings: "\x04",
  goAway: "\x07",
  windowUpdate: "\x08",
} as const;
/** END_STREAM and END_HEADERS. */
const [WHOLE, LAST] = ["\x05", "\x01"];
/** A frame of HTTP/2. */
const http2 = (kind: keyof typeof FRAME, flags: string, stream: number, content: string) =>
  text32(content.length).slice(1) + FRAME[kind] + flags + text32(stream) + content;
const LARGE_WINDOW = text32(0x7fff0000);

/** A client of HTTP/2 that asks for `/`, takes any number of bytes, and will ask for nothing more. */
export const HTTP2_REQUEST = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
  http2("settings", "\0", 0, `\0\x04${LARGE_WINDOW}`) +
  http2("windowUpdate", "\0", 0, LARGE_WINDOW) +
  http2("headers", WHOLE, 1, "\x82\x87\x84\x41\x09localhost") +
  http2("goAway", "\0", 0, text32(0) + text32(0));

/** What a server of HTTP/2 says at first, and when its client has said all it has to. */
export const HTTP2_ANSWERS = [
  http2("settings", "\0", 0, ""),
  http2("headers", "\x04", 1, "\x88") + http2("data", LAST, 1, "clear text"),
];

/** PostgreSQL lets a client in, and answers its question with a row. */
export const POSTGRES_ANSWERS = [
  postgres("R", text32(0)) + postgres("Z", "I"),
  postgres("T", `\0\x01text\0${text32(0)}\0\0${text32(25)}${text32(-1).slice(2)}${text32(-1)}\0\0`) +
  postgres("D", `\0\x01${text32(9)}cleartext`) + postgres("C", "SELECT 1\0") + postgres("Z", "I"),
];

const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  vsftpd: {
    clear: [{ awaits: "220 ", says: "AUTH TLS\r\n" }, { awaits: "234 ", says: "" }],
    request: "USER anonymous\r\nPASS a@b\r\nPWD\r\nQUIT\r\n",
  },
  "imap-login": { clear: [], request: "a LOGIN somebody secret\r\nb LOGOUT\r\n" },
  smtpd: {
    clear: [
      { awaits: "220 ", says: "EHLO client.example\r\n" },
      { awaits: "250 ", says: "STARTTLS\r\n" },
      { awaits: "220 ", says: "" },
    ],
    request: "EHLO client.example\r\nNOOP\r\nQUIT\r\n",
  },
  postgres: {
    clear: [{ awaits: "", says: postgres("", SSL_REQUEST) }, { awaits: "S", says: "" }],
    request: postgres("", `${PROTOCOL_3}user\0postgres\0\0`) + postgres("Q", "select 'clear' || 'text'\0") +
      postgres("X", ""),
  },
  mariadbd: {
    clear: [{ awaits: "mysql_native_password\0", says: mariadb(1, CAPABILITIES) }],
    request: mariadb(2, `${CAPABILITIES}root\0\0`) + mariadb(0, `${QUERY}select concat('clear', 'text')`) +
      mariadb(0, QUIT),
  },
};

export function conversationWith({ program }: DebianService): Conversation {
  return CONVERSATIONS[program];
}

/** A character is a byte. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
