// SPDX-License-Identifier: MIT
/** `deno run -A tools/pictures.ts`: draws the pictures of README.md and docs/ into docs/pictures/. @module */
import { fileURLToPath } from "node:url";
import { drawing, type Picture } from "./pictures/draw.ts";

const FOLDER = fileURLToPath(new URL("../docs/pictures/", import.meta.url));

const AGENT = { title: "sslcollector", lines: ["flows, codecs, packets"], kind: "own" } as const;

/** Each deployment, by the name of its file. */
export const PICTURES: Readonly<Record<string, Picture>> = {
  "run": {
    label: "One program is started with the hook; its clear text becomes a capture",
    size: [640, 170],
    frames: [{
      title: "one command: sslcollector run -o out.pcapng -- curl …",
      at: [10, 10],
      size: [420, 150],
    }],
    boxes: [
      { title: "curl", lines: ["with the hook"], at: [30, 60], kind: "program" },
      { ...AGENT, at: [250, 60] },
      { title: "out.pcapng", lines: ["Wireshark, tshark"], at: [470, 60], kind: "place" },
    ],
    arrows: [
      { from: 0, to: 1, text: "ring" },
      { from: 1, to: 2, text: "" },
    ],
  },
  "interface": {
    label: "All programs of a host are mirrored onto an interface of that host, where an IDS listens",
    size: [860, 250],
    frames: [{ title: "host", at: [10, 10], size: [840, 230] }],
    boxes: [
      { title: "nginx", lines: ["with the hook"], at: [30, 50], kind: "program" },
      { title: "php, curl, …", lines: ["with the hook"], at: [30, 150], kind: "program" },
      { ...AGENT, at: [250, 100] },
      { title: "mirror0", lines: ["dummy or veth"], at: [470, 100], kind: "place" },
      { title: "Suricata, Zeek, …", lines: ["as on any interface"], at: [680, 100], kind: "program" },
    ],
    arrows: [
      { from: 0, to: 2, text: "ring" },
      { from: 1, to: 2, text: "ring" },
      { from: 2, to: 3, text: "frames" },
      { from: 3, to: 4, text: "" },
    ],
  },
  "collector": {
    label: "Many hosts send their packets over mutual TLS to a collector, which gives them to one IDS",
    size: [1080, 280],
    frames: [
      { title: "web1", at: [10, 10], size: [400, 120] },
      { title: "web2", at: [10, 150], size: [400, 120] },
      { title: "IDS host", at: [500, 60], size: [570, 150] },
    ],
    boxes: [
      { title: "nginx", lines: ["with the hook"], at: [30, 45], kind: "program" },
      { ...AGENT, at: [240, 45] },
      { title: "postgres", lines: ["with the hook"], at: [30, 185], kind: "program" },
      { ...AGENT, at: [240, 185] },
      { title: "sslcollector -C", lines: ["by mutual TLS 1.3"], at: [520, 110], kind: "own" },
      { title: "mirror0", lines: ["or files, PCAP-over-IP"], at: [715, 110], kind: "place" },
      { title: "Suricata, …", lines: ["of all hosts"], at: [910, 110], kind: "program" },
    ],
    arrows: [
      { from: 0, to: 1, text: "ring" },
      { from: 2, to: 3, text: "ring" },
      { from: 1, to: 4, text: "" },
      { from: 3, to: 4, text: "" },
      { from: 4, to: 5, text: "" },
      { from: 5, to: 6, text: "" },
    ],
  },
};

if (import.meta.main) {
  await Deno.mkdir(FOLDER, { recursive: true });
  for (const [name, picture] of Object.entries(PICTURES)) {
    await Deno.writeTextFile(`${FOLDER}${name}.svg`, drawing(picture));
  }
}
