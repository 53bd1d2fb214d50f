// SPDX-License-Identifier: MIT
/**
 * Installs what a task needs and this machine lacks: `setup.ts demo|test|bench|coverage`. As root on Debian it calls apt-get;
 * otherwise it prints the one command to run and stops with status 1.
 *
 * @module
 */
import { debianRelease, install, installFromBackports, runApt, withoutServices } from "./apt.ts";
import { exists } from "../net/ffi/stat.ts";

/** A Debian package and a file that shows it is there; a bare name is looked for in PATH. */
interface Need {
  readonly package: string;
  readonly shows: string | readonly string[];
}

const libraryFolders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64"];
const inLibraries = (name: string) => libraryFolders.map((folder) => `${folder}/${name}`);

const BUILD: Need[] = [
  { package: "gcc", shows: "cc" },
  { package: "binutils", shows: "strip" },
  { package: "libc6-dev", shows: "/usr/include/stdio.h" },
];
/** Compiles the kernel probes, which a build goes without where it is not. */
const CLANG: Need = { package: "clang", shows: "clang" };
const DEMO: Need[] = [...BUILD, { package: "curl", shows: "curl" }];
const inPython = (name: string) => `/usr/lib/python3/dist-packages/${name}`;
const TEST: Need[] = [
  ...DEMO,
  { package: "nginx-light", shows: "nginx" },
  { package: "openssl", shows: "openssl" },
  { package: "python3", shows: "/usr/bin/python3" },
  { package: "libssl-dev", shows: "/usr/include/openssl/ssl.h" },
  { package: "libgnutls28-dev", shows: "/usr/include/gnutls/gnutls.h" },
  { package: "libnss3-dev", shows: "/usr/include/nss/ssl.h" },
  { package: "libnss3-tools", shows: "tstclnt" },
  { package: "tshark", shows: "tshark" },
  { package: "tcpdump", shows: "tcpdump" },
  { package: "iproute2", shows: "ip" },
  { package: "ethtool", shows: "ethtool" },
  { package: "nftables", shows: "nft" },
  { package: "procps", shows: "sysctl" },
  { package: "logrotate", shows: "logrotate" },
  { package: "libpcap0.8", shows: inLibraries("libpcap.so.0.8") },
  { package: "zip", shows: "zip" },
  CLANG,
  { package: "libclang-rt-14-dev", shows: "/usr/lib/llvm-14/lib/clang" },
  { package: "musl-tools", shows: "musl-gcc" },
  { package: "wrk", shows: "wrk" },
  { package: "wget", shows: "wget" },
  { package: "nghttp2-client", shows: "nghttp" },
  { package: "nghttp2-server", shows: "nghttpd" },
  { package: "python3-h2", shows: inPython("h2") },
  { package: "python3-httpx", shows: inPython("httpx") },
  { package: "python3-wsproto", shows: inPython("wsproto") },
  { package: "python3-hypercorn", shows: inPython("hypercorn") },
  { package: "python3-grpcio", shows: inPython("grpc") },
];
const words = (text: string) => text.split(" ");
/** Of builds for other machines. */
const CROSS: Need[] = [
  { package: "gcc-aarch64-linux-gnu", shows: "aarch64-linux-gnu-gcc" },
  { package: "libc6-dev-arm64-cross", shows: "/usr/aarch64-linux-gnu/include/stdio.h" },
];
/**
 * Programs that tests run, most of them to see that the hook changes nothing for them: some 190 MB, a browser with 350, and Go with
 * 450. Each is skipped by name where it is not.
 */
const PROGRAMS: Need[] = [
  ...CROSS,
  { package: "rpm", shows: "rpmbuild" },
  { package: "systemd-container", shows: "systemd-nspawn" },
  { package: "podman", shows: "podman" },
  { package: "runc", shows: "runc" },
  { package: "man-db", shows: "man" },
  { package: "fish", shows: "fish" },
  { package: "chromium", shows: "chromium" },
  ...[
    ...words(
      "zsh mksh ruby gawk mawk lua5.4 tcc make nasm bison flex sudo gdb strace ltrace expect tmux zstd",
    ),
    ...words("bzip2 ed bc m4 jq sqlite3 rsync wget lftp git socat redis-server apache2 postfix vsftpd"),
  ].map((name) => ({ package: name, shows: name })),
  { package: "ksh93u+m", shows: "ksh93" },
  { package: "busybox-static", shows: "busybox" },
  { package: "tcl", shows: "tclsh" },
  { package: "xz-utils", shows: "xz" },
  { package: "gnupg", shows: "gpg" },
  { package: "openssh-client", shows: "ssh" },
  { package: "php-cli", shows: "php" },
  { package: "php-curl", shows: "/usr/share/php8.2-curl" },
  { package: "dovecot-imapd", shows: "/usr/lib/dovecot/imap" },
  { package: "postgresql", shows: "pg_ctlcluster" },
  { package: "default-jre-headless", shows: "java" },
  { package: "golang-go", shows: "go" },
  { package: "prometheus", shows: "prometheus" },
  { package: "android-libboringssl", shows: "/usr/lib/x86_64-linux-gnu/android/libssl.so.0" },
  { package: "libwolfssl-dev", shows: inLibraries("libwolfssl.so") },
  { package: "libmbedtls-dev", shows: inLibraries("libmbedtls.so") },
  { package: "libcurl3-nss", shows: inLibraries("libcurl-nss.so.4") },
];
/** Programs of the coverage matrix that no test runs. */
const COVERAGE: Need[] = [
  ...words("lynx w3m elinks swaks mutt haproxy lighttpd stunnel4 mosquitto ngircd slapd").map((name) => ({
    package: name,
    shows: name,
  })),
  { package: "aria2", shows: "aria2c" },
  { package: "libfcgi-bin", shows: "cgi-fcgi" },
  { package: "php8.2-fpm", shows: "php-fpm8.2" },
  { package: "gnutls-bin", shows: "gnutls-cli" },
  { package: "ldap-utils", shows: "ldapsearch" },
  { package: "lighttpd-mod-mbedtls", shows: "/usr/lib/lighttpd/mod_mbedtls.so" },
  { package: "mariadb-server", shows: "/usr/sbin/mariadbd" },
  { package: "lighttpd-mod-openssl", shows: "/usr/lib/lighttpd/mod_openssl.so" },
  { package: "mosquitto-clients", shows: "mosquitto_pub" },
  { package: "libio-socket-ssl-perl", shows: "/usr/share/perl5/IO/Socket/SSL.pm" },
];
const BENCH: Need[] = [
  ...TEST,
  { package: "tcpreplay", shows: "tcpreplay" },
  { package: "bpftrace", shows: "bpftrace" },
];
const NEEDS: Record<string, Need[]> = {
  build: [...BUILD, CLANG],
  demo: DEMO,
  test: TEST,
  bench: BENCH,
  coverage: TEST,
};

function isThere(need: Need): boolean {
  const places = typeof need.shows === "string" ? [need.shows] : need.shows;
  const path = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
  return places.some((place) =>
    place.startsWith("/") ? exists(place) : path.some((folder) => exists(`${folder}/${place}`))
  );
}

/** Suricata judges forged captures; tests that need it are skipped by name where it is not. */
function installJudge(): void {
  if (isThere({ package: "suricata", shows: "suricata" })) return;
  const release = debianRelease();
  const isOld = release === "bookworm"; // Its own Suricata is too old for the tests.
  const from = isOld ? `Debian's ${release}-backports` : "its package";
  if (!release || Deno.uid() !== 0) {
    console.error(`setup: no Suricata: tests that need it are skipped; as root, install it from ${from}`);
    return;
  }
  console.error(`setup: installing suricata from ${from}`);
  if (isOld ? installFromBackports(release, "suricata") : install(["suricata"])) return;
  console.error(`setup: Suricata cannot be installed from ${from}: tests that need it are skipped`);
}

/** Programs that are there to be compared; their services are not started. */
function installPrograms(programs: readonly Need[]): void {
  const missing = programs.filter((need) => !isThere(need)).map((need) => need.package);
  if (missing.length === 0) return;
  if (Deno.uid() !== 0 || !exists("/etc/debian_version")) {
    console.error(
      `setup: tests of these programs are skipped, since they are missing: ${missing.join(", ")}`,
    );
    return;
  }
  console.error(`setup: installing ${missing.join(", ")}`);
  runApt("update");
  // One that this release has not must not keep the others away.
  if (withoutServices(() => install(missing) || missing.filter((name) => !install([name])).length === 0)) {
    return;
  }
  console.error("setup: some cannot be installed: their tests are skipped");
}

/** A system made by debootstrap does not know its own name, and programs of the tests connect to it. */
function nameLocalhost(): void {
  const path = "/etc/hosts";
  const text = exists(path) ? Deno.readTextFileSync(path) : "";
  if (/^[^#]*\slocalhost(\s|$)/m.test(text)) return;
  if (Deno.uid() !== 0) {
    console.error(`setup: ${path} does not name localhost: tests that connect to it will fail`);
    return;
  }
  console.error(`setup: naming localhost in ${path}`);
  Deno.writeTextFileSync(path, "127.0.0.1 localhost\n::1 localhost\n", { append: true });
}

function installNeeds(needs: readonly Need[]): number {
  const missing = needs.filter((need) => !isThere(need)).map((need) => need.package);
  if (missing.length === 0) return 0;
  const command = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (Deno.uid() !== 0 || !exists("/etc/debian_version")) {
    console.error(`setup: missing on this machine; as root: apt-get update && ${command}`);
    return 1;
  }
  console.error(`setup: installing ${missing.join(", ")}`);
  runApt("update");
  if (install(missing)) return 0;
  console.error(`setup: this failed: ${command}`);
  return 1;
}

function setUp(task: string): number {
  const needs = NEEDS[task];
  if (!needs) {
    console.error(`setup: unknown task ${JSON.stringify(task)}: one of ${Object.keys(NEEDS).join(", ")}`);
    return 2;
  }
  if (Deno.build.os !== "linux") return 0;
  const status = installNeeds(needs);
  if (status === 0 && (task === "test" || task === "coverage")) {
    installJudge();
    installPrograms(task === "coverage" ? [...PROGRAMS, ...COVERAGE] : PROGRAMS);
    nameLocalhost();
  }
  return status;
}

Deno.exit(setUp(Deno.args[0] ?? "test"));
