// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** The page's address and its token, and questions to the server. @module */

const KEY = "sslcollector token";

/** Taken out of the address, which then can be shown to others, and kept as long as the tab. */
function takeToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

const token = takeToken();

/** The server's answer, whatever its status; rejects when there is none. */
export function ask(path: string, signal?: AbortSignal): Promise<Response> {
  return fetch(path, { headers: { authorization: `Bearer ${token}` }, signal, cache: "no-store" });
}

/** What is shown; the address has it, so that it can be kept and gone back to. */
export interface Place {
  readonly view: "requests" | "status";
  readonly filter: string;
}

export function place(): Place {
  const parameters = new URLSearchParams(location.search);
  return {
    view: parameters.get("view") === "status" ? "status" : "requests",
    filter: parameters.get("filter") ?? "",
  };
}

export function goTo({ view, filter }: Place): void {
  const parameters = new URLSearchParams();
  if (view !== "requests") parameters.set("view", view);
  if (filter !== "") parameters.set("filter", filter);
  const query = parameters.toString();
  history.pushState(null, "", `/${query === "" ? "" : `?${query}`}`);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** Has the browser keep bytes as a file. */
export function download(name: string, bytes: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(bytes);
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
