// SPDX-License-Identifier: MIT
/** Network namespaces that a test makes for itself. @module */
import { missing, run, runOk } from "./run.ts";
import { notRoot, type Reason } from "./skip.ts";

export interface Veth {
  /** Name of the end in the test's own namespace. */
  readonly near: string;
  /** Name of the other end, in {@linkcode namespace}. */
  readonly far: string;
  readonly namespace: string;
  /** For the two ends, of a network that no other test on this machine uses meanwhile. */
  readonly nearAddress: string;
  readonly farAddress: string;
}

/** Of 10.213.0.0/16, so many networks of four addresses for each process. */
const NETWORKS_EACH = 8;

let made = 0;

/** The reason to skip what needs network namespaces, when they cannot be made here. */
export function netnsMissing(): Reason {
  return notRoot("network namespaces") ?? missing("ip") ?? (noNamespaces ??= tryNamespace()).reason;
}

/** Looked at once. */
let noNamespaces: { readonly reason: Reason } | undefined;

/** A namespace is made and removed, since kernels and containers forbid it in many ways. */
function tryNamespace(): { readonly reason: Reason } {
  const name = `ssl-try-${Deno.pid}`;
  const ip = (...args: string[]) => {
    const { success, stderr } = new Deno.Command("ip", { args, stderr: "piped" }).outputSync();
    return success ? undefined : new TextDecoder().decode(stderr).trim().split("\n")[0];
  };
  const failure = ip("netns", "add", name) ?? ip("-n", name, "link", "add", "try0", "type", "veth");
  ip("netns", "del", name);
  return { reason: failure === undefined ? undefined : `network namespaces: ${failure}` };
}

/** The reason to skip what needs a TUN device, when there are none. */
export function tunMissing(): Reason {
  try {
    Deno.openSync("/dev/net/tun", { read: true, write: true }).close();
    return undefined;
  } catch {
    return "/dev/net/tun cannot be opened";
  }
}

/**
 * Makes a veth pair with its far end in a namespace of its own, both up and silent (no IPv6, so that the only packets on
 * it are the test's); removes both afterwards.
 */
export async function withVeth<T>(use: (veth: Veth) => Promise<T>, mtu = 1500): Promise<T> {
  const index = made++;
  const id = `${Deno.pid.toString(36)}x${index.toString(36)}`;
  const network = (Deno.pid * NETWORKS_EACH + index % NETWORKS_EACH) % (1 << 14);
  const address = (host: number) => `10.213.${network >> 6}.${4 * (network % 64) + host}`;
  const veth: Veth = {
    near: `sn${id}`,
    far: `sf${id}`,
    namespace: `ssl-${id}`,
    nearAddress: address(1),
    farAddress: address(2),
  };
  await runOk("ip", "netns", "add", veth.namespace);
  try {
    await inNamespace(
      veth,
      "sysctl",
      "-qw",
      "net.ipv6.conf.all.disable_ipv6=1",
      "net.ipv6.conf.default.disable_ipv6=1",
    );
    await runOk("ip", "link", "add", veth.near, "mtu", String(mtu), "type", "veth", "peer", "name", veth.far);
    await runOk("sysctl", "-qw", `net.ipv6.conf.${veth.near}.disable_ipv6=1`);
    await runOk("ip", "link", "set", veth.far, "netns", veth.namespace);
    await inNamespace(veth, "ip", "link", "set", veth.far, "mtu", String(mtu), "up");
    await runOk("ip", "link", "set", veth.near, "up");
    return await use(veth);
  } finally {
    // The namespace lives on as long as the kernel has something to send from it.
    await run("ip", ["link", "del", veth.near]);
    await runOk("ip", "netns", "del", veth.namespace);
  }
}

/** Gives both ends their addresses. */
export async function addAddresses(veth: Veth): Promise<void> {
  await runOk("ip", "addr", "add", `${veth.nearAddress}/30`, "dev", veth.near);
  await inNamespace(veth, "ip", "addr", "add", `${veth.farAddress}/30`, "dev", veth.far);
  await inNamespace(veth, "ip", "link", "set", "lo", "up");
}

/** Runs a program in the far end's namespace; answers its stdout, throws when it fails. */
export function inNamespace(veth: Veth, command: string, ...args: string[]): Promise<string> {
  return runOk("ip", "netns", "exec", veth.namespace, command, ...args);
}

/** Packets that the far end has received, and those it could not take. */
export async function received(veth: Veth): Promise<{ readonly packets: number; readonly dropped: number }> {
  const text = await inNamespace(veth, "ip", "-j", "-s", "link", "show", veth.far);
  const { rx } = JSON.parse(text)[0].stats64;
  return { packets: rx.packets, dropped: rx.dropped + rx.over_errors };
}
