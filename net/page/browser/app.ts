// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** The page's frame: which view is shown, the filter, the list and what is chosen of it. @module */
import type { VNode } from "preact";
import { useEffect, useMemo, useReducer, useState } from "preact/hooks";
import type { PageRow, StatusMessage } from "../messages.ts";
import { DetailPane } from "./detail_pane.ts";
import { FilterBar } from "./filter_bar.ts";
import { type Condition, withCondition } from "./filter_text.ts";
import { countText } from "./format.ts";
import { html } from "./html.ts";
import { KeyHelp } from "./key_help.ts";
import { RowList } from "./row_list.ts";
import { RowStore } from "./row_store.ts";
import { ask, goTo, type Place, place } from "./session.ts";
import { StatusView } from "./status_view.ts";
import { ThemeButton } from "./theme_button.ts";

export function App(): VNode {
  const [shown, setShown] = useState<Place>(place());
  const [isHelping, setHelping] = useState(false);
  const [about, setAbout] = useState<StatusMessage>();
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    const look = async () => {
      const response = await ask("/api/status");
      setTrouble(response.ok ? "" : response.status === 401 ? NO_TOKEN : await response.text());
      if (response.ok) setAbout(await response.json());
      else if (response.status === STARTING) setTimeout(look, ASK_AGAIN_MS);
    };
    look().catch(() => setTrouble("No answer."));
  }, []);
  useEffect(() => {
    const follow = () => setShown(place());
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "?") setHelping(true);
      else if (event.key === "/") document.getElementById("filter")?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const tab = (view: Place["view"], name: string) =>
    html`
      <button class="tab" aria-current=${shown.view === view ? "page" : undefined}
        onClick=${() => goTo({ ...shown, view })}>${name}</button>
    `;
  const hasRows = about?.hasRows ?? false;
  const hasStatus = about?.report !== undefined;
  const view = !hasRows ? "status" : !hasStatus ? "requests" : shown.view;
  return html`
    <header>
      <h1>sslcollector</h1>
      ${hasRows && hasStatus &&
        html`<nav aria-label="Views">${tab("requests", "Requests")}${tab("status", "Status")}</nav>`}
      <span class="grow"></span>
      <${ThemeButton} />
      <button onClick=${() => setHelping(true)} aria-label="Keys">?</button>
    </header>
    <main>
      ${trouble && html`<p class="trouble" role="alert">${trouble}</p>`}
      ${about && (view === "status" ? html`<${StatusView} />` : html`<${Requests} filter=${shown.filter} />`)}
    </main>
    <${KeyHelp} isOpen=${isHelping} onClose=${() => setHelping(false)} />
  `;
}

/** There is nothing to be shown yet. */
const STARTING = 503;
const ASK_AGAIN_MS = 500;
const NO_TOKEN =
  "This address has no token, or that of an earlier start: open the one that was told when the agent or collector began.";

const isTyping = ({ target }: KeyboardEvent): boolean =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;

function Requests({ filter }: { readonly filter: string }): VNode {
  const store = useMemo(() => new RowStore(), []);
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const [chosen, choose] = useState<PageRow>();
  useEffect(() => {
    store.changed = () => redraw(undefined as never);
    store.open(filter);
    return () => store.close();
  }, [filter]);
  const onFilter = (condition: Condition, isOpposite: boolean) =>
    goTo({ view: "requests", filter: withCondition(filter, condition, isOpposite) });
  const close = () => {
    choose(undefined);
    document.getElementById("rows")?.focus();
  };
  return html`
    <${FilterBar} filter=${filter} mistake=${store.mistake} />
    <p class="counts"><span role="status">${STATES[store.state]}${store.trouble &&
      ` ${store.trouble}`}</span>${" "}
      ${countText(store.rows.length)} rows${note(store)}${store.skipped > 0 &&
        html`<button onClick=${() => store.open(filter)}>List all</button>`}</p>
    <div class=${`requests ${chosen === undefined ? "" : "split"}`}>
      <${RowList} rows=${store.rows} dropped=${store.dropped} chosen=${chosen?.number}
        onChoose=${choose} onFilter=${onFilter} />
      ${chosen &&
        html`<${DetailPane} key=${chosen.number} row=${chosen} onFilter=${onFilter} onClose=${close} />`}
    </div>
  `;
}

const STATES: Readonly<Record<RowStore["state"], string>> = {
  connecting: "Connecting …",
  live: "Live.",
  lost: "No answer: asking again.",
  refused: "Refused:",
  mistaken: "The filter cannot be read.",
};

function note({ dropped, missed, skipped }: RowStore): string {
  return [
    ...dropped === 0 ? [] : [`, ${countText(dropped)} older ones are not kept here`],
    ...missed === 0 ? [] : [`, ${countText(missed)} had left the exchange log before`],
    ...skipped === 0 ? [] : [`, ${countText(skipped)} are left out, since more than 500 a second came: `],
  ].join("");
}
