// SPDX-License-Identifier: MIT
/** What a body is by its own bytes: a head may say anything. @module */
import type { BodyFacts } from "./messages.ts";

/** Images that hold neither script nor links: a browser decodes them and does nothing else. */
const IMAGES: readonly (readonly [type: string, start: string, at8?: string])[] = [
  ["image/png", "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", "\xff\xd8\xff"],
  ["image/gif", "GIF87a"],
  ["image/gif", "GIF89a"],
  ["image/webp", "RIFF", "WEBP"],
];
/** Looked at to tell text from others. */
const TEXT_SAMPLE_BYTES = 4096;

/** What a body may be shown as. */
export function formOf(bytes: Uint8Array): Pick<BodyFacts, "form" | "imageType"> {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const image = IMAGES.find(([, magic, at8 = ""]) => start.startsWith(magic) && start.startsWith(at8, 8));
  if (image !== undefined) return { form: "image", imageType: image[0] };
  return { form: isText(bytes.subarray(0, TEXT_SAMPLE_BYTES)) ? "text" : "binary", imageType: "" };
}

/** Most of it is letters of UTF-8; it may be cut in the middle of one. */
function isText(bytes: Uint8Array): boolean {
  const text = new TextDecoder().decode(bytes);
  let odd = 0;
  for (const letter of text) {
    const code = letter.charCodeAt(0);
    const isControl = code < 0x20 && code !== 9 && code !== 10 && code !== 13;
    if (isControl || code === 0xfffd) odd++;
  }
  return odd <= 1 + text.length / 64;
}
