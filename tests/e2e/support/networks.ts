// SPDX-License-Identifier: MIT
/** Namespaces and the links between them, as a test lays them. @module */
import { run, runOk } from "../../support/run.ts";

let made = 0;

/** Namespaces that go with the test. */
export class Networks implements AsyncDisposable {
  readonly #prefix = `sl${Deno.pid.toString(36)}${(made++).toString(36)}`;
  readonly #namespaces: string[] = [];

  /** The system's name for the namespace that the test calls `name`. */
  of(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  /** Namespaces with nothing but a loopback interface. */
  async add(...names: string[]): Promise<void> {
    for (const name of names) {
      await runOk("ip", "netns", "add", this.of(name));
      this.#namespaces.push(this.of(name));
      await this.in(name, "ip", "link", "set", "lo", "up");
    }
  }

  /** Runs a program in a namespace; answers its stdout. */
  in(name: string, ...command: string[]): Promise<string> {
    return runOk("ip", ...this.command(name, ...command));
  }

  /** Arguments of `ip` to run a program in a namespace. */
  command(name: string, ...command: string[]): string[] {
    return ["netns", "exec", this.of(name), ...command];
  }

  /** A cable: `[namespace, interface, address with prefix length ...]` for each end; duplicate address detection is left out. */
  async link(
    [near, nearName, ...nearAddresses]: readonly string[],
    [far, farName, ...farAddresses]: readonly string[],
  ): Promise<void> {
    await this.in(
      near,
      ..."ip link add".split(" "),
      nearName,
      "type",
      "veth",
      "peer",
      "name",
      farName,
      "netns",
      this.of(far),
    );
    await this.up(near, nearName, ...nearAddresses);
    await this.up(far, farName, ...farAddresses);
  }

  /** Gives an interface its addresses and sets it to work. */
  async up(name: string, device: string, ...addresses: string[]): Promise<void> {
    for (const address of addresses) {
      const ipv6 = address.includes(":") ? ["nodad"] : [];
      await this.in(name, "ip", "addr", "add", address, "dev", device, ...ipv6);
    }
    await this.in(name, "ip", "link", "set", device, "up");
  }

  /** Lets a namespace route, and hide who asks behind the address of `device`; `how` is nft's, as `fully-random` for other ports. */
  async masquerade(name: string, device: string, ...how: string[]): Promise<void> {
    await this.in(name, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    await this.in(name, "nft", "add", "table", "ip", "nat");
    await this.in(name, "nft", "add chain ip nat post { type nat hook postrouting priority 100 ; }");
    await this.in(name, "nft", "add", "rule", "ip", "nat", "post", "oifname", device, "masquerade", ...how);
  }

  /** MAC address of an interface. */
  async mac(name: string, device: string): Promise<string> {
    return JSON.parse(await this.in(name, "ip", "-j", "link", "show", device))[0].address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#namespaces) await run("ip", ["netns", "del", name]);
  }
}
