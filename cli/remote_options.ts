// SPDX-License-Identifier: MIT
/** Options of the remote link: of agents that mirror to a collector, of the collector, and of its certificates. @module */
import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { InferValue } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import {
  AGENT_RATE_MIN,
  AGENT_SHARE_MIN,
  MTU_MAX,
  MTU_MIN,
  QUEUE_MIN,
  SPOOL_MIN,
  WORKERS_MAX,
} from "../net/settings/limits.ts";
import { sinkOptions } from "./sink_options.ts";
import { statusDir } from "./status_options.ts";
import { file, folder } from "./suggestions.ts";
import { text } from "./value_parser.ts";
import {
  listenAddress,
  metricsAddress,
  pageAddress,
  remoteTarget,
  size,
  wholeNumber,
  word,
} from "./values.ts";

const pki = optional(option("--pki", folder("DIR"), {
  description: message`Where the certificates are. Default: /etc/sslcollector/pki.`,
}));
const identity = optional(option("--identity", text("NAME"), {
  description: message`Which certificate to show, where the directory has keys of several.`,
}));

const keyGroup = optional(option("--key-group", text("GROUP"), {
  description: message`Group that may read keys too, by name or number. Default: only their owner may.`,
}));

export const dryRun = withDefault(
  flag("--dry-run", {
    description: message`Check everything, say what would be done, and start nothing.`,
  }),
  false,
);

/** What a command that mirrors needs to reach collectors. */
export const remoteOptions = {
  target: multiple(option("-t", "--target", remoteTarget(), {
    description:
      message`Mirror to the collector on this host, HOST or HOST:PORT, 3005 by default; tcp://HOST without TLS. May be given more than once: connections are spread.`,
  })),
  queue: optional(option("--queue", size(QUEUE_MIN), {
    description: message`Memory for packets that a collector has not acknowledged, for each. Default: 64MiB.`,
  })),
  compress: optional(option("--compress", word("WHEN", ["auto", "on", "off"]), {
    description:
      message`Send to collectors in fewer bytes, with zstd, where they take it: auto unless they are on this host, on also there, as for a tunnel. Default: auto.`,
  })),
  spool: optional(option("--spool", folder("DIR"), {
    description:
      message`Keep packets that are not acknowledged on disk as well, so that they outlive the agent.`,
  })),
  spoolMax: optional(option("--spool-max", size(SPOOL_MIN), {
    description: message`Disk space that the spool may take, for each collector. Default: 1GiB.`,
  })),
  pki,
  identity,
  keyGroup,
};

/** Of commands that run on. */
export const uiOptions = {
  ui: optional(option("--ui", pageAddress(), {
    description:
      message`Serve a page for browsers there, whose address with its token is told at the start. Without ADDR on 127.0.0.1; other addresses than loopback are refused.`,
  })),
  uiHost: multiple(option("--ui-host", text("NAME"), {
    description:
      message`A name by which the page may be asked for, as that of a proxy with TLS before it. May be given more than once.`,
  })),
};

export const metrics = optional(option("--metrics", metricsAddress(), {
  description:
    message`Serve metrics for Prometheus there, and /healthz and /readyz; without TLS. Without ADDR on 127.0.0.1.`,
}));

export const collectorParser = object("Collector", {
  command: constant("collector" as const),
  collector: flag("-C", "--collector", {
    description: message`Be a collector: agents' packets in, sinks out.`,
  }),
  listen: optional(option("-L", "--listen", listenAddress(), {
    description: message`Where agents connect. Default: port 3005 of every address.`,
  })),
  ...sinkOptions,
  mtu: optional(option("--mtu", wholeNumber("BYTES", MTU_MIN, MTU_MAX), {
    description: message`Longest IP packet taken for a sink without an MTU of its own. Default: 65535.`,
  })),
  allow: multiple(option("--allow", text("NAME"), {
    description:
      message`Take only agents of this name, in which * stands for any characters but dots and slashes. May be given more than once.`,
  })),
  insecurePlaintext: withDefault(
    flag("--insecure-plaintext", {
      description: message`No TLS: anybody may send, and on the way read and forge. For tests.`,
    }),
    false,
  ),
  compress: optional(option("--compress", word("WHEN", ["auto", "off"]), {
    description: message`off: take nothing compressed from agents. Default: auto, what they choose.`,
  })),
  state: optional(option("--state", file("FILE"), {
    description:
      message`What must outlive the collector. Default: collector-PORT.state in /var/lib/sslcollector.`,
  })),
  agentRate: optional(option("--agent-rate", size(AGENT_RATE_MIN), {
    description:
      message`Bytes a second that each agent may send: one that has more keeps it waiting. Default: what it can.`,
  })),
  agentShare: optional(option("--agent-share", size(AGENT_SHARE_MIN), {
    description:
      message`Bytes that the packets of each agent may take in the files there are; what is beyond goes into no file, and is counted. Default: any.`,
  })),
  metrics,
  ...uiOptions,
  runtimeDir: statusDir,
  workers: optional(option("--workers", wholeNumber("N", 0, WORKERS_MAX), {
    description:
      message`Threads for connections; 0: none but the main one. Default: one for each core but one.`,
  })),
  pki,
  identity,
  keyGroup,
  dryRun,
});

const days = optional(option("--days", wholeNumber("DAYS", 1, 36_500), {
  description: message`How long it is valid. Default: 3650 for the CA, 90 for the others.`,
}));

const role = argument(word("agent|collector", ["agent", "collector"]), {
  description: message`What the host is.`,
});
const name = argument(text("NAME"), {
  description: message`The host's name, in its certificate and file names.`,
});
const san = multiple(option("--san", text("NAME"), {
  description: message`A name or address that agents reach a collector by. May be given more than once.`,
}));

export const pkiParser = or(
  command("init", object({ command: constant("pki init" as const), pki, days }), {
    brief: message`Make a CA`,
  }),
  command("issue", object({ command: constant("pki issue" as const), role, name, san, pki, days }), {
    brief: message`Make a certificate for an agent or a collector`,
  }),
  command("renew", object({ command: constant("pki renew" as const), role, name, pki, days }), {
    brief: message`Make a certificate valid for longer; its key stays`,
  }),
  command("csr", object({ command: constant("pki csr" as const), role, name, san, pki }), {
    brief: message`Make a key and a request for another CA to sign`,
  }),
  command(
    "revoke",
    object({
      command: constant("pki revoke" as const),
      which: argument(text("NAME|SERIAL"), {
        description: message`A host's name, for all certificates that it was issued, or a serial number.`,
      }),
      pki,
    }),
    { brief: message`Put a certificate on the deny list, for collectors and agents to have beside ca.crt` },
  ),
  command("show", object({ command: constant("pki show" as const), pki }), {
    brief: message`List the certificates: names, roles, days left, serial numbers`,
  }),
);

export type CollectorCommand = InferValue<typeof collectorParser>;
export type PkiCommand = InferValue<typeof pkiParser>;
