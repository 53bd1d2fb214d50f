// SPDX-License-Identifier: MIT
/**
 * Packages on a system of its own: this machine's files below a layer in memory, or with
 * `SSLCOLLECTOR_TEST_DEBOOTSTRAP=bookworm` a fresh Debian. `EVERY_PACKAGE=1` has the .rpm run under systemd too.
 */
import assert from "node:assert/strict";
import { BootedRoot, bootMissing } from "../support/booted_root.ts";
import { makeCertificate } from "../support/certificate.ts";
import { missing, withTempDir } from "../support/run.ts";
import { type Reason, skipIf } from "../support/skip.ts";
import { SystemRoot, systemRootMissing } from "../support/system_root.ts";
import { until } from "../support/until.ts";
import { baseMissing } from "./support/base.ts";
import { Child } from "./support/child.ts";
import { EVERY_PACKAGE, type Kind, LIBRARY, MANAGERS, versionsOf } from "./support/packages.ts";

const KINDS: readonly Kind[] = ["deb", "rpm"];
const noBase = await baseMissing();
const noTools = missing("openssl", "curl");

/** The reason to skip what needs packages of a kind. */
function packagesMissing(kind: Kind): Reason {
  return kind === "deb"
    ? noBase ?? missing("dpkg-deb")
    : missing("rpmbuild") ?? (EVERY_PACKAGE ? noBase : undefined);
}

async function bring(root: SystemRoot, kind: Kind): Promise<void> {
  for (const [name, path] of Object.entries(await versionsOf(kind))) {
    await Deno.copyFile(path, root.path(`/root/${name}.${kind}`));
  }
}

/** What dpkg, rpm, the manual's index and the user database note by themselves. */
const NOTED =
  /^\/(var\/lib\/(dpkg|rpm|systemd)|var\/cache\/(man|debconf|ldconfig)|var\/log|root|tmp)\/|^\/etc\/\w+-$/;

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

for (const kind of KINDS) {
  Deno.test({
    name:
      `package: the .${kind}, installed, upgraded under a running program and removed, leaves nothing behind but a changed configuration`,
    ...skipIf(packagesMissing(kind), noTools, systemRootMissing()),
    timeout: 1_200_000,
    fn: () => withTempDir((folder) => comesAndGoes(folder, kind)),
  });
}

const FETCH = [
  "curl",
  "-sSk",
  "--retry",
  "20",
  "--retry-connrefused",
  "--retry-delay",
  "1",
  "https://127.0.0.1:8443/",
];

async function comesAndGoes(folder: string, kind: Kind): Promise<void> {
  const { install, remove, purge, keptConfig } = MANAGERS[kind];
  await using root = await SystemRoot.make(folder);
  await bring(root, kind);
  await makeCertificate(root.path("/root/certificate.pem"), root.path("/root/key.pem"));
  const before = root.changes();
  await root.runOk(...install, `/root/before.${kind}`);
  assert.match(await root.runOk("getent", "passwd", "sslcollector"), /:\/usr\/sbin\/nologin$/m);
  await using _server = await serve(root);
  assert.match(await root.runOk(...FETCH), /s_server/);
  await root.runOk("sslcollector", "hook", "install", "--unit", "nginx", "--system");
  await root.runOk("sh", "-c", "echo '# changed' >> /etc/sslcollector.toml");

  await root.runOk(...install, `/root/now.${kind}`);
  assert.match(await root.runOk("sh", "-c", "cat /proc/[0-9]*/maps"), new RegExp(`${LIBRARY} \\(deleted\\)`));
  assert.match(await root.runOk("tail", "-n", "1", "/etc/sslcollector.toml"), /# changed/);
  assert.match(await root.runOk("cat", "/etc/ld.so.preload"), new RegExp(LIBRARY));
  if (kind === "deb" || EVERY_PACKAGE) {
    await root.runOk("sslcollector", "run", "-o", "/root/x.pcapng", "--", ...FETCH);
    const capture = new TextDecoder("latin1").decode(await Deno.readFile(root.path("/root/x.pcapng")));
    assert.match(capture, /GET \/ HTTP\/1\.1/);
  }

  await root.runOk(...remove);
  assert.match(await root.runOk(...FETCH), /s_server/);
  const left = differences(root, before);
  assert.deepEqual(left.filter((path) => !/^\/etc\/(passwd|group|shadow|gshadow)$/.test(path)), [keptConfig]);
  if (kind === "rpm") return;
  await root.runOk(...purge);
  assert.deepEqual(differences(root, before), []);
}

/** A server with the hook. */
async function serve(root: SystemRoot): Promise<Child> {
  const [program, ...words] = root.inside;
  const serve =
    "exec openssl s_server -quiet -www -accept 127.0.0.1:8443 -cert /root/certificate.pem -key /root/key.pem";
  const server = new Child(program, {
    args: [...words, "chroot", root.root, "sh", "-c", `echo $$; LD_PRELOAD=${LIBRARY} ${serve}`],
  });
  await server.found("stdout", /^\d+$/m);
  return server;
}

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

for (const kind of KINDS) {
  Deno.test({
    name:
      `service: under systemd that of the .${kind} is started, mirrors nginx, is upgraded, watched, and removed`,
    ...skipIf(
      kind === "rpm" && !EVERY_PACKAGE && "half a minute more: run with EVERY_PACKAGE=1",
      packagesMissing(kind),
      noTools,
      bootMissing(),
      missing("nginx"),
    ),
    timeout: 1_200_000,
    fn: () => withTempDir((folder) => serves(folder, kind)),
  });
}

async function serves(folder: string, kind: Kind): Promise<void> {
  const { install, purge } = MANAGERS[kind];
  await using root = await SystemRoot.make(folder);
  await bring(root, kind);
  await makeCertificate(root.path("/root/certificate.pem"), root.path("/root/key.pem"));
  await Deno.writeTextFile(root.path("/etc/nginx/conf.d/mirrored.conf"), SERVER);
  await Deno.remove(root.path("/etc/nginx/sites-enabled/default")).catch(() => {});
  await using system = await BootedRoot.boot(root);
  await system.runOk(...install, `/root/before.${kind}`);
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
  await system.runOk(...install, `/root/now.${kind}`);
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
  await system.runOk(...purge);
  assert.equal(await system.property("nginx", "MainPID"), nginx, "nginx went on all the time");
  await system.runOk("systemctl", "restart", "nginx");
  assert.equal(await system.property("nginx", "Environment"), "");
  assert.equal(await system.runOk("curl", "-sSk", "https://127.0.0.1:8443/"), "served\n");
  assert.equal(await system.property(AGENT, "LoadState"), "not-found");
  const kept = await system.runOk(
    "sh",
    "-c",
    "ls -d /var/log/sslcollector* /var/lib/sslcollector* 2>/dev/null || true",
  );
  assert.equal(kept !== "", kind === "rpm", kept);
}

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
