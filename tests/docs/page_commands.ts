// SPDX-License-Identifier: MIT
/** What tests do with each command that README.md, CONTRIBUTING.md and docs/ show, in the order in which they are run. @module */

/** How a command is tried. */
export type Trial =
  /** Runs to its end; what it prints has to match. `isJudgement`: its status says what it found of the machine. */
  | { readonly ends: RegExp; readonly isJudgement?: true; readonly before?: string }
  /** Goes on until it is told to end: its log has to match, a fetched page to be mirrored if it says so, and `meanwhile` to be well. */
  | { readonly logs: RegExp; readonly mirrors?: boolean; readonly meanwhile?: Trials }
  /** Goes on until what it prints matches. */
  | { readonly prints: RegExp }
  /** A filter, not a command: `read` takes it. */
  | { readonly filters: true }
  /** What some kernels refuse with these words; another command does it then. */
  | { readonly unless: RegExp; readonly otherwise: string }
  /** Another test does it: its file, and words that are in it. */
  | { readonly elsewhere: string; readonly has: string }
  /** Why no test runs it. */
  | { readonly not: string };

export type Trials = Readonly<Record<string, Trial>>;

const FILE: Trial = { logs: /mirroring to out\.pcapng/, mirrors: true };
const INTERFACE: Trial = { logs: /mirroring to mirror0/, mirrors: true };
/** With `-I eth0`, where nothing passes. */
const WIRE: Trial = { logs: /mirroring to mirror0/ };
const TO_HOST: Trial = { logs: /: collector takes packets/ };
const BY_DATE: Trial = { logs: /mirroring to -/, mirrors: true };
const FETCHED: Trial = { ends: /total: 1 flow/ };
const PACKAGE = "tests/e2e/package_test.ts";
/** In systems that have nothing else of the project. */
const UNPACKED = "tools/matrix/look.ts";
const MATRIX: Trial = { elsewhere: ".github/workflows/matrix.yml", has: "task matrix" };
const BY_CI = ".ci/run";
const NAME: Trial = { not: "the name of a command, as others speak of it" };
const LONG: Trial = { not: "it takes from minutes to hours" };

const CONFIGURATION: Trials = {
  "sslcollector config default": { ends: /^# *codec = /m },
  "sslcollector config check": { ends: /./, before: "sslcollector config default > /etc/sslcollector.toml" },
  "sslcollector config show collector": { ends: /./ },
  "sslcollector --help": { ends: /^Usage: /m },
  "sslcollector codecs": { ends: /^http2to1/m },
  "sslcollector codecs ./mine.ts": { ends: /^gzip_bodies/m },
  "sslcollector codecs ./plugin.ts": { ends: /^gzip_bodies/m },
};

const VETH =
  "ip link add mirror0 mtu 9000 type veth peer name mirror1 mtu 9000 && ip link set mirror1 up && ip link set mirror0 up";
const INTERFACES: Trials = {
  "ip link add mirror0 type dummy && ip link set mirror0 mtu 9000 up": {
    unless: /Unknown device type/,
    otherwise: VETH,
  },
  [VETH]: { ends: /^$/, before: "ip link del mirror0" },
  "sslcollector --dry-run -o mirror0": { ends: /./ },
};

const ONCE: Trials = {
  "sslcollector run -o out.pcapng -- curl https://example.org": FETCHED,
  "sslcollector run --print bodies -- curl https://example.org": { ends: /^< HTTP\/2 200/m },
  "sslcollector run --codec ./upper_case.ts -o out.pcapng -- curl --http1.1 https://example.org": FETCHED,
  "sslcollector run --har out.har --bodies 1MiB -- ./test.sh": FETCHED,
  "sslcollector run --record case.sslc -o out.pcapng -- curl https://example.org": FETCHED,
  "sslcollector replay case.sslc -o again.pcapng": FETCHED,
  "sslcollector replay case.sslc --codec ./mine.ts -o out.pcapng": FETCHED,
  "sslcollector read out.pcapng": { ends: /GET / },
  "./sslcollector read out.pcapng": { ends: /GET /, before: "ln -sf /usr/local/bin/sslcollector ." },
  "sslcollector read out.pcapng --ui 9200": { logs: /stop with Ctrl-C/ },
  "sslcollector replay case.sslc -o again.pcapng --ui 9200": { logs: /all of it is on the page/ },
  'status >= 400 and host contains "shop" and not program == "curl"': { filters: true },
  'path =~ "^/v[12]/" or (ms > 500 and size < 1000)': { filters: true },
  'host == "*.example.org" and server == "10.0.0.0/8" and (size > 1MiB or ms > 1.5s)': { filters: true },
};

const AGENTS: Trials = {
  "sslcollector -o out.pcapng": {
    ...FILE,
    meanwhile: {
      "sslcollector ps": { ends: /PROGRAM/ },
      "sslcollector status": { ends: /out\.pcapng/ },
      "sslcollector doctor": { ends: /kernel/, isJudgement: true },
    },
  },
  "sslcollector -o out.pcapng --ui 9200": {
    ...FILE,
    meanwhile: {
      "curl --unix-socket /run/sslcollector/status/agent.sock -N 'http://x/exchanges?from=log&rows=1000'": {
        prints: /example\.org/,
      },
    },
  },
  "sslcollector -o out.pcapng --ui 9200 --bodies 64KiB": FILE,
  "sslcollector --codec http2to1": BY_DATE,
  "sslcollector --codec http2to1:encodings=keep": BY_DATE,
  "sslcollector --codec http2to1,./mine.ts": BY_DATE,
  "sslcollector --codec http2to1:lanes=64,decode:ratio=50,./mine.ts:decoded=1MiB": BY_DATE,
  "sslcollector --print requests --filter 'status >= 400 and host contains \"shop\"'": {
    logs: /mirroring to sslcollector-\S+\.pcapng/,
    mirrors: true,
  },
  "sslcollector -o mirror0": INTERFACE,
  "sslcollector -o mirror0 --events eve.json": INTERFACE,
  "sslcollector -o mirror0 --ui 9200": INTERFACE,
  "sslcollector -o mirror0 --metrics 9100": INTERFACE,
  "sslcollector -I eth0 -o mirror0": WIRE,
  "sslcollector -I eth0 --codec http2to1 -o mirror0": WIRE,
  "sslcollector -I eth0 -o mirror0 --only 'program == \"nginx*\" and port == 443' --skip 'net == \"10.9.0.0/16\"'":
    WIRE,
  "sslcollector -I eth0 -o mirror0 --only 'grade == \"wire\"' --skip 'address == \"claimed\"'": WIRE,
};

const PKI = "/etc/sslcollector/pki";
const LINK: Trials = {
  "sslcollector pki init && sslcollector pki issue collector ids1 --san ids1.example": { ends: /ids1/ },
  "sslcollector pki init": { ends: /ca\.crt/, before: "rm -r /etc/sslcollector" },
  "sslcollector pki issue collector ids1 --san 10.0.0.5": { ends: /ids1/ },
  "sslcollector pki issue collector ids1 --san ids1.example --san 10.0.0.5": {
    ends: /ids1/,
    before: `rm ${PKI}/collector-ids1.*`,
  },
  "sslcollector pki issue agent web1": { ends: /web1/ },
  "sslcollector pki renew agent web1": { ends: /web1/ },
  "sslcollector pki show": { ends: /web1/ },
  "sslcollector -C -o mirror0": {
    logs: /collecting on/,
    meanwhile: {
      "sslcollector -I eth0 -t ids1.example": TO_HOST,
      "sslcollector -I eth0 -t 10.0.0.5": TO_HOST,
      "sslcollector -I eth0 -t 10.0.0.5 --spool /var/spool/sslcollector": TO_HOST,
      "sslcollector -I eth0 -t ids1.example -t ids2.example": TO_HOST,
      "sslcollector -I eth0 -t 10.0.0.5 --port-map clear": TO_HOST,
      "sslcollector -I eth0 -t 10.0.0.5 --vlan 100": TO_HOST,
      'sslcollector -I eth0 -t 10.0.0.5 --skip \'role == "client" and server == "10.0.0.0/24"\'': TO_HOST,
    },
  },
  "sslcollector -C -L 10.0.0.5:3005 -o mirror0 --allow 'web*'": {
    logs: /collecting on/,
    meanwhile: {
      "sslcollector -I eth0 -t 10.0.0.5 --spool /var/spool/sslcollector --spool-max 9GiB": TO_HOST,
    },
  },
  "ip link set eth1 mtu 9000 up": { ends: /^$/, before: "ip link add eth1 type veth peer name sensor" },
  "sslcollector -C -o eth1": { logs: /collecting on/ },
  "sslcollector -C -o pcap-over-ip:57012": { logs: /collecting on/ },
  "sslcollector pki revoke web1": { ends: /^[0-9a-f]{32}$/m },
  "sslcollector pki csr agent web1": { ends: /web1/, before: `rm ${PKI}/agent-web1.*` },
};

const HOOK: Trials = {
  "sslcollector hook install --unit nginx": { ends: /nginx/ },
  "sslcollector hook install --system": { ends: /ld\.so\.preload/ },
};

const ELSEWHERE: Trials = {
  "sslcollector --capture uprobes -o out.pcapng": {
    elsewhere: "tests/e2e/uprobes_test.ts",
    has: "agent with kernel probes mirrors an nginx that runs already",
  },
  "sslcollector --codec http2to1 -o - | suricata -r /dev/stdin -l logs": {
    elsewhere: "tests/docs/recipes_test.ts",
    has: "Suricata out of a pipe 1",
  },
  "sslcollector top": { elsewhere: "tests/e2e/top_test.ts", has: "top: list, filter, detail" },
  "sslcollector -C": { elsewhere: "tests/e2e/remote_test.ts", has: "two collectors share the connections" },
  "sslcollector hook install --unit nginx && systemctl daemon-reload && systemctl restart nginx": {
    elsewhere: PACKAGE,
    has: '"hook", "install", "--unit", "nginx"',
  },
  "systemctl enable --now sslcollector-agent": { elsewhere: PACKAGE, has: '"systemctl", "start", AGENT' },
  "systemctl enable --now sslcollector-collector": {
    elsewhere: PACKAGE,
    has: '"systemctl", "start", COLLECTOR',
  },
  "sslcollector status --runtime-dir /run/sslcollector-collector/sslcollector": {
    elsewhere: PACKAGE,
    has: '"--runtime-dir", "/run/sslcollector-collector/sslcollector"',
  },
  "tar xzf sslcollector-0.1.0-x86_64-unknown-linux-gnu.tar.gz && cd sslcollector-0.1.0-x86_64-unknown-linux-gnu":
    {
      elsewhere: UNPACKED,
      has: '"-xzf"',
    },
  "./sslcollector run -o out.pcapng -- curl https://example.org": {
    elsewhere: UNPACKED,
    has: "runIn(root, [`${PLACE}/sslcollector`, ...args])",
  },
  "deno task matrix": MATRIX,
  "deno task matrix trixie sid": MATRIX,
  "deno task bundle": { elsewhere: "tests/e2e/compile_test.ts", has: "bundleWhole" },
  "deno.exe run -A sslcollector.js -C -o out.pcapng": {
    elsewhere: "tools/matrix/windows.ts",
    has: "`${PLACE_THERE}\\\\sslcollector.js`",
  },
  "deno doc mod.ts": { elsewhere: "deno.json", has: "deno doc --lint mod.ts" },
  "deno run -A tools/docs_tables.ts": { elsewhere: "tests/docs/tables_test.ts", has: "withTables(page)" },
  "npx -y deno@2.9.4 task package": { elsewhere: ".github/workflows/release.yml", has: "task package" },
  "npx -y deno@2.9.4 task demo": { elsewhere: "tests/e2e/demo_test.ts", has: "shows what curl asked for" },
  "deno task hook": { elsewhere: "tests/e2e/support/packages.ts", has: "buildHook()" },
  "deno task compile": { elsewhere: "tests/e2e/compile_test.ts", has: "two builds are identical" },
  "deno task package": { elsewhere: ".github/workflows/release.yml", has: "task package" },
  "npx -y deno@2.9.4 task test": { elsewhere: BY_CI, has: "task ok" },
  "npx -y deno@2.9.4 task ok": { elsewhere: BY_CI, has: "task ok" },
  "deno task ok": { elsewhere: BY_CI, has: "task ok" },
};

const NOT: Trials = {
  "ssh -N -L 57012:127.0.0.1:57012 HOST": { not: "it takes another machine" },
  "apt install ./sslcollector_0.1.0_amd64.deb": {
    not: "apt fetches what the package depends on; tests/e2e/package_test.ts installs it by dpkg",
  },
  'podman run -v "$(sslcollector hook path)":/usr/lib/sslcollector_hook.so:ro -e LD_PRELOAD=/usr/lib/sslcollector_hook.so -v /run/sslcollector:/run/sslcollector -e SSLCOLLECTOR_SECCOMP=connect IMAGE COMMAND':
    { not: "it takes an image; `deno task matrix` runs its options" },
  "deno run": NAME,
  "deno test": NAME,
  "deno task bench": LONG,
  "deno task fuzz": LONG,
  "deno task coverage-matrix": LONG,
  "deno task test tests/net/wire": { not: "a test that runs tests" },
  "npx -y deno@2.9.4 run -A tests/main.ts tests/net/wire/seq_test.ts": { not: "a test that runs tests" },
  'npx -y deno@2.9.4 run -A tests/main.ts --filter "PSH" tests/net/forge': { not: "a test that runs tests" },
};

/** Of all pages, in the order in which they are run. */
export const PAGE_COMMANDS: Trials = {
  ...CONFIGURATION,
  ...INTERFACES,
  ...ONCE,
  ...AGENTS,
  ...LINK,
  ...HOOK,
  ...ELSEWHERE,
  ...NOT,
};
