// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { unitPreload } from "../../cli/unit_preload.ts";
import { withTempDir } from "../support/run.ts";

const OURS = "etc/systemd/system/web@1.service.d/sslcollector.conf";

/** What `web@1.service` preloads with these unit files. */
function preloadOf(files: Record<string, string>): Promise<string | undefined> {
  return withTempDir((root) => {
    for (const [path, text] of Object.entries(files)) {
      Deno.mkdirSync(dirname(`${root}/${path}`), { recursive: true });
      Deno.writeTextFileSync(`${root}/${path}`, text);
    }
    return unitPreload(root, "web@1.service", `${root}/${OURS}`);
  });
}

const service = (...lines: string[]) => ["[Service]", ...lines, ""].join("\n");
const sets = (value: string) => service(`Environment=LD_PRELOAD=${value}`);

Deno.test("unit preload: none, by a line of several, quoted, over lines, taken back", async () => {
  assert.equal(await preloadOf({}), undefined);
  const of = (...lines: string[]) => preloadOf({ "lib/systemd/system/web@1.service": service(...lines) });
  assert.equal(await of("# Environment=LD_PRELOAD=/a.so", "EnvironmentFile=/etc/default/web"), undefined);
  assert.equal(await of("Environment=A=1 LD_PRELOAD=/a.so B=2"), "/a.so");
  assert.equal(await of("Environment = 'A=x y' \"LD_PRELOAD=/a.so /b.so\""), "/a.so /b.so");
  assert.equal(await of("Environment=A=1 \\", "; a comment between", "  LD_PRELOAD=/a.so"), "/a.so");
  assert.equal(await of("Environment=LD_PRELOAD=/a.so", "Environment=LD_PRELOAD=/b.so A=1"), "/b.so");
  assert.equal(await of("Environment=LD_PRELOAD=/a.so", "Environment="), undefined);
  assert.equal(await of("Environment=LD_PRELOAD=/a.so", "Environment=LD_PRELOAD="), undefined);
});

Deno.test("unit preload: the unit's file by precedence, then drop-ins by name, but ours", async () => {
  const unit = "usr/lib/systemd/system/web@.service";
  assert.equal(await preloadOf({ [unit]: sets("/a.so") }), "/a.so");
  assert.equal(await preloadOf({ [unit]: sets("/a.so"), "etc/systemd/system/web@.service": "" }), undefined);
  assert.equal(
    await preloadOf({ [unit]: sets("/a.so"), "lib/systemd/system/web@1.service": sets("/b.so") }),
    "/b.so",
    "an instance's own file comes before its template",
  );
  const dropIns = {
    "etc/systemd/system/web@1.service.d/20-b.conf": sets("/b.so"),
    "run/systemd/system/web@.service.d/10-a.conf": sets("/a.so"),
    "etc/systemd/system/web@1.service.d/note.txt": sets("/no.so"),
    [OURS]: sets("/ours.so"),
  };
  assert.equal(await preloadOf({ [unit]: "", ...dropIns }), "/b.so");
  assert.equal(
    await preloadOf({ ...dropIns, "etc/systemd/system/web@1.service.d/30-c.conf": service("Environment=") }),
    undefined,
  );
  assert.equal(
    await preloadOf({ ...dropIns, "lib/systemd/system/web@1.service.d/20-b.conf": sets("/older.so") }),
    "/b.so",
    "a drop-in hides one of its name in a later folder",
  );
});
