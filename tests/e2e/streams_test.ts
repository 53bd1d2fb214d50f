// SPDX-License-Identifier: MIT
/** Standard output and PCAP-over-IP beside a file: readers that are as fast as a disk get what the file gets. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort } from "../support/free_port.ts";
import { missing, runOk } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { Child } from "./support/child.ts";
import { type Fixture, withFixture } from "./support/fixture.ts";
import { Agent } from "./support/sslcollector.ts";

const WRITER = fileURLToPath(new URL("../bench/tls_writer.c", import.meta.url));
/** More than the program and its peer can do: the agent is as busy as it can be. */
const MEGABITS = "100000";
const SECONDS = Deno.env.get("STREAM_SECONDS") ?? "1";

/** Reads a TCP stream to its end, and prints how many bytes that was. */
const READER = `
import socket, sys, time
while True:
  try:
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    break
  except ConnectionRefusedError:
    time.sleep(0.01)
buffer, total = bytearray(1 << 20), 0
length = connection.recv_into(buffer)
print("reading", flush=True)
while length > 0:
  total += length
  length = connection.recv_into(buffer)
print(total)`;

/** Starts a server that reads what a writing program sends it; answers its port. */
async function startPeer(fixture: Fixture, writer: string): Promise<{ peer: Child; port: string }> {
  const peer = new Child(writer, { args: ["serve", fixture.certificate, fixture.key] });
  return { peer, port: (await peer.found("stdout", /^(\d+)$/m))[1] };
}

Deno.test({
  name: "standard output and PCAP-over-IP lose nothing where a file beside them loses nothing",
  ...skipIf(missing("cc", "python3", "mkfifo", "dd")),
  fn: () =>
    withFixture(async (fixture) => {
      const writer = fixture.path("tls_writer");
      await runOk("cc", "-O2", "-o", writer, WRITER, "-lssl", "-lcrypto");
      const { peer, port } = await startPeer(fixture, writer);
      await using _ = peer;
      const pipe = fixture.path("pipe");
      await runOk("mkfifo", pipe);
      await using dd = new Child("dd", { args: [`if=${pipe}`, "of=/dev/null", "bs=1M"] });
      const overIp = freePort();
      const sinks = ["-", fixture.path("out.pcapng"), `pcap-over-ip:${overIp}`];
      await using agent = await Agent.startWith({
        fixture,
        capture: sinks[0],
        options: sinks.slice(1).flatMap((sink) => ["-o", sink]),
        under: ["sh", "-c", `exec "$@" > ${pipe}`, "sh"],
      });
      await using client = new Child("python3", { args: ["-c", READER, String(overIp)] });
      await client.found("stdout", /^reading$/m);
      await runOk(
        "env",
        ...Object.entries(agent.hookEnvironment).map(([name, value]) => `${name}=${value}`),
        ...[writer, "write", port, MEGABITS, SECONDS],
      );
      const summary = await agent.stop();
      const { packets } = summary.total;
      assert.ok(packets > 1000);
      assert.deepEqual(
        summary.sinks.map(({ name, written, dropped }) => [name, written, dropped]),
        sinks.map((name) => [name, packets, {}]),
      );
      const [, copied] = /^(\d+) bytes/m.exec((await dd.ended).stderr)!;
      const size = (await Deno.stat(sinks[1])).size;
      const read = Number(new TextDecoder().decode((await client.ended).stdout).split("\n")[1]);
      // The file ends in its statistics.
      assert.ok(
        Number(copied) === read && size - read > 0 && size - read < 200,
        `${copied}, ${read}, ${size}`,
      );
    }),
});
