// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** The list: of any number of rows those in view are made. It follows what is new for as long as its end is in view. @module */
import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { PageRow } from "../messages.ts";
import type { Condition } from "./filter_text.ts";
import { bytesText, clockText, durationText } from "./format.ts";
import { html } from "./html.ts";
import { Value } from "./value.ts";

/** As the style sheet has it. */
const ROW_PIXELS = 24;
/** Rows above and below those in view, so that a fast turn of the wheel shows no hole. */
const ROWS_AROUND = 8;

interface RowListProps {
  readonly rows: readonly PageRow[];
  /** Rows that stood before the first, and are gone. */
  readonly dropped: number;
  /** Number of the row whose detail is shown. */
  readonly chosen: number | undefined;
  readonly onChoose: (row: PageRow) => void;
  readonly onFilter: (condition: Condition, isOpposite: boolean) => void;
}

const COLUMNS = ["Time", "Program", "Method", "Status", "Host", "Path", "Type", "Size", "Duration"];

export function RowList({ rows, dropped, chosen, onChoose, onFilter }: RowListProps): VNode {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const droppedBefore = useRef(dropped);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [active, setActive] = useState(-1);
  const look = () => {
    // Observers may speak once more when the list is gone.
    if (box.current === null) return;
    const { scrollTop: top, clientHeight: height, scrollHeight } = box.current;
    follows.current = top + height >= scrollHeight - 2 * ROW_PIXELS;
    setView({ top, height });
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const { current: element } = box;
    if (follows.current) element!.scrollTop = element!.scrollHeight;
    else element!.scrollTop -= (dropped - droppedBefore.current) * ROW_PIXELS;
    droppedBefore.current = dropped;
  }, [rows.length, dropped]);
  const goTo = (row: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, row));
    setActive(next);
    const { current: element } = box;
    const top = next * ROW_PIXELS;
    if (top < element!.scrollTop) element!.scrollTop = top;
    const bottom = element!.scrollTop + element!.clientHeight - ROW_PIXELS;
    if (top > bottom) element!.scrollTop += top - bottom;
    look();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.floor(view.height / ROW_PIXELS) - 1;
    const target = keyTarget(event.key, active, page, rows.length);
    if (target !== undefined) goTo(target);
    else if (event.key === "Enter" && rows[active] !== undefined) onChoose(rows[active]);
    else return;
    event.preventDefault();
  };
  const first = Math.max(0, Math.floor(view.top / ROW_PIXELS) - ROWS_AROUND);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_PIXELS) + ROWS_AROUND);
  const choose = (at: number) => {
    setActive(at);
    onChoose(rows[at]);
  };
  return html`
    <div class="list" role="grid" aria-label="Requests" aria-rowcount=${rows.length + 1}
      aria-colcount=${COLUMNS.length}>
      <div class="row head" role="row" aria-rowindex="1">
        ${COLUMNS.map((name) => html`<span role="columnheader">${name}</span>`)}
      </div>
      <div id="rows" class="rows" role="rowgroup" tabindex="0" ref=${box} onScroll=${look}
        onKeyDown=${onKeyDown}
        aria-label="Rows" aria-activedescendant=${active >= first && active < last
          ? `row${active}`
          : undefined}>
        <div style=${{ height: `${rows.length * ROW_PIXELS}px` }} role="presentation">
          <div style=${{ transform: `translateY(${first * ROW_PIXELS}px)` }} role="presentation">
            ${rows.slice(first, last).map((row, at) =>
              html`
                <${RowLine} key=${(first + at) % (last - first)} row=${row} at=${first + at}
                  isActive=${first + at === active} isChosen=${row.number === chosen} onChoose=${choose}
                  onFilter=${onFilter} />
              `
            )}
          </div>
        </div>
        ${rows.length === 0 && html`<p class="empty">Nothing yet.</p>`}
      </div>
    </div>
  `;
}

/** The row that a key goes to; undefined where it goes nowhere. */
function keyTarget(key: string, active: number, page: number, count: number): number | undefined {
  switch (key) {
    case "ArrowDown":
    case "j":
      return active + 1;
    case "ArrowUp":
    case "k":
      return active - 1;
    case "PageDown":
      return active + page;
    case "PageUp":
      return active - page;
    case "Home":
    case "g":
      return 0;
    case "End":
    case "G":
      return count - 1;
  }
}

interface RowLineProps extends Pick<RowListProps, "onFilter"> {
  readonly row: PageRow;
  readonly at: number;
  readonly isActive: boolean;
  readonly isChosen: boolean;
  readonly onChoose: (at: number) => void;
}

function RowLine({ row, at, isActive, isChosen, onChoose, onFilter }: RowLineProps): VNode {
  const value = (field: string, shown: string | number, text: string | number = shown) =>
    html`<${Value} field=${field} value=${shown} text=${text} onFilter=${onFilter} isInList=${true} />`;
  const isHttp = row.kind === "http";
  return html`
    <div class=${`row ${isActive ? "active" : ""} ${isChosen ? "chosen" : ""}`} id=${`row${at}`} role="row"
      aria-rowindex=${at + 2} aria-selected=${isActive} onClick=${() => onChoose(at)}>
      <span role="gridcell">${clockText(row.timeMs)}</span>
      <span role="gridcell">${value("program", row.program)}[${row.pid}]</span>
      <span role="gridcell">${isHttp ? value("method", row.method) : `${row.kind} ${row.method}`}</span>
      <span role="gridcell" class=${statusClass(row)}>${!isHttp
        ? ""
        : row.status === 0
        ? "---"
        : value("status", row.status)}</span>
      <span role="gridcell">${value("host", row.host)}</span>
      <span role="gridcell">${row.path}${row.cut && html`<em class="bad"> cut: ${row.cut}</em>`}</span>
      <span role="gridcell">${row.type && value("type", row.type)}</span>
      <span role="gridcell" class="number">${bytesText(row.size)}</span>
      <span role="gridcell" class="number">${durationText(row.ms)}</span>
    </div>
  `;
}

function statusClass({ kind, status }: PageRow): string {
  if (kind !== "http") return "";
  return status >= 500 || status === 0 ? "bad" : status >= 400 ? "warn" : "good";
}
