// SPDX-License-Identifier: MIT
/** An HTTPS server that answers who asks: `echo_address.ts CERTIFICATE KEY`, on port 8443 of every address. */
const [certificate, key] = Deno.args;
const address = ({ hostname, port }: Deno.NetAddr) =>
  hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;

Deno.serve({
  hostname: "::",
  port: 8443,
  cert: Deno.readTextFileSync(certificate),
  key: Deno.readTextFileSync(key),
  onListen: () => console.log("ready"),
}, (_request, { remoteAddr }) => {
  const { hostname, port, transport } = remoteAddr as Deno.NetAddr;
  // An IPv4 client of a socket for both families.
  return new Response(address({ hostname: hostname.replace(/^::ffff:/, ""), port, transport }));
});
