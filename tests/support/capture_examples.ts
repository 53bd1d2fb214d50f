// SPDX-License-Identifier: MIT
/** Records as a hook would send them. @module */
import type { CaptureOpen } from "../../net/capture/target.ts";

export const OPEN_EXAMPLE: CaptureOpen = {
  address: {
    grade: "hello",
    localIp: Uint8Array.of(192, 0, 2, 1),
    localPort: 443,
    remoteIp: Uint8Array.of(198, 51, 100, 7),
    remotePort: 50_123,
  },
  clientRandom: "0123456789abcdef".repeat(4),
  isServer: true,
  tlsVersion: 0x0304,
  cipherSuite: 0x1301,
  alpn: "h2",
  sni: "example.org",
  pid: 4_000_000_000,
  uid: 33,
  comm: "nginx",
  offsets: [2 ** 40 + 1, 2 ** 51],
  update: true,
  inherited: false,
  late: true,
  isHelloGone: true,
};
