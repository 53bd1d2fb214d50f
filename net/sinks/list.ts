// SPDX-License-Identifier: MIT
/** All kinds of sinks, as the help lists them. @module */
import { fileKind } from "./file_kind.ts";
import { interfaceKind } from "./interface_kind.ts";
import type { SinkKind } from "./kind.ts";
import { pcapOverIpKind } from "./pcap_over_ip.ts";
import { stdoutKind } from "./stdout.ts";

/** The last are asked first whether a value is theirs: an interface can have almost any name. */
export const SINK_KINDS: readonly SinkKind[] = [interfaceKind, fileKind, stdoutKind, pcapOverIpKind];
