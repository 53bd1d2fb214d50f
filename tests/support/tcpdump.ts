// SPDX-License-Identifier: MIT
/** What arrives at the far end of a veth. @module */
import type { Veth } from "./netns.ts";

/** Starts tcpdump there with these options, into `path`; it captures when this is done. */
export async function startTcpdump(
  { namespace, far }: Veth,
  path: string,
  ...options: readonly string[]
): Promise<Deno.ChildProcess> {
  const child = new Deno.Command("ip", {
    args: ["netns", "exec", namespace, "tcpdump", "-i", far, ...options, "-w", path],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  for (let said = ""; !said.includes("listening on");) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`tcpdump ended: ${said}`);
    said += value;
  }
  void (async () => {
    while (!(await reader.read()).done);
  })();
  return child;
}
