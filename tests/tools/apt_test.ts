// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { lists, withSuite } from "../../tools/apt.ts";

const BACKPORTS = "bookworm-backports";

const STANZAS = `Types: deb
URIs: http://security.example/debian
Suites: bookworm-security
Components: main

# The release itself.
Types: deb deb-src
URIs: http://deb.example/debian
Suites: bookworm bookworm-updates
Components: main
`;

Deno.test("apt: a suite joins the stanza that lists the release itself", () => {
  const added = withSuite(STANZAS, "deb822", "bookworm", BACKPORTS);
  assert.equal(
    added,
    STANZAS.replace("bookworm bookworm-updates", `bookworm bookworm-updates ${BACKPORTS}`),
  );
  assert.equal(lists(STANZAS, "deb822", BACKPORTS), false);
  assert.equal(lists(added!, "deb822", BACKPORTS), true);
});

Deno.test("apt: stanzas of sources only, switched off or of other releases are left alone", () => {
  for (
    const change of [["deb deb-src", "deb-src"], ["# The release itself.", "Enabled: no"], [
      "bookworm b",
      "trixie b",
    ]]
  ) {
    const text = STANZAS.replace(change[0], change[1]);
    assert.notEqual(text, STANZAS);
    assert.equal(withSuite(text, "deb822", "bookworm", BACKPORTS), undefined, change[1]);
  }
});

Deno.test("apt: a suite gets a line of its own where sources are lines", () => {
  const line = "deb [arch=amd64 signed-by=/a.gpg] http://deb.example/debian bookworm main contrib";
  const others = [
    "# deb http://deb.example/debian bookworm main",
    "deb http://deb.example/debian bookworm-security main",
  ];
  const text = [...others, line, ""].join("\n");
  const added = withSuite(text, "list", "bookworm", BACKPORTS);
  const wanted =
    "deb [arch=amd64 signed-by=/a.gpg] http://deb.example/debian bookworm-backports main contrib";
  assert.equal(added, [...others, line, wanted, ""].join("\n"));
  assert.equal(lists(text, "list", BACKPORTS), false);
  assert.equal(lists(added!, "list", BACKPORTS), true);
  assert.equal(withSuite(others.join("\n"), "list", "bookworm", BACKPORTS), undefined);
});
