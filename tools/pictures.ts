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
  "cloud": {
    label:
      "Virtual machines of a cloud send their packets to a collector in the same network, which feeds an IDS",
    size: [1080, 280],
    frames: [
      { title: "network of the cloud", at: [10, 10], size: [1060, 260] },
      { title: "virtual machines", at: [30, 40], size: [390, 210] },
      { title: "IDS machine", at: [490, 40], size: [560, 210] },
    ],
    boxes: [
      { title: "web1", lines: ["programs with the hook"], at: [45, 75], kind: "program" },
      { ...AGENT, at: [250, 75] },
      { title: "web2", lines: ["programs with the hook"], at: [45, 170], kind: "program" },
      { ...AGENT, at: [250, 170] },
      { title: "sslcollector -C", lines: ["10.0.0.5:3005"], at: [510, 120], kind: "own" },
      { title: "mirror0", lines: ["dummy or veth"], at: [700, 120], kind: "place" },
      { title: "Suricata, Zeek, …", lines: ["of all machines"], at: [890, 120], kind: "program" },
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
  "premises": {
    label:
      "Hosts of a cloud send their packets over the internet to a collector on premises, which puts them onto a wire to the IDS appliance",
    size: [1080, 170],
    frames: [
      { title: "cloud", at: [10, 10], size: [400, 150] },
      { title: "premises", at: [520, 10], size: [550, 150] },
    ],
    boxes: [
      { title: "web1, web2, …", lines: ["programs with the hook"], at: [30, 60], kind: "program" },
      { ...AGENT, at: [240, 60] },
      { title: "sslcollector -C", lines: ["port 3005"], at: [540, 60], kind: "own" },
      { title: "eth1", lines: ["a card of its own"], at: [720, 60], kind: "place" },
      { title: "IDS appliance", lines: ["monitoring port"], at: [905, 60], kind: "program" },
    ],
    arrows: [
      { from: 0, to: 1, text: "ring" },
      { from: 1, to: 2, text: "mutual TLS" },
      { from: 2, to: 3, text: "" },
      { from: 3, to: 4, text: "" },
    ],
  },
  "appliance": {
    label:
      "Agents of many networks send to one machine, which writes to an interface, to files and to whoever connects",
    size: [1080, 310],
    frames: [
      { title: "agents", at: [10, 10], size: [190, 290] },
      { title: "appliance", at: [300, 10], size: [450, 290] },
    ],
    boxes: [
      { title: "data centre", lines: ["agents"], at: [30, 40], kind: "own" },
      { title: "cloud", lines: ["agents"], at: [30, 130], kind: "own" },
      { title: "Kubernetes", lines: ["a DaemonSet"], at: [30, 220], kind: "own" },
      { title: "sslcollector -C", lines: ["port 3005"], at: [320, 130], kind: "own" },
      { title: "mirror0", lines: ["an interface"], at: [580, 40], kind: "place" },
      { title: "all.pcapng", lines: ["rotated"], at: [580, 130], kind: "place" },
      { title: "port 57012", lines: ["PCAP-over-IP"], at: [580, 220], kind: "place" },
      { title: "Suricata, Zeek", lines: ["live"], at: [900, 40], kind: "program" },
      { title: "Arkime, Malcolm", lines: ["later"], at: [900, 130], kind: "program" },
      { title: "Wireshark", lines: ["when somebody looks"], at: [900, 220], kind: "program" },
    ],
    arrows: [
      { from: 0, to: 3, text: "" },
      { from: 1, to: 3, text: "" },
      { from: 2, to: 3, text: "" },
      { from: 3, to: 4, text: "" },
      { from: 3, to: 5, text: "" },
      { from: 3, to: 6, text: "" },
      { from: 4, to: 7, text: "" },
      { from: 5, to: 8, text: "" },
      { from: 6, to: 9, text: "" },
    ],
  },
  "beside": {
    label: "An IDS listens to a mirror port, with what is encrypted, and to the clear text of the same hosts",
    size: [860, 250],
    frames: [{ title: "IDS host", at: [225, 10], size: [625, 230] }],
    boxes: [
      { title: "switch", lines: ["mirror port, tap"], at: [20, 50], kind: "program" },
      { title: "agents", lines: ["of the same hosts"], at: [20, 150], kind: "own" },
      { title: "sslcollector -C", lines: ["mutual TLS"], at: [245, 150], kind: "own" },
      { title: "eth1", lines: ["encrypted"], at: [470, 50], kind: "place" },
      { title: "mirror0", lines: ["clear"], at: [470, 150], kind: "place" },
      { title: "Suricata, Zeek", lines: ["on both"], at: [680, 100], kind: "program" },
    ],
    arrows: [
      { from: 0, to: 3, text: "" },
      { from: 1, to: 2, text: "" },
      { from: 2, to: 4, text: "" },
      { from: 3, to: 5, text: "" },
      { from: 4, to: 5, text: "" },
    ],
  },
};

if (import.meta.main) {
  await Deno.mkdir(FOLDER, { recursive: true });
  for (const [name, picture] of Object.entries(PICTURES)) {
    await Deno.writeTextFile(`${FOLDER}${name}.svg`, drawing(picture));
  }
}
