// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** A body: as text, JSON, image or bytes. Whatever a peer wrote is text here, and never markup. @module */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { visible } from "../../wire/printable.ts";
import type { BodyFacts } from "../messages.ts";
import { bytesText } from "./format.ts";
import { html } from "./html.ts";
import { JsonTree } from "./json_tree.ts";
import { ask, download } from "./session.ts";

/** Shown at first, and more with each click. */
const LETTERS_STEP = 64 * 1024;
const HEX_STEP = 4 * 1024;
const HEX_LINE_BYTES = 16;

interface BodyViewProps {
  readonly row: number;
  readonly side: "request" | "response";
  readonly facts: BodyFacts;
}

type Form = "Text" | "JSON" | "Image" | "Hex";

export function BodyView({ row, side, facts }: BodyViewProps): VNode {
  const [bytes, setBytes] = useState<Uint8Array<ArrayBuffer>>();
  const [trouble, setTrouble] = useState(facts.trouble);
  const [form, setForm] = useState<Form>();
  useEffect(() => {
    const asked = new AbortController();
    ask(`/api/body?row=${row}&side=${side}`, asked.signal).then(async (response) => {
      if (response.ok) setBytes(new Uint8Array(await response.arrayBuffer()));
      else setTrouble(await response.text());
    }).catch(() => asked.signal.aborted || setTrouble("no answer"));
    return () => asked.abort();
  }, []);
  if (bytes === undefined) return html`<p role="status">${trouble || "…"}</p>`;
  const json = facts.form === "text" ? jsonOf(bytes) : undefined;
  const forms: Form[] = [
    ...facts.form === "image" ? ["Image" as const] : [],
    ...json === undefined ? [] : ["JSON" as const],
    ...facts.form === "text" ? ["Text" as const] : [],
    "Hex",
  ];
  const shown = form ?? forms[0];
  return html`
    <div class="body">
      <p class="buttons" role="group" aria-label="Shown as">
        ${forms.map((name) =>
          html`<button aria-pressed=${name === shown} onClick=${() => setForm(name)}>${name}</button>`
        )}
        <button onClick=${() => download(`${side}-${row}.bin`, new Blob([bytes]))}>Save</button>
        ${trouble && html`<span class="warn">${trouble}</span>`}
      </p>
      ${shown === "Image" && html`<${Image} bytes=${bytes} type=${facts.imageType} side=${side} />`}
      ${shown === "JSON" && html`<${JsonTree} value=${json!.value} />`}
      ${shown === "Text" && html`<${Text} bytes=${bytes} />`}
      ${shown === "Hex" && html`<${Hex} bytes=${bytes} />`}
    </div>
  `;
}

function jsonOf(bytes: Uint8Array): { readonly value: unknown } | undefined {
  if (!/^\s*[[{]/.test(new TextDecoder().decode(bytes.subarray(0, 64)))) return undefined;
  try {
    return { value: JSON.parse(new TextDecoder().decode(bytes)) };
  } catch {
    return undefined;
  }
}

interface BytesProps {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function Image({ bytes, type, side }: BytesProps & { readonly type: string; readonly side: string }): VNode {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes]);
  return html`<img src=${url || undefined} alt=${`${type} of the ${side}, ${bytesText(bytes.length)}`} />`;
}

function Text({ bytes }: BytesProps): VNode {
  const [letters, setLetters] = useState(LETTERS_STEP);
  const text = new TextDecoder().decode(bytes);
  const shown = text.slice(0, letters).replaceAll("\t", "    ").split(/\r?\n/).map(visible).join("\n");
  return html`<pre tabindex="0">${shown}</pre>
    ${
    text.length > letters && html`
      <${More} left=${text.length - letters} of="letters"
        onClick=${() => setLetters(4 * letters)} />
    `
  }`;
}

function Hex({ bytes }: BytesProps): VNode {
  const [length, setLength] = useState(HEX_STEP);
  return html`<pre tabindex="0" class="hex">${hexText(bytes.subarray(0, length))}</pre>
    ${
    bytes.length > length && html`
      <${More} left=${bytes.length - length} of="bytes"
        onClick=${() => setLength(4 * length)} />
    `
  }`;
}

/** `00000000  7f 45 4c 46 …  .ELF`. */
function hexText(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_LINE_BYTES) {
    const row = [...bytes.subarray(at, at + HEX_LINE_BYTES)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${hex.padEnd(3 * HEX_LINE_BYTES - 1)}  ${letters}`);
  }
  return lines.join("\n");
}

interface MoreProps {
  readonly left: number;
  readonly of: string;
  readonly onClick: () => void;
}

function More({ left, of, onClick }: MoreProps): VNode {
  return html`<p><button onClick=${onClick}>More</button> ${
    left.toLocaleString("en")
  } ${of} are not shown</p>`;
}
