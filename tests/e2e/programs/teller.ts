// SPDX-License-Identifier: MIT
/**
 * Tells the agent in a runtime directory of sessions, true or not: `teller.ts DIRECTORY UID`, then a JSON object a line,
 * {@linkcode Telling}; answers each with a line when the agent has read it. With `connect` it makes a connection over loopback
 * and answers with the client's address and the server's port.
 *
 * @module
 */
import type { CaptureOpen } from "../../../net/capture/target.ts";
import { LIBC_NAMES, openLibrary } from "../../../net/ffi/libc.ts";
import { KIND } from "../../../net/capture/record/layout.ts";
import { encodeOpen, openFlags } from "../../../net/capture/recording/record_writer.ts";
import { TextLineStream } from "../../support/lines.ts";
import { makeOpen } from "../../support/pipeline_harness.ts";
import { joinAgent } from "../../support/ring_writer.ts";
import { until } from "../../support/until.ts";

/** A session as it is claimed; addresses are texts of IPv4. */
export interface Opened {
  readonly local: readonly [string, number];
  readonly remote: readonly [string, number];
  readonly clientRandom: string;
  readonly isServer?: boolean;
  readonly inherited?: boolean;
  /** Bytes to the server that passed before. */
  readonly offset?: number;
}

/** One thing to do: clear text to a server, of a flow that is opened before where `open` says how. */
export type Telling = "connect" | {
  readonly flow: number;
  readonly open?: Opened;
  readonly offset: number;
  readonly words: string;
};

const SETS = {
  /** `int setgid(gid_t gid)` */
  setgid: { parameters: ["u32"], result: "i32" },
  /** `int setuid(uid_t uid)` */
  setuid: { parameters: ["u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const ipOf = (text: string) => Uint8Array.from(text.split(".").map(Number));

function openOf({ local, remote, ...more }: Opened): CaptureOpen {
  const { clientRandom, isServer = false, inherited = false, offset = 0 } = more;
  return makeOpen({
    address: {
      grade: "socket",
      localIp: ipOf(local[0]),
      localPort: local[1],
      remoteIp: ipOf(remote[0]),
      remotePort: remote[1],
    },
    clientRandom,
    isServer,
    inherited,
    offsets: [offset, 0],
  });
}

if (import.meta.main) {
  const [directory, uid] = Deno.args;
  const { setgid, setuid } = openLibrary(LIBC_NAMES, SETS).symbols;
  if (setgid(Number(uid)) !== 0 || setuid(Number(uid)) !== 0) throw new Error("cannot become another user");
  const { ring } = joinAgent(directory);
  const kept: Disposable[] = [];
  const connect = async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    kept.push(listener, client, await listener.accept());
    return `${client.localAddr.port} ${listener.addr.port}`;
  };
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const telling = JSON.parse(line) as Telling;
    if (telling === "connect") {
      console.log(await connect());
      continue;
    }
    const { flow, open: opened, words, offset } = telling;
    if (opened) {
      const open = openOf(opened);
      const [before, amount] = open.offsets;
      ring.write({
        kind: KIND.open,
        flow,
        flags: openFlags(open),
        offset: before,
        amount,
        payload: encodeOpen(open),
      });
    }
    ring.write({ kind: KIND.data, flow, offset, payload: new TextEncoder().encode(words) });
    await until("the ring to be read", () => ring.outstanding === 0, 2);
    console.log("told");
  }
}
