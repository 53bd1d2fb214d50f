// SPDX-License-Identifier: MIT
/** The command asks for what was asked for, and for nothing else, whatever a peer sent. */
import assert from "node:assert/strict";
import { type ExchangeDetail, exchangeOf } from "../../../net/view/feed_lines.ts";
import { curlCommand, shellWord } from "../../../cli/top/curl_command.ts";
import { missing, runOk } from "../../support/run.ts";
import { skipIf } from "../../support/skip.ts";
import { exchangeDetail, flowFacts } from "../../support/top_screen.ts";

/** The words that bash gives curl, and the remarks. */
async function wordsOf(changes: Partial<ExchangeDetail>): Promise<{ words: string[]; remarks: string[] }> {
  const command = curlCommand(exchangeOf(exchangeDetail(changes)));
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(command, /[\u0000-\u0009\u000b-\u001f\u007f-\uffff]/);
  const said = await runOk("bash", "-c", `curl() { printf '%s\\0' "$@"; }\n${command}`);
  return {
    words: said.split("\0").slice(0, -1),
    remarks: command.split("\n").filter((line) => line.startsWith("# ")),
  };
}

const base64 = (text: string) => ({ base64: new TextEncoder().encode(text).toBase64(), missingBytes: 0 });
const usual = ["--globoff", "--path-as-is", "--http1.1"];

Deno.test({
  name: "a request is told with method, fields and body",
  ...skipIf(missing("bash")),
  fn: async () => {
    const { words, remarks } = await wordsOf({
      method: "PUT",
      target: "/a/../b?x=[1]&y='z'",
      requestHead:
        "PUT /a HTTP/1.1\nHost: shop.test\nContent-Type: text/plain\nX-Empty:\nContent-Length: 7\n" +
        "Accept-Encoding: gzip\nTransfer-Encoding: chunked",
      requestBytes: 12,
      requestBody: base64("@it's\n世界"),
    });
    assert.deepEqual(words, [
      "https://shop.test/a/../b?x=[1]&y='z'",
      ...usual,
      ...["--request", "PUT"],
      ...["--header", "Content-Type: text/plain", "--header", "X-Empty;", "--compressed"],
      ...["--data-raw", "@it's\n世界"],
    ]);
    assert.deepEqual(remarks, []);
  },
});

Deno.test({
  name: "what is hidden, no text, or could be an order to curl is left out and said",
  ...skipIf(missing("bash")),
  fn: async () => {
    const { words, remarks } = await wordsOf({
      target: "/?token=‹hidden›",
      method: "POST",
      requestHead:
        "POST / HTTP/1.1\nHost: a\nAuthorization: ‹hidden, --show-secrets›\n@/etc/passwd: x\n-K x: y",
      requestBytes: 4,
      requestBody: { base64: Uint8Array.of(0, 255, 1, 2).toBase64(), missingBytes: 0 },
    });
    assert.deepEqual(words, [
      "https://shop.test/",
      ...["--globoff", "--path-as-is", "--request-target", "/?token=‹hidden›", "--http1.1"],
    ]);
    assert.deepEqual(remarks, [
      "# Authorization is left out: the agent hides secrets without --show-secrets",
      "# a field whose name is no token is left out",
      "# a field whose name is no token is left out",
      "# parameters of the URL are hidden: the agent needs --show-secrets",
      "# its body of 4 bytes is left out: it is no text, or too long",
    ]);
  },
});

Deno.test({
  name: "a shell to which comments are commands finds no order of a peer in them",
  ...skipIf(missing("bash")),
  fn: async () => {
    const { remarks } = await wordsOf({
      method: "POST",
      target: "/",
      requestHead:
        "POST / HTTP/1.1\nHost: a\n`id`-token: ‹hidden, --show-secrets›\nContent-Encoding: $(id)\x1b[2J",
      requestBytes: 4,
      requestBody: base64("abcd"),
    });
    assert.deepEqual(remarks, [
      "# '`id`-token' is left out: the agent hides secrets without --show-secrets",
      "# its body of 4 bytes is left out: $'encoded as $(id)\\033[2j'",
    ]);
  },
});

Deno.test({
  name: "nothing that a peer sends is run by a shell or leads to another host",
  ...skipIf(missing("bash")),
  fn: async () => {
    const evil = "'$(touch /tmp/x)`id`\\\"\x1b[2J\u202e;!#";
    const { words } = await wordsOf({
      method: evil,
      host: "shop.test@evil.test/",
      target: evil,
      version: "HTTP/2",
      flow: flowFacts({ sni: "" }),
      requestHead: `${evil} / HTTP/1.1\nX: ${evil}`,
    });
    assert.deepEqual(words, [
      "https://10.0.0.2:443/",
      ...["--globoff", "--path-as-is", "--request-target", evil, "--http2", "--request", evil],
      ...["--header", "Host: shop.test@evil.test/", "--header", `X: ${evil}`],
    ]);
    assert.equal(shellWord(""), "''");
  },
});
