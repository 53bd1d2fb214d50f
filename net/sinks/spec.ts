// SPDX-License-Identifier: MIT
/** The values of `-o`: reading, checking before anything starts, opening. @module */
import { accessSync, constants } from "node:fs";
import { basename, dirname } from "node:path";
import type { Sink } from "./sink.ts";
import { FileSink } from "./file.ts";
import { InterfaceSink } from "./interface.ts";
import { interfaceNames } from "./interfaces.ts";
import { openForSending, unknownInterface } from "./pcap_handle.ts";
import { PcapOverIpSink } from "./pcap_over_ip.ts";
import { systemError } from "../ffi/system_error.ts";
import type { SinkOptions } from "./sink_options.ts";
import { StdoutSink } from "./stdout.ts";

export interface FileSpec {
  readonly kind: "file";
  readonly name: string;
  readonly path: string;
  readonly format: "pcap" | "pcapng";
}

/** `name` is what was given. */
export type SinkSpec =
  | { readonly kind: "interface"; readonly name: string; readonly interfaceName: string }
  | FileSpec
  | { readonly kind: "stdout"; readonly name: string }
  /** Port 0: any free one. */
  | {
    readonly kind: "pcap-over-ip";
    readonly name: string;
    readonly hostname: string;
    readonly port: number;
  };

const PCAP_OVER_IP = "pcap-over-ip:";
/** Mirrored clear text is not shown to the network unless asked for. */
const PCAP_OVER_IP_HOSTNAME = "127.0.0.1";
/** `IFNAMSIZ` less its NUL. */
const INTERFACE_NAME_MAX = 15;

/** Looks at the text only. Throws a `RangeError` that quotes the value and says what would be right. */
export function parseSinkSpec(text: string): SinkSpec {
  if (text === "-") return { kind: "stdout", name: text };
  if (text.startsWith(PCAP_OVER_IP)) return parsePcapOverIp(text);
  if (/[/\\]|\.pcap(ng)?$/i.test(text)) {
    if (/[/\\]$/.test(text)) throw wrong("a file name", text);
    return { kind: "file", name: text, path: text, format: /\.pcap$/i.test(text) ? "pcap" : "pcapng" };
  }
  const isInterface = Deno.build.os === "linux"
    ? text.length <= INTERFACE_NAME_MAX && /^[^\s/:]+$/.test(text)
    : text.length > 0;
  if (!isInterface) {
    throw wrong(
      "an interface, a file ending in .pcapng or .pcap or with a slash, - or pcap-over-ip:[ADDR:]PORT",
      text,
    );
  }
  return { kind: "interface", name: text, interfaceName: text };
}

function parsePcapOverIp(text: string): SinkSpec {
  const parts = /^(?:(\[[^\]]+\]|[^[\]]+):)?(\d{1,5})$/.exec(text.slice(PCAP_OVER_IP.length));
  const port = Number(parts?.[2] ?? NaN);
  if (!(port <= 65535)) {
    throw wrong("pcap-over-ip:[ADDR:]PORT with a port from 1 to 65535, such as pcap-over-ip:57012", text);
  }
  const hostname = parts?.[1]?.replace(/^\[|\]$/g, "") ?? PCAP_OVER_IP_HOSTNAME;
  return { kind: "pcap-over-ip", name: text, hostname, port };
}

function wrong(expected: string, text: string): RangeError {
  return new RangeError(`expected ${expected}, got ${JSON.stringify(text)}`);
}

/**
 * Finds out whether the sink could be opened, and leaves nothing behind. Throws an `Error` of one line that quotes the
 * value and says what would be right; the caller puts the option's name before it.
 */
export function checkSink(spec: SinkSpec): void {
  switch (spec.kind) {
    case "interface": {
      if (!interfaceNames().includes(spec.interfaceName)) {
        throw new RangeError(unknownInterface(spec.interfaceName));
      }
      const { pcap, handle } = openForSending(spec.interfaceName);
      pcap.pcap_close(handle);
      break;
    }
    case "file":
      checkFile(spec.path);
      break;
    case "pcap-over-ip":
      try {
        Deno.listen({ hostname: spec.hostname, port: spec.port }).close();
      } catch (error) {
        throw new Error(listenError(spec, error));
      }
      break;
  }
}

function checkFile(path: string): void {
  const folder = dirname(path);
  const shown = JSON.stringify(path);
  const found = stat(folder);
  if (found === undefined) {
    throw new Error(`cannot write ${shown}: the directory ${folder} does not exist, make it first`);
  }
  if (!found.isDirectory) throw new Error(`cannot write ${shown}: ${folder} is not a directory`);
  const there = stat(path);
  if (there?.isDirectory) throw new Error(`cannot write ${shown}: it is a directory, add a file name`);
  try {
    // An existing device, pipe or file is written as it is; else the directory has to take a new one.
    accessSync(there === undefined ? folder : path, constants.W_OK);
  } catch (error) {
    const what = there === undefined ? `the directory ${folder}` : basename(path);
    throw new Error(
      `cannot write ${shown}: ${what} is not writable (${systemError(error).code}), choose another place`,
    );
  }
}

function stat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || systemError(error).code === "ENOTDIR") return undefined;
    throw new Error(`cannot write ${JSON.stringify(path)}: ${systemError(error).text}`);
  }
}

function listenError(spec: { name: string; hostname: string; port: number }, error: unknown): string {
  const shown = JSON.stringify(spec.name);
  switch (systemError(error).code) {
    case "EADDRINUSE":
      return `cannot listen for ${shown}: port ${spec.port} is taken, choose another`;
    case "EADDRNOTAVAIL":
      return `cannot listen for ${shown}: ${spec.hostname} is no address of this host`;
    case "EACCES":
      return `cannot listen for ${shown}: port ${spec.port} needs the capability CAP_NET_BIND_SERVICE, choose one above 1023`;
    default:
      return `cannot listen for ${shown}: ${systemError(error).text}`;
  }
}

/** Opens it. Throws an `Error` as {@linkcode checkSink} does. */
export function openSink(spec: SinkSpec, options: SinkOptions): Sink {
  switch (spec.kind) {
    case "interface":
      return new InterfaceSink(spec.interfaceName, options);
    case "file":
      try {
        return new FileSink(spec.path, spec.format === "pcapng", options);
      } catch (error) {
        throw new Error(`cannot write ${JSON.stringify(spec.path)}: ${systemError(error).text}`);
      }
    case "stdout":
      return new StdoutSink(options);
    case "pcap-over-ip":
      try {
        return new PcapOverIpSink(spec.name, spec.hostname, spec.port, options);
      } catch (error) {
        throw new Error(listenError(spec, error));
      }
  }
}
