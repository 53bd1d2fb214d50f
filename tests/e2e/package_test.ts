// SPDX-License-Identifier: MIT
/**
 * The Debian package on a system of its own: this machine's files below a layer in memory, or with
 * `SSLCOLLECTOR_TEST_DEBOOTSTRAP=bookworm` a fresh Debian.
 */
import assert from "node:assert/strict";
import { systemEntries } from "../../tools/package/content.ts";
import { makeDeb } from "../../tools/package/deb.ts";
import { buildHook } from "../../tools/hook.ts";
import { BootedRoot, bootMissing } from "../support/booted_root.ts";
import { makeCertificate } from "../support/certificate.ts";
import { missing, runOk, withTempDir } from "../support/run.ts";
import { skipIf } from "../support/skip.ts";
import { SystemRoot, systemRootMissing } from "../support/system_root.ts";
import { until } from "../support/until.ts";
import { baseMissing } from "./support/base.ts";
import { Child } from "./support/child.ts";
import { binary } from "./support/sslcollector.ts";

const LIBRARY = "/usr/lib/sslcollector/libsslcollector_hook.so";
const noBase = await baseMissing();
const noTools = missing("dpkg-deb", "openssl", "curl");

/** What dpkg, the manual's index and the user database note by themselves. */
const NOTED =
  /^\/(var\/lib\/(dpkg|systemd)|var\/cache\/(man|debconf|ldconfig)|var\/log|root|tmp)\/|^\/etc\/\w+-$/;

interface Debs {
  readonly before: string;
  readonly now: string;
}

let made: Promise<Debs> | undefined;

/** Made once, and removed when the tests are over. */
function debs(): Promise<Debs> {
  if (made !== undefined) return made;
  const folder = Deno.makeTempDirSync({ prefix: "sslcollector-test-" });
  addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  return made = makeDebs(folder);
}

/** A package of this version, and one as of a version before, whose hook has other bytes. */
async function makeDebs(folder: string): Promise<Debs> {
  const date = new Date(0);
  const parts = { executable: await binary(), hook: await buildHook(), packages: [], date };
  const facts = { version: "0.1.0", architecture: Deno.build.arch === "x86_64" ? "amd64" : "arm64", date };
  const now = `${folder}/now.deb`, before = `${folder}/before.deb`, tree = `${folder}/before`;
  await makeDeb(await systemEntries(parts), facts, `${folder}/now`, now);
  await runOk("dpkg-deb", "-R", now, tree);
  await runOk("sed", "-i", "s/^Version:.*/Version: 0.0.9/", `${tree}/DEBIAN/control`);
  await Deno.writeTextFile(`${tree}${LIBRARY}`, "\n", { append: true });
  await runOk("dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, before);
  return { before, now };
}

/** What a system has of paths that it had not, and which of its files have other contents. */
function differences(root: SystemRoot, before: ReadonlySet<string>): string[] {
  return [...root.changes().difference(before)].filter((path) => !NOTED.test(path) && isOther(root, path))
    .sort();
}

function isOther(root: SystemRoot, path: string): boolean {
  try {
    const was = Deno.lstatSync(root.lower + path);
    if (!was.isFile) return false;
    return Deno.readTextFileSync(root.lower + path) !== Deno.readTextFileSync(root.path(path));
  } catch {
    return true;
  }
}

Deno.test({
  name: "package: installed, upgraded under a running program, removed and purged, it leaves nothing behind",
  ...skipIf(noBase, noTools, systemRootMissing()),
  timeout: 1_200_000,
  fn: () =>
    withTempDir(async (folder) => {
      await using root = await SystemRoot.make(folder);
      for (const [name, path] of Object.entries(await debs())) {
        await Deno.copyFile(path, root.path(`/root/${name}.deb`));
      }
      await makeCertificate(root.path("/root/certificate.pem"), root.path("/root/key.pem"));
      const before = root.changes();
      await root.runOk("dpkg", "-i", "/root/before.deb");
      const [program, ...words] = root.inside;
      const serve =
        "exec openssl s_server -quiet -www -accept 127.0.0.1:8443 -cert /root/certificate.pem -key /root/key.pem";
      await using server = new Child(program, {
        args: [...words, "chroot", root.root, "sh", "-c", `echo $$; LD_PRELOAD=${LIBRARY} ${serve}`],
      });
      await server.found("stdout", /^\d+$/m);
      const fetch = [
        "curl",
        "-sSk",
        "--retry",
        "20",
        "--retry-connrefused",
        "--retry-delay",
        "1",
        "https://127.0.0.1:8443/",
      ];
      assert.match(await root.runOk(...fetch), /s_server/);
      await root.runOk("sslcollector", "hook", "install", "--unit", "nginx", "--system");
      await root.runOk("dpkg", "-i", "/root/now.deb");
      assert.match(
        await root.runOk("sh", "-c", "cat /proc/[0-9]*/maps"),
        new RegExp(`${LIBRARY} \\(deleted\\)`),
      );
      await root.runOk("sslcollector", "run", "-o", "/root/x.pcapng", "--", ...fetch);
      const capture = new TextDecoder("latin1").decode(await Deno.readFile(root.path("/root/x.pcapng")));
      assert.match(capture, /GET \/ HTTP\/1\.1/);
      await root.runOk("dpkg", "-r", "sslcollector");
      assert.match(await root.runOk(...fetch), /s_server/);
      assert.deepEqual(
        differences(root, before).filter((path) => !/^\/etc\/(passwd|group|shadow|gshadow)$/.test(path)),
        [
          "/etc/sslcollector.toml",
        ],
      );
      await root.runOk("dpkg", "-P", "sslcollector");
      assert.deepEqual(differences(root, before), []);
    }),
});

const AGENT = "sslcollector-agent.service";
const COLLECTOR = "sslcollector-collector.service";

/** nginx as this system has it, with one server more. */
const SERVER = `server {
  listen 127.0.0.1:8443 ssl;
  ssl_certificate /root/certificate.pem;
  ssl_certificate_key /root/key.pem;
  location / { return 200 "served\\n"; }
}
`;

Deno.test({
  name: "service: under systemd it is started, mirrors nginx, is upgraded, watched, and removed",
  ...skipIf(noBase, noTools, bootMissing(), missing("nginx")),
  timeout: 1_200_000,
  fn: () =>
    withTempDir(async (folder) => {
      await using root = await SystemRoot.make(folder);
      for (const [name, path] of Object.entries(await debs())) {
        await Deno.copyFile(path, root.path(`/root/${name}.deb`));
      }
      await makeCertificate(root.path("/root/certificate.pem"), root.path("/root/key.pem"));
      await Deno.writeTextFile(root.path("/etc/nginx/conf.d/mirrored.conf"), SERVER);
      await Deno.remove(root.path("/etc/nginx/sites-enabled/default")).catch(() => {});
      await using system = await BootedRoot.boot(root);
      await system.runOk("dpkg", "-i", "/root/before.deb");
      await system.runOk("systemctl", "start", AGENT);
      assert.match(
        await system.property(AGENT, "StatusText"),
        /^mirroring to \/var\/log\/sslcollector\/agent/,
      );
      await system.runOk("sslcollector", "hook", "install", "--unit", "nginx");
      await system.runOk("systemctl", "daemon-reload");
      await system.runOk("systemctl", "restart", "nginx");
      const nginx = await system.property("nginx", "MainPID");
      const agents = [await system.property(AGENT, "MainPID")];

      await mirrors(system, "first");
      await system.runOk("dpkg", "-i", "/root/now.deb");
      agents.push(await system.property(AGENT, "MainPID"));
      assert.notEqual(agents[0], agents[1], "the upgrade restarts the agent");
      await mirrors(system, "second");

      await watchClosely(system);
      agents.push(await system.property(AGENT, "MainPID"));
      await system.runOk("kill", "-STOP", agents[2]);
      await until("a new agent in the place of one that does not live", async () => {
        const [pid, state] = [
          await system.property(AGENT, "MainPID"),
          await system.property(AGENT, "ActiveState"),
        ];
        return pid !== agents[2] && pid !== "0" && state === "active";
      }, 200);
      await mirrors(system, "third");

      await collects(system);
      await system.runOk("dpkg", "-P", "sslcollector");
      assert.equal(await system.property("nginx", "MainPID"), nginx, "nginx went on all the time");
      await system.runOk("systemctl", "restart", "nginx");
      assert.equal(await system.property("nginx", "Environment"), "");
      assert.equal(await system.runOk("curl", "-sSk", "https://127.0.0.1:8443/"), "served\n");
      assert.equal(await system.property(AGENT, "LoadState"), "not-found");
    }),
});

/** nginx answers, and what it was asked is in the agent's capture. */
async function mirrors(system: BootedRoot, name: string): Promise<void> {
  assert.equal(await system.runOk("curl", "-sSk", `https://127.0.0.1:8443/${name}`), "served\n");
  await until(`the ${name} request in the capture`, async () => {
    const found = await system.runOk(
      "sh",
      "-c",
      `grep -acs "GET /${name} HTTP" /var/log/sslcollector/* || true`,
    );
    return /:[1-9]|^[1-9]/m.test(found);
  }, 100);
}

/** systemd waits for a sign of life for a second only, from the next start on. */
async function watchClosely(system: BootedRoot): Promise<void> {
  const folder = `/run/systemd/system/${AGENT}.d`;
  const text = "[Service]\\nWatchdogSec=1\\nTimeoutAbortSec=1\\n";
  await system.runOk("sh", "-c", `mkdir -p ${folder} && printf '${text}' > ${folder}/watch.conf`);
  await system.runOk("systemctl", "daemon-reload");
  await system.runOk("systemctl", "restart", AGENT);
}

/** The collector starts as a user of its own, with a key that only its owner may read. */
async function collects(system: BootedRoot): Promise<void> {
  await system.runOk("sslcollector", "pki", "init");
  await system.runOk("sslcollector", "pki", "issue", "collector", "ids1", "--san", "127.0.0.1");
  await system.runOk("systemctl", "start", COLLECTOR);
  assert.match(
    await system.property(COLLECTOR, "StatusText"),
    /^collecting on .* into \/var\/log\/sslcollector-collector\//,
  );
  const pid = await system.property(COLLECTOR, "MainPID");
  assert.equal((await system.runOk("ps", "-o", "user:20=", "-p", pid)).trim(), "sslcollector");
  await system.runOk("sslcollector", "status", "--runtime-dir", "/run/sslcollector-collector/sslcollector");
}
