// SPDX-License-Identifier: MIT
/** Boxes, frames around them and arrows between them, as SVG. @module */

/** Pixels: from the left and from the top, or width and height. */
export type Pair = readonly [number, number];

export interface Box {
  readonly title: string;
  readonly lines: readonly string[];
  readonly at: Pair;
  /** A program of somebody's, this project's own, or where packets lie. */
  readonly kind: "program" | "own" | "place";
}

export interface Picture {
  /** For those who do not see it. */
  readonly label: string;
  readonly size: Pair;
  /** Hosts, or whatever holds boxes together. */
  readonly frames: readonly { readonly title: string; readonly at: Pair; readonly size: Pair }[];
  readonly boxes: readonly Box[];
  /** Between boxes, by their place in the list, from right sides to left ones. */
  readonly arrows: readonly { readonly from: number; readonly to: number; readonly text: string }[];
}

const BOX: Pair = [150, 60];
const ARROW_HEAD = 8;
/** Readable on light and on dark pages. */
const STYLE = `
  text { font: 13px sans-serif; fill: #1f2328; text-anchor: middle }
  .title { font-weight: 600 }
  .small { font-size: 11px }
  .frame { fill: none; stroke: #8c959f; stroke-dasharray: 5 4 }
  .frame-title { text-anchor: start; font-size: 12px }
  .program { fill: #ddf4ff; stroke: #0969da }
  .own { fill: #dafbe1; stroke: #1a7f37 }
  .place { fill: #fff8c5; stroke: #9a6700 }
  .arrow { stroke: #57606a; stroke-width: 1.5; fill: none }
  .head { fill: #57606a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .program { fill: #0c2d6b } .own { fill: #0f5323 } .place { fill: #4b2900 }
    .arrow { stroke: #9198a1 } .head { fill: #9198a1 }
  }
`;

/** The picture as the text of a file. */
export function drawing({ label, size: [width, height], frames, boxes, arrows }: Picture): string {
  const parts = [
    ...frames.map(({ title, at: [x, y], size: [w, h] }) =>
      `${rectangle("frame", [x, y], [w, h])}\n${text("frame-title", title, [x + 12, y + 20])}`
    ),
    ...arrows.map(({ from, to, text }) => arrow(boxes[from], boxes[to], text)),
    ...boxes.map(box),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `role="img" aria-label="${escaped(label)}">\n<style>${STYLE}</style>\n${parts.join("\n")}\n</svg>\n`;
}

function box({ title, lines, at: [x, y], kind }: Box): string {
  const middle = x + BOX[0] / 2;
  return [
    rectangle(kind, [x, y], BOX),
    text("title", title, [middle, y + 26]),
    ...lines.map((line, at) => text("small", line, [middle, y + 44 + 14 * at])),
  ].join("\n");
}

function arrow(from: Box, to: Box, label: string): string {
  const [x1, y1] = [from.at[0] + BOX[0], from.at[1] + BOX[1] / 2];
  const [x2, y2] = [to.at[0], to.at[1] + BOX[1] / 2];
  const middle = (x1 + x2) / 2;
  // Horizontal at both ends.
  const path = `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2 - ARROW_HEAD} ${y2}`;
  const head = `M${x2} ${y2} l${-ARROW_HEAD} ${-ARROW_HEAD / 2} v${ARROW_HEAD} Z`;
  const parts = [`<path class="arrow" d="${path}"/>`, `<path class="head" d="${head}"/>`];
  if (label !== "") parts.push(text("small", label, [middle, (y1 + y2) / 2 - 8]));
  return parts.join("\n");
}

function rectangle(kind: string, [x, y]: Pair, [width, height]: Pair): string {
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>`;
}

function text(kind: string, content: string, [x, y]: Pair): string {
  return `<text class="${kind}" x="${x}" y="${y}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
