// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BadSetting } from "../../../net/settings/bad_setting.ts";
import { defaultStatePath } from "../../../net/collector/state_path.ts";

Deno.test("the state file is in a place of the user's own, or asked for", () => {
  const path = (isRoot: boolean, environment: Record<string, string>) =>
    defaultStatePath(3005, isRoot, new Map(Object.entries(environment)));
  assert.equal(path(true, {}), "/var/lib/sslcollector/collector-3005.state");
  assert.equal(
    path(false, { HOME: "/home/ids" }),
    "/home/ids/.local/state/sslcollector/collector-3005.state",
  );
  assert.equal(
    path(false, { HOME: "/home/ids", XDG_STATE_HOME: "/state" }),
    "/state/sslcollector/collector-3005.state",
  );
  assert.equal(
    defaultStatePath(3005, false, new Map(), "C:\\ProgramData\\sslcollector"),
    "C:\\ProgramData\\sslcollector\\collector-3005.state",
  );
  assert.throws(
    () => path(false, {}),
    (error) => error instanceof BadSetting && /^statePath: /.test(error.message),
  );
});
