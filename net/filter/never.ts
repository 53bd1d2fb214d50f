// SPDX-License-Identifier: MIT
/** What people look for in fields that never have it, and what they mean: each answers undefined for what a field may have. @module */
import { isNetwork } from "../wire/network.ts";

/** The kernel keeps so much of a process's name. */
const PROGRAM_MAX = 15;
/** Digits of a container's id by which it is known. */
const CONTAINER_DIGITS = 12;

/** Networks are no names: they are asked for by the field `addresses`. */
export function networkIn(text: string, addresses: string): string | undefined {
  return isNetwork(text) ? `a network is asked for by ${addresses} == ${JSON.stringify(text)}` : undefined;
}

/** The name in a ClientHello has no port behind it. */
export function portIn(text: string): string | undefined {
  const [, name, port] = /^([^:]+):(\d+)$/.exec(text) ?? [];
  return port && `the name in a ClientHello has no port: ${JSON.stringify(name)} and port == ${port}`;
}

/** Names of programs are cut; one with other characters than these is shown longer than it is. */
export function longProgramIn(text: string): string | undefined {
  if (text.length <= PROGRAM_MAX || !/^[\w.@+-]+$/.test(text)) return undefined;
  const kept = JSON.stringify(text.slice(0, PROGRAM_MAX));
  return `of a program's name the kernel keeps ${PROGRAM_MAX} characters: ${kept}`;
}

/** Containers are known by the beginning of their ids. */
export function longContainerIn(text: string): string | undefined {
  if (!/^[0-9a-f]{13,64}$/.test(text)) return undefined;
  const kept = JSON.stringify(text.slice(0, CONTAINER_DIGITS));
  return `of a container's id the first ${CONTAINER_DIGITS} digits are known: ${kept}`;
}

/** Media types are without their parameters. */
export function parametersIn(text: string): string | undefined {
  const [type, ...parameters] = text.split(";");
  if (parameters.length === 0) return undefined;
  const known = type.trim() && `: ${JSON.stringify(type.trim())}`;
  return `a media type is known without parameters${known}`;
}
