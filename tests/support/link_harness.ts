// SPDX-License-Identifier: MIT
/** Collectors and agents' sinks with certificates of their own. @module */
import { initAuthority, issueInto } from "../../net/pki/store.ts";
import { loadCredentials } from "../../net/pki/load.ts";
import { daysFrom } from "../../net/pki/issue.ts";
import type { Credentials } from "../../net/pki/credentials.ts";
import { LinkServer, type LinkServerOptions } from "../../net/collector/link_server.ts";
import { RemoteSink, type RemoteSinkOptions } from "../../net/link/remote_sink.ts";
import { parseTarget } from "../../net/link/target.ts";
import { parseSinkSpec } from "../../net/sinks/spec.ts";
import { PATIENT_AGENT, PATIENT_COLLECTOR } from "./patience.ts";
import { withTempDir } from "./run.ts";
import { until } from "./until.ts";

/** Lines of a log, to wait for. */
export class TestLog {
  readonly lines: string[] = [];

  readonly add = (line: string): void => {
    this.lines.push(line);
  };

  /** The first line that matches, now or later; prints all there are when it is given up. */
  async find(pattern: RegExp): Promise<string> {
    try {
      return await until(`a line ${pattern}`, () => this.lines.find((line) => pattern.test(line)), 1);
    } catch (error) {
      console.error(this.lines.join("\n"));
      throw error;
    }
  }
}

/** A directory with a CA, a collector `hub` on 127.0.0.1 and agents. */
export interface TestPki {
  readonly folder: string;
  readonly directory: string;
  readonly collector: Credentials;
  readonly agent: Credentials;
}

export const VALIDITY = daysFrom(Date.now(), 2);

export function withPki<T>(use: (pki: TestPki) => Promise<T>, addresses = ["127.0.0.1"]): Promise<T> {
  return withTempDir(async (folder) => {
    const directory = `${folder}/pki`;
    await initAuthority(directory, "test CA", VALIDITY);
    await issueInto(directory, { role: "collector", name: "hub", names: addresses, validity: VALIDITY });
    await issueInto(directory, { role: "agent", name: "web1", names: [], validity: VALIDITY });
    return await use({
      folder,
      directory,
      collector: await loadCredentials({ directory: directory, role: "collector" }),
      agent: await loadCredentials({ directory: directory, role: "agent" }),
    });
  });
}

/** A collector on a free port of 127.0.0.1 that writes to one sink, and gives no agent up. */
export function startLinkServer(
  pki: TestPki,
  sink: string,
  log: TestLog,
  options: Partial<LinkServerOptions> = {},
): Promise<LinkServer> {
  return LinkServer.start({
    application: "test",
    hostname: "127.0.0.1",
    port: 0,
    sinks: [parseSinkSpec(sink)],
    credentials: pki.collector,
    workers: 0,
    ...PATIENT_COLLECTOR,
    info: log.add,
    warn: log.add,
    ...options,
  });
}

/** An agent's sink that tries again soon, and gives no collector up. */
export function remoteSink(
  target: string,
  agent: Credentials | undefined,
  log: TestLog,
  options: Partial<RemoteSinkOptions> = {},
): RemoteSink {
  return new RemoteSink(parseTarget(target), {
    application: "test",
    interfaceName: "any",
    agentName: "test host",
    credentials: agent && (() => agent),
    backoffMaxMs: 200,
    ...PATIENT_AGENT,
    info: log.add,
    warn: log.add,
    ...options,
  });
}
