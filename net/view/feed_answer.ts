// SPDX-License-Identifier: MIT
/**
 * The feed over HTTP, for whoever may ask at all:
 *
 *     GET /exchanges?filter=EXPRESSION&from=now|log&rows=NUMBER     lines as they come, see feed_lines.ts
 *     GET /exchanges/NUMBER                                         one row with heads and bodies, while somebody follows
 *     GET /flows?filter=EXPRESSION&rows=NUMBER                      sessions that are open, see flow_lines.ts
 *
 * @module
 */
import { BadFilter } from "../filter/expression.ts";
import { type ExchangeFeed, type FeedQuery, ROWS_DEFAULT, ROWS_MAX } from "./feed.ts";
import { parseFilterFor } from "./filter.ts";

/** Undefined for what is asked of others. */
export function answerFeed(feed: ExchangeFeed, { pathname, searchParams }: URL): Response | undefined {
  const number = pathname.match(/^\/exchanges\/(\d{1,15})$/)?.[1];
  if (number !== undefined) return answerDetail(feed, Number(number));
  if (pathname !== "/exchanges" && pathname !== "/flows") return undefined;
  try {
    const query = queryOf(searchParams, feed);
    return pathname === "/flows"
      ? Response.json(feed.flows(query.filter, query.rows), { headers: NOT_KEPT })
      : follow(feed, query);
  } catch (error) {
    if (error instanceof BadFilter) return mistake(`${error.message}\n${error.caret}`, 400);
    if (error instanceof RangeError) return mistake(error.message, 400);
    throw error;
  }
}

/** Clear text is in no cache; lines are compressed nowhere, since each is to arrive when it is sent. */
const NOT_KEPT = { "cache-control": "no-store, no-transform" };

function answerDetail(feed: ExchangeFeed, number: number): Response {
  const detail = feed.detail(number);
  return detail === undefined
    ? mistake(
      feed.isFollowed ? "it is not in the log any more" : "nobody follows: follow /exchanges meanwhile",
      404,
    )
    : Response.json(detail, { headers: NOT_KEPT });
}

function follow(feed: ExchangeFeed, query: FeedQuery): Response {
  const stream = feed.follow(query);
  if (stream === undefined) return mistake("too many look already", 503);
  return new Response(stream, { headers: { ...NOT_KEPT, "content-type": "application/x-ndjson" } });
}

/** Throws a `RangeError` of one line, or a `BadFilter`. */
function queryOf(parameters: URLSearchParams, feed: ExchangeFeed): FeedQuery {
  const filter = parameters.get("filter") ?? "";
  const from = parameters.get("from") ?? "now";
  const rows = Number(parameters.get("rows") ?? ROWS_DEFAULT);
  if (from !== "now" && from !== "log") throw new RangeError("from is now or log");
  if (!Number.isInteger(rows) || rows < 1 || rows > ROWS_MAX) {
    throw new RangeError(`rows is 1 to ${ROWS_MAX}`);
  }
  return { from, rows, ...filter === "" ? {} : { filter: parseFilterFor(filter, feed) } };
}

function mistake(text: string, status: number): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
