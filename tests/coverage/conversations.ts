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

const text32 = (value: number) =>
  String.fromCharCode(value >> 24 & 255, value >> 16 & 255, value >> 8 & 255, value & 255);
/** A message of PostgreSQL's, whose length counts itself. */
const postgres = (type: string, content: string) => type + text32(content.length + 4) + content;
const PROTOCOL_3 = text32(3 << 16);
const SSL_REQUEST = text32(80877103);

/** A packet of MariaDB's. */
const mariadb = (sequence: number, content: string) =>
  String.fromCharCode(content.length & 255, content.length >> 8, 0, sequence) + content;
/** LONG_PASSWORD, PROTOCOL_41, SSL and SECURE_CONNECTION; packets of 16 MiB; UTF-8. */
const CAPABILITIES = "\x01\x8a\0\0" + "\0\0\0\x01" + "\x21" + "\0".repeat(23);
const [QUERY, QUIT] = ["\x03", "\x01"];

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
