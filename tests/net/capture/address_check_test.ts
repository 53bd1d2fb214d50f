// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { AddressCheck } from "../../../net/capture/address_check.ts";
import type { CaptureAddress, CaptureProgram } from "../../../net/capture/target.ts";
import { namespaceInode } from "../../../net/ffi/sock_diag.ts";
import { TextLineStream } from "../../support/lines.ts";
import { notRoot, skipIf } from "../../support/skip.ts";

const HERE = namespaceInode("/proc/self/ns/net");
const UID = Deno.uid()!;
/** A process that has none of our descriptors. */
const STRANGER: CaptureProgram = { id: 1, pid: 1, uid: 65_534, comm: "stranger", networkNamespace: HERE };
const SELF: CaptureProgram = { ...STRANGER, pid: Deno.pid, uid: UID };

function ipOf(text: string): Uint8Array {
  return text === "::1"
    ? Uint8Array.from({ length: 16 }, (_, i) => +(i === 15))
    : Uint8Array.from(text.split(".").map(Number));
}

function addressOf(local: Deno.NetAddr, remote: Deno.NetAddr): CaptureAddress {
  return {
    grade: "socket",
    localIp: ipOf(local.hostname),
    localPort: local.port,
    remoteIp: ipOf(remote.hostname),
    remotePort: remote.port,
  };
}

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`both ends of a connection over ${hostname} are their user's, and nobody else's`, async () => {
    const check = new AddressCheck();
    using listener = Deno.listen({ hostname, port: 0 });
    using client = await Deno.connect({ hostname, port: (listener.addr as Deno.NetAddr).port });
    using server = await listener.accept();
    const ends = [client, server].map(({ localAddr, remoteAddr }) => addressOf(localAddr, remoteAddr));
    for (const end of ends) {
      assert.equal(check.confirms(SELF, end), true);
      assert.equal(check.confirms({ ...SELF, uid: 65_534 }, end), true, "it has the descriptor");
      assert.equal(check.confirms(STRANGER, end), UID === 0 ? false : undefined);
      assert.equal(check.confirms({ ...STRANGER, pid: 2 ** 22 + 1 }, end), undefined, "it is gone");
      const { networkNamespace: _, ...unasked } = SELF;
      assert.equal(check.confirms(unasked, end), undefined);
    }
  });
}

Deno.test("of a connection that is not, or not any more, the kernel says nothing, though somebody listens there", async () => {
  const check = new AddressCheck();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = await Deno.connect({ hostname: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port });
  const server = await listener.accept();
  const { localAddr, remoteAddr } = client;
  client.close();
  await server.read(new Uint8Array(1));
  server.close();
  const ends = [addressOf(localAddr, remoteAddr), addressOf(remoteAddr, localAddr)];
  for (const end of [...ends, { ...ends[1], remotePort: 1 }, { ...ends[0], localIp: ipOf("203.0.113.77") }]) {
    assert.equal(check.confirms(SELF, end), undefined);
  }
});

const NAMESPACE_SCRIPT = `
import socket, sys
a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
print(*b.getsockname(), *b.getpeername(), flush=True); sys.stdin.read()`;

Deno.test({
  name: "a connection in another network namespace is looked up there, and this process stays where it is",
  ...skipIf(notRoot("a network namespace")),
  fn: async () => {
    const script = `ip link set lo up && exec python3 -c '${NAMESPACE_SCRIPT}'`;
    const child = new Deno.Command("unshare", {
      args: ["-n", "sh", "-c", script],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    try {
      const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
      const { value: line } = await lines.getReader().read();
      const [localIp, localPort, remoteIp, remotePort] = line!.split(" ");
      const address = addressOf(
        { transport: "tcp", hostname: localIp, port: Number(localPort) },
        { transport: "tcp", hostname: remoteIp, port: Number(remotePort) },
      );
      const networkNamespace = namespaceInode(`/proc/${child.pid}/ns/net`);
      assert.notEqual(networkNamespace, HERE);
      const check = new AddressCheck();
      const program = { ...SELF, pid: child.pid, networkNamespace };
      assert.equal(check.confirms(program, address), true);
      assert.equal(
        check.confirms({ ...STRANGER, networkNamespace }, address),
        undefined,
        "its process is here",
      );
      assert.equal(check.confirms(SELF, address), undefined);
      assert.equal(namespaceInode("/proc/thread-self/ns/net"), HERE);
    } finally {
      await child.stdin.close();
      await child.status;
    }
  },
});
