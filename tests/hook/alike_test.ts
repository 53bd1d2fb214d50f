// SPDX-License-Identifier: MIT
/** Programs of a Debian system do with the hook what they do without. @module */
import assert from "node:assert/strict";
import { isInstalled } from "../support/run.ts";
import { Collector, hooked, run } from "./native.ts";

/** Shell commands whose exit status and output do not depend on the moment. */
const COMMANDS = [
  'bash -c "echo hi; exit 3"',
  'dash -c "echo hi | cat"',
  'perl -MSocket -MIO::Socket -MPOSIX -e "print 42"',
  'python3 -c "import ssl,ctypes,json,sqlite3,asyncio;print(ssl.OPENSSL_VERSION)"',
  'python3 -c "import multiprocessing as m;p=m.Pool(2);print(p.map(abs,[-1,2]))"',
  'python3 -c "import subprocess;print(subprocess.run([chr(105)+chr(100)],capture_output=True).stdout)"',
  "gcc -x c -c /dev/null -o /dev/null",
  "clang -x c -c /dev/null -o /dev/null",
  "apt-get -s install bash",
  "apt-cache policy bash",
  "dpkg -l bash",
  "strace -f -o /dev/null true",
  'gdb -batch -ex "print 1" /bin/true',
  "valgrind --version",
  "unshare -r id -u",
  "unshare -rn true",
  "sudo -n true",
  "setpriv --version",
  "node -e \"require('crypto');require('https');console.log(1)\"",
  'php -r "echo 1;"',
  "java -version",
  'ruby -e "puts 1"',
  'lua -e "print(1)"',
  "tclsh /dev/null",
  'sqlite3 :memory: "select 1"',
  "psql --version",
  "postconf -d mail_version",
  "dovecot --version",
  "git --version",
  "tar cf /dev/null /etc/hostname",
  'find /etc/apt -name "*.list"',
  "ssh -V",
  "gpg --version",
  "openssl version -a",
  "curl -V",
  "wget -V",
  "nginx -V",
  "xz --version",
  'awk "BEGIN{print 1}"',
  "sed -n 1p /etc/hostname",
  "ls /etc",
  "ps -o comm= 1",
  "vim --version",
  "make --version",
  "cmake --version",
  "readelf -h /bin/ls",
  "ip addr show lo",
  "tcpdump --version",
  "systemctl --version",
  "timeout 1 true",
  "env -i true",
  "nice true",
  "sort /etc/passwd",
  "grep -c root /etc/passwd",
  "sha256sum /etc/hostname",
  "base64 /etc/hostname",
  "tee /dev/null",
  "xargs -n 1 echo",
];

const installed = COMMANDS.filter((command) => isInstalled(command.split(" ")[0]));

for (const agent of [false, true]) {
  Deno.test(`${installed.length} programs do the same with the hook, ${agent ? "with" : "without"} an agent`, async () => {
    const collector = agent ? await Collector.start() : undefined;
    const environment = await hooked(collector?.runtime ?? "/nonexistent");
    for (const command of installed) {
      const expected = await run("sh", ["-c", command]);
      assert.deepEqual(await run("sh", ["-c", command], environment), expected, command);
    }
    await collector?.stop();
  });
}
