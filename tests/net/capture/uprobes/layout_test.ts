// SPDX-License-Identifier: MIT
import * as layout from "../../../../net/capture/uprobes/layout.ts";
import { checkAgainstHeader, layoutExpressions } from "../../../support/c_layout.ts";

Deno.test("offsets, sizes and constants of the probes are those of probes/record.h", async () => {
  const { KIND, WAY, FLAG, FUNCTION } = layout;
  await checkAgainstHeader("hook/probes/record.h", [
    ...layoutExpressions({
      probe_head: layout.HEAD,
      probe_ends: layout.ENDS,
      probe_open: layout.OPEN,
      probe_close: layout.CLOSE,
      probe_books: layout.BOOKS,
      probe_library: layout.LIBRARY,
      probe_hello: layout.HELLO,
      probe_answer: layout.ANSWER,
      probe_session_key: layout.SESSION_KEY,
      probe_go_key: layout.GO_KEY,
      probe_session: layout.SESSION,
      probe_ending: layout.ENDING,
    }),
    ["PROBE_OPEN", KIND.open],
    ["PROBE_ADDRESS", KIND.address],
    ["PROBE_DATA", KIND.data],
    ["PROBE_CLOSE", KIND.close],
    ["PROBE_EXEC", KIND.exec],
    ["PROBE_SENT", WAY.sent],
    ["PROBE_RECEIVED", WAY.received],
    ["PROBE_SERVER", FLAG.server],
    ["PROBE_ROLE_UNKNOWN", FLAG.roleUnknown],
    ["PROBE_LATE", FLAG.late],
    ["PROBE_INHERITED", FLAG.inherited],
    ["PROBE_ORDERLY", FLAG.orderly],
    ["PROBE_RANDOM_KNOWN", FLAG.randomKnown],
    ["PROBE_BY_HELLO", FLAG.byHello],
    ["PROBE_CALL", FUNCTION.call],
    ["PROBE_MADE", FUNCTION.made],
    ["PROBE_SHARED", FUNCTION.shared],
    ["PROBE_CLOSING", FUNCTION.closing],
    ["PROBE_FREED", FUNCTION.freed],
    ["PROBE_CLEARED", FUNCTION.cleared],
    ["PROBE_MADE_AT", FUNCTION.madeAt],
    ["PROBE_QUIET", FUNCTION.quiet],
    ["PROBE_FUNCTION_MASK", FUNCTION.mask],
    ["PROBE_READS", FUNCTION.reads],
    ["PROBE_COUNT_BEHIND", FUNCTION.countBehind],
    ["PROBE_KEEPS", FUNCTION.keeps],
    ["PROBE_LAYER", FUNCTION.layer],
    ["PROBE_PEEKS", FUNCTION.peeks],
    ["PROBE_PARTS", FUNCTION.parts],
    ["PROBE_OPAQUE", FUNCTION.opaque],
    ["PROBE_GO", FUNCTION.go],
  ]);
});
