// SPDX-License-Identifier: MIT
/** An HTTPS server that answers who asks, in a namespace of a test. @module */
import { Child } from "./child.ts";
import type { Fixture } from "./fixture.ts";
import type { Networks } from "./networks.ts";
import { PROGRAMS } from "./python.ts";

/** On port 8443 of every address of the namespace; the answer is `address:port` of the client as the server sees it. */
export async function serveAddresses(
  networks: Networks,
  name: string,
  { certificate, key }: Fixture,
): Promise<Child> {
  const command = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    `${PROGRAMS}/echo_address.ts`,
    certificate,
    key,
  ];
  const server = new Child("ip", { args: networks.command(name, ...command) });
  await server.found("stdout", /ready/);
  return server;
}
