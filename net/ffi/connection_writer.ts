// SPDX-License-Identifier: MIT
/** Writing to a TCP connection of the runtime's without waiting for a turn of its event loop. @module */
import { descriptorsOf } from "./connection_descriptors.ts";
import { DescriptorWriter } from "./descriptor_writer.ts";
import { libc } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;
const LOWEST_FD = 10;

/**
 * A writer with a descriptor of its own for the connection, which the caller closes too; undefined where it is not sure which
 * descriptor is the connection's, as where this is not Linux.
 */
export function connectionWriter(connection: Deno.TcpConn): DescriptorWriter | undefined {
  const found = descriptorsOf(connection);
  if (found.length !== 1) return undefined;
  const own = libc().fcntl(found[0], F_DUPFD_CLOEXEC, LOWEST_FD);
  return own < 0 ? undefined : new DescriptorWriter(own, "socket");
}
