// SPDX-License-Identifier: MIT
/** Interfaces of this host. @module */
import { BadSetting } from "../settings/bad_setting.ts";

/** Whether hosts are reached through it: an address that the kernel gives every interface by itself does not count. */
export function hasAddress(name: string): boolean {
  return Deno.networkInterfaces().some((entry) => entry.name === name && !/^fe80:/i.test(entry.address));
}

/** Texts of the addresses of an interface. Throws {@linkcode BadSetting} when there is no such interface. */
export function interfaceAddresses(name: string): ReadonlySet<string> {
  const all = Deno.networkInterfaces();
  const own = all.filter((entry) => entry.name === name);
  if (own.length > 0) return new Set(own.map((entry) => entry.address));
  const known = [...new Set(all.map((entry) => entry.name))].sort().join(", ");
  throw new BadSetting(
    "interfaceName",
    `there is no interface ${JSON.stringify(name)} with an address: there are any, ${known}`,
  );
}
