// SPDX-License-Identifier: MIT
/** A TCP proxy that breaks connections. @module */

export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections broken so far. */
  readonly cuts: number;
  /** Bytes passed on so far of those who connected. */
  readonly bytes: number;
  /** Cuts every connection that is there. */
  cutAll(): void;
}

/** Passes on to `port` (asked anew for each connection); a connection is cut after as many bytes as `bytesUntilCut` says, asked anew for each. */
export function cuttingProxy(port: number | (() => number), bytesUntilCut: () => number): CuttingProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<() => void>();
  const running: Promise<void>[] = [];
  let [cuts, bytes] = [0, 0];
  const accept = async () => {
    for await (const near of listener) running.push(serve(near));
  };
  const serve = async (near: Deno.TcpConn) => {
    let left = bytesUntilCut();
    const to = typeof port === "number" ? port : port();
    const far = await Deno.connect({ port: to }).catch(() => undefined);
    const cut = () => {
      if (!open.delete(cut)) return;
      near.close();
      far?.close();
    };
    open.add(cut);
    if (far === undefined) return cut();
    const pass = async (from: Deno.Conn, to: Deno.Conn, counts: boolean) => {
      const buffer = new Uint8Array(65536);
      try {
        while (true) {
          const read = await from.read(buffer);
          if (read === null) break;
          const now = counts ? Math.min(read, left) : read;
          for (let at = 0; at < now;) at += await to.write(buffer.subarray(at, now));
          if (counts) bytes += now;
          if (counts && (left -= now) <= 0) {
            cuts++;
            break;
          }
        }
      } catch {
        // one of the two has gone
      }
      cut();
    };
    await Promise.all([pass(near, far, true), pass(far, near, false)]);
  };
  const accepting = accept();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    get cuts() {
      return cuts;
    },
    get bytes() {
      return bytes;
    },
    cutAll: () => {
      for (const cut of [...open]) cut();
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const cut of [...open]) cut();
      await accepting;
      await Promise.all(running);
    },
  };
}
