// SPDX-License-Identifier: MIT
/** Short words that stand for longer ones, and those of other tools that people's hands know. @module */

/** Before `--`, behind which words belong to a program. */
const SHORT: Readonly<Record<string, string>> = {
  "-h": "--help",
  "-V": "--version",
  "-v": "--log-level=debug",
};

/** The words with the short ones spelled out. */
export function spelledOut(args: readonly string[]): string[] {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  return args.map((word, at) => at < end && Object.hasOwn(SHORT, word) ? SHORT[word] : word);
}

/** What tcpdump's, tshark's and Suricata's options are here. */
const HABITS: Readonly<Record<string, string>> = {
  "-w": "a capture is written with -o FILE",
  "-i": "an interface is chosen with -I IFACE",
  "-r": "a capture is read with sslcollector read FILE, a recording with sslcollector replay FILE",
  "-c": "a configuration file is named by SSLCOLLECTOR_CONFIG, and codecs by --codec",
};

/** What an option of another tool is called here; `undefined` where it is none that is known. */
export function habitHint(option: string): string | undefined {
  return Object.hasOwn(HABITS, option) ? HABITS[option] : undefined;
}

/** The word of `words` that differs from `given` by no more than two letters, or a third of them; the nearest first. */
export function nearest(given: string, words: readonly string[]): string | undefined {
  const most = Math.min(2, Math.floor(given.length / 3));
  const near = words.map((word) => ({ word, distance: distanceOf(given, word) }))
    .filter(({ distance }) => distance <= most)
    .sort((one, other) => one.distance - other.distance);
  return near[0]?.word;
}

/** Letters to insert, leave out, change or swap with their neighbour (optimal string alignment). */
function distanceOf(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let k = 1; k <= other.length; k++) {
      const isSame = one[i - 1] === other[k - 1];
      row[k] = Math.min(rows[i - 1][k] + 1, row[k - 1] + 1, rows[i - 1][k - 1] + (isSame ? 0 : 1));
      const isSwapped = i > 1 && k > 1 && one[i - 1] === other[k - 2] && one[i - 2] === other[k - 1];
      if (isSwapped) row[k] = Math.min(row[k], rows[i - 2][k - 2] + 1);
    }
    rows.push(row);
  }
  return rows[one.length][other.length];
}
