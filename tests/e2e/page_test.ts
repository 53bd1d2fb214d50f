// SPDX-License-Identifier: MIT
/// <reference lib="dom" />
/** The page of `--ui` in a browser: what it shows, and what it never does with what peers wrote. */
import assert from "node:assert/strict";
import type { Browser, Page as Tab } from "playwright-core";
import { Page } from "../../net/page/listen.ts";
import type { Sample, StatusMessage } from "../../net/page/messages.ts";
import type { PageSubject } from "../../net/page/server.ts";
import { browserMissing, startBrowser, WatchedTab } from "../support/browser.ts";
import { ENCODINGS } from "../support/encoded_bodies.ts";
import { forgedConnections } from "../support/forged.ts";
import { agentReport, collectorReport, SeenExchanges } from "../support/page_harness.ts";
import { scrollThrough } from "../support/scroll.ts";
import { skipIf } from "../support/skip.ts";
import { withFixture } from "./support/fixture.ts";
import { PageOfProgram } from "./support/page.ts";
import { modeMissing, startSslcollector } from "./support/sslcollector.ts";
import { filledLog, shopLog } from "../support/written_log.ts";

/** Where pictures for the documents go; none are made unless it is said. */
const PICTURES = Deno.env.get("PAGE_PICTURES");
const ROWS = 100_000;

const GET = (path: string, host = "shop.example.com") => `GET ${path} HTTP/1.1\nHost: ${host}`;
const answer = (type: string, status = "200 OK") => `HTTP/1.1 ${status}\nContent-Type: ${type}`;
/** One pixel, red. */
const PNG = Uint8Array.fromBase64(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC",
);

async function onPage(
  browser: Browser,
  subject: PageSubject,
  use: (tab: Tab, url: string) => Promise<void>,
  hostname = "127.0.0.1",
): Promise<void> {
  const page = await Page.listen({ hostname, port: 0, names: [] });
  try {
    page.begin(subject);
    const watched = await WatchedTab.open(browser, page.url);
    await use(watched.tab, page.url);
    await watched.close();
  } finally {
    await page.close();
  }
}

const rowWith = (tab: Tab, text: string) => tab.locator("#rows .row", { hasText: text });

/** Opens the detail of a row by its path; of several, the last. */
async function choose(tab: Tab, path: string): Promise<void> {
  await rowWith(tab, path).last().getByRole("gridcell").nth(5).click();
  await tab.getByRole("region", { name: "Response" }).waitFor();
}

async function listsAndFilters(browser: Browser): Promise<void> {
  const seen = new SeenExchanges();
  seen.exchange(GET("/first"), answer("text/plain"), "a");
  await onPage(browser, seen.subject(), async (tab, url) => {
    await rowWith(tab, "/first").waitFor();
    assert.doesNotMatch(tab.url(), /token/);
    seen.exchange(GET("/live"), answer("text/plain", "404 Not Found"), "no");
    seen.exchange(GET("/other", "api.example.com"), answer("text/plain", "500 Oh"), "no");
    await rowWith(tab, "/live").waitFor();
    const filter = tab.getByLabel("Filter");
    await tab.keyboard.press("/");
    await filter.fill("status >= 400");
    await filter.press("Enter");
    await rowWith(tab, "/first").waitFor({ state: "detached" });
    assert.equal(new URL(tab.url()).searchParams.get("filter"), "status >= 400");
    await rowWith(tab, "/other").getByRole("button", { name: "api.example.com" }).click();
    await rowWith(tab, "/live").waitFor({ state: "detached" });
    assert.equal(await filter.inputValue(), 'status >= 400 and host == "api.example.com"');
    await tab.goBack();
    await rowWith(tab, "/live").waitFor();
    await rowWith(tab, "/other").getByRole("button", { name: "500" }).click({ modifiers: ["Shift"] });
    await rowWith(tab, "/other").waitFor({ state: "detached" });
    await filter.fill("stat == 3");
    await filter.press("Enter");
    assert.match((await tab.getByRole("alert").textContent())!, /^stat == 3\n\^ no field stat; there are/);
    await tab.goto(`${new URL(url).origin}/?filter=${encodeURIComponent('path == "/first"')}`);
    await rowWith(tab, "/first").waitFor();
    assert.equal(await tab.locator("#rows .row").count(), 1);
  });
}

async function showsDetails(browser: Browser): Promise<void> {
  const seen = new SeenExchanges();
  seen.exchange(
    `${GET("/heads?token=s3cr3t")}\nAuthorization: Bearer s3cr3t`,
    `${answer("application/json")}\nSet-Cookie: a=s3cr3t`,
    '{"id":77,"list":[1,"<b>"]}',
  );
  await onPage(browser, seen.subject(), async (tab) => {
    await rowWith(tab, "/heads").waitFor();
    // By keys alone.
    await tab.locator("#rows").focus();
    await tab.keyboard.press("End");
    await tab.keyboard.press("Enter");
    const detail = tab.getByRole("region", { name: "Detail" });
    await detail.locator(".leaf", { hasText: "77" }).waitFor();
    const text = (await detail.textContent())!;
    for (
      const part of [
        "10.0.0.2",
        "socket",
        "example.test",
        "1:",
        "server port 80",
        "and tcp port 80",
        "GET /heads",
        '"<b>"',
      ]
    ) {
      assert.ok(text.includes(part), part);
    }
    assert.doesNotMatch(text, /s3cr3t/);
    const [archive] = await Promise.all([
      tab.waitForEvent("download"),
      detail.getByRole("button", { name: "HAR of the connection" }).click(),
    ]);
    const har = JSON.parse(await Deno.readTextFile((await archive.path())!));
    assert.equal(har.log.entries[0].request.method, "GET");
    const [capture] = await Promise.all([
      tab.waitForEvent("download"),
      detail.getByRole("button", { name: "pcapng of the connection" }).click(),
    ]);
    const [connection] = forgedConnections(await Deno.readFile((await capture.path())!));
    assert.match(new TextDecoder().decode(connection.streams[0]), /^GET \/heads/);
    await tab.keyboard.press("Escape");
    await detail.waitFor({ state: "detached" });
    assert.equal(await tab.evaluate(() => document.activeElement?.id), "rows");
  });
}

/** An archive that the page gave, in place of a network. */
async function answersFromArchive(browser: Browser): Promise<void> {
  const seen = new SeenExchanges();
  const [coding, encode] = ENCODINGS.gzip;
  const text = '{"id":77,"name":"日本"}';
  const encoded = `${answer("application/json", "201 Created")}\nContent-Encoding: ${coding}`;
  seen.exchange(GET("/shop"), answer("text/html"), "<title>A shop</title><img src=/picture>");
  seen.exchange(GET("/item?id=77"), encoded, encode(new TextEncoder().encode(text)));
  seen.exchange(GET("/picture"), answer("image/png"), PNG);
  await withFixture((fixture) =>
    onPage(browser, seen.subject(), async (tab) => {
      await rowWith(tab, "/shop").waitFor();
      await choose(tab, "/shop");
      const [archive] = await Promise.all([
        tab.waitForEvent("download"),
        tab.getByRole("button", { name: "HAR of the connection" }).click(),
      ]);
      const path = fixture.path("connection.har");
      await archive.saveAs(path);
      const context = await browser.newContext();
      try {
        await context.routeFromHAR(path, { notFound: "abort" });
        const replayed = await context.newPage();
        await replayed.goto("https://shop.example.com/shop");
        assert.equal(await replayed.title(), "A shop");
        await replayed.waitForFunction(() => document.querySelector("img")?.naturalWidth === 1);
        const item = await replayed.evaluate(async () => {
          const response = await fetch("/item?id=77");
          return [response.status, await response.text()];
        });
        assert.deepEqual(item, [201, text]);
      } finally {
        await context.close();
      }
    })
  );
}

async function showsBodies(browser: Browser): Promise<void> {
  const seen = new SeenExchanges();
  const text = "A body that is encoded, and read. ".repeat(9);
  for (const coding of ["gzip", "deflate", "br", "zstd"]) {
    const [name, encode] = ENCODINGS[coding];
    const body = encode(new TextEncoder().encode(text + coding));
    seen.exchange(GET(`/${coding}`), `${answer("text/plain")}\nContent-Encoding: ${name}`, body);
  }
  seen.exchange(GET("/picture"), answer("text/html"), PNG);
  seen.exchange(GET("/bytes"), answer("image/png"), Uint8Array.of(0, 1, 2, 0xfe, 0xff));
  await onPage(browser, seen.subject(), async (tab) => {
    for (const coding of ["gzip", "deflate", "br", "zstd"]) {
      await choose(tab, `/${coding}`);
      await tab.locator(".body pre", { hasText: text + coding }).waitFor();
    }
    await choose(tab, "/picture");
    const image = tab.locator(".body img");
    await image.waitFor();
    await tab.waitForFunction(() =>
      document.querySelector<HTMLImageElement>(".body img")?.naturalWidth === 1
    );
    await tab.getByRole("button", { name: "Hex" }).click();
    await tab.locator(".body pre", { hasText: "00000000  89 50 4e 47" }).waitFor();
    await choose(tab, "/bytes");
    await tab.locator(".body pre", { hasText: "00 01 02 fe ff" }).waitFor();
  });
}

async function keepsHostileTextText(browser: Browser): Promise<void> {
  const script = "<script>globalThis.owned = 1; alert(1)</script>";
  const image = '<img src="https://evil.example/x" onerror="globalThis.owned = 2">';
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" onload="globalThis.owned = 3"><script>alert(3)</script></svg>';
  const seen = new SeenExchanges();
  seen.exchange(
    `GET /${image.replaceAll(" ", "%20")} HTTP/1.1\nHost: ${script}\nX-Escape: \x1b[31m\u202egnp`,
    `${answer("text/html")}\nX-Script: ${script}`,
    script + image,
  );
  seen.exchange(GET("/svg"), answer("image/svg+xml"), svg);
  seen.exchange(
    GET("/json"),
    answer("application/json"),
    JSON.stringify({ [script]: [image, { __proto__: 1 }] }),
  );
  await onPage(browser, seen.subject(), async (tab) => {
    await rowWith(tab, "/svg").waitFor();
    await choose(tab, "%20");
    await tab.locator(".body pre", { hasText: script + image }).waitFor();
    const fields = (await tab.getByRole("table", { name: "Fields of the request" }).textContent())!;
    assert.match(fields, /X-Escape·\[31m·gnp/);
    assert.ok(fields.includes(script));
    await choose(tab, "/svg");
    await tab.locator(".body pre", { hasText: svg }).waitFor();
    await choose(tab, "/json");
    await tab.locator(".body .leaf", { hasText: "evil.example" }).waitFor();
    assert.equal(await tab.evaluate(() => "owned" in globalThis), false);
    assert.equal(await tab.locator("script, iframe, object, embed, .body svg, .body img").count(), 1);
  });
}

async function scrolls(browser: Browser): Promise<void> {
  await onPage(browser, filledLog(ROWS), async (tab) => {
    const grid = tab.getByRole("grid");
    await tab.locator(`[role=grid][aria-rowcount="${ROWS + 1}"]`).waitFor();
    await rowWith(tab, `/item/${ROWS - 1}`).waitFor();
    const list = tab.locator("#rows");
    await list.focus();
    await tab.keyboard.press("Home");
    await grid.locator("[aria-rowindex='2']", { hasText: "/item/0" }).waitFor();
    await list.evaluate(scrollThrough);
    await rowWith(tab, `/item/${ROWS - 1}`).waitFor();
    assert.ok(await tab.locator("#rows .row").count() < 100);
  });
}

async function showsStatus(browser: Browser): Promise<void> {
  const report = () =>
    agentReport({ flows: { open: 1, soFar: 1204, claimed: 3 }, events: { "address-denied": 1 } });
  await onPage(browser, { ...new SeenExchanges().subject(), report }, async (tab) => {
    await tab.getByRole("button", { name: "Status" }).click();
    await tab.getByText("1 open, 1,204 so far, 2 over before the kernel was asked, 1 address-denied")
      .waitFor();
    await tab.getByRole("heading", { name: "Agent healthy" }).waitFor();
    await tab.getByRole("img", { name: /^Captured over the last hour: now / }).waitFor();
    await tab.getByRole("table", { name: "Sinks" }).waitFor();
    await tab.getByRole("button", { name: /^Colours/ }).click();
    const scheme = () => getComputedStyle(document.documentElement).colorScheme;
    assert.equal(await tab.evaluate(scheme), "dark");
  });
  await onPage(browser, { report: collectorReport, bodyBytes: 0, version: "1" }, async (tab) => {
    const agents = tab.getByRole("table", { name: "Agents" });
    await agents.getByRole("row", { name: /^web1 10\.0\.0\.11 connected/ }).waitFor();
    assert.equal(await tab.getByRole("button", { name: "Requests" }).count(), 0);
  });
}

/** Pictures of the page, and whether all of it is there where they are taken. */
async function isPictured(browser: Browser): Promise<void> {
  await onPage(browser, shopLog(), async (tab) => {
    await tab.setViewportSize({ width: 940, height: 380 });
    await tab.route("**/api/status", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: withHour(await response.json()) });
    });
    await rowWith(tab, "/v1/orders").first().waitFor();
    await picture(tab, "page-requests");
    await choose(tab, "/v1/orders");
    await tab.locator(".body .leaf", { hasText: "created" }).waitFor();
    await picture(tab, "page-detail");
    await tab.emulateMedia({ colorScheme: "dark" });
    await tab.getByRole("button", { name: "Status" }).click();
    await tab.getByRole("img", { name: /^Captured over the last hour: now [1-9]/ }).waitFor();
    await picture(tab, "page-status");
  });
}

async function picture(tab: Tab, name: string): Promise<void> {
  if (PICTURES !== undefined) await tab.screenshot({ path: `${PICTURES}/${name}.png` });
}

/** As if it had been looked at for an hour. */
function withHour(status: StatusMessage): StatusMessage {
  const samples: Sample[] = [];
  let [bytes, packets, lost] = [0, 0, 0];
  for (let at = 0; at <= 360; at++) {
    const rate = 30 + 20 * Math.sin(at / 40) + 9 * Math.sin(at / 3) + (at % 97 === 0 ? 40 : 0);
    bytes += rate * 2 ** 20;
    packets += rate * 900;
    lost += at === 140 || at === 141 ? 1.05 * 2 ** 20 : 0;
    samples.push({ timeMs: status.report!.nowMs - (360 - at) * 10_000, bytes, packets, lost });
  }
  return { ...status, samples };
}

async function answersOverIpv6(browser: Browser): Promise<void> {
  const seen = new SeenExchanges();
  seen.exchange(GET("/six"), answer("text/plain"), "a");
  await onPage(browser, seen.subject(), async (tab, url) => {
    assert.match(url, /^http:\/\/\[::1\]:/);
    await rowWith(tab, "/six").waitFor();
    await tab.evaluate(() => sessionStorage.clear());
    await tab.reload();
    await tab.getByRole("alert").getByText("has no token").waitFor();
  }, "::1");
}

Deno.test({
  name: "page: the binary has it, and a collector serves it",
  ...skipIf(modeMissing("binary")),
  fn: () =>
    withFixture(async (fixture) => {
      const options = [
        "-L",
        "127.0.0.1:0",
        "--insecure-plaintext",
        "--state",
        fixture.path("state"),
        "--ui",
        "0",
      ];
      const places = ["--runtime-dir", fixture.path("runtime"), "-o", fixture.path("out.pcapng")];
      await using collector = await startSslcollector("binary", fixture, ["-C", ...options, ...places]);
      const page = await PageOfProgram.of(collector);
      assert.match(await page.text("/page.js"), /api\/rows/);
      assert.match(await page.text("/page.css"), /color-scheme/);
      const { report, hasRows } = await page.status();
      assert.deepEqual([report?.role, hasRows], ["collector", false]);
    }),
});

Deno.test({
  name:
    "page in Chromium: lists, filters, details, bodies, status; hostile text stays text, and the policy is kept",
  ...skipIf(browserMissing()),
  fn: async (test) => {
    const browser = await startBrowser();
    try {
      const steps = {
        "rows come live, and a filter in the address chooses them": listsAndFilters,
        "a detail has heads, times and connection, and no secrets": showsDetails,
        "an archive of it answers in place of the network": answersFromArchive,
        "bodies are shown without their codings, as text, image and hex": showsBodies,
        "what peers wrote runs nowhere": keepsHostileTextText,
        "100,000 rows scroll, and those in view are made": scrolls,
        "the status has charts and tables, of a collector its agents": showsStatus,
        "a shop's requests, and an hour of rates": isPictured,
        "over IPv6, and not without the token": answersOverIpv6,
      };
      for (const [name, step] of Object.entries(steps)) await test.step(name, () => step(browser));
    } finally {
      await browser.close();
    }
  },
});
