// SPDX-License-Identifier: MIT
/** Programs that start others, change who they are, or look into others; packages, files, terminals. @module */
import { C_PROGRAM, type DebianProgram, sh } from "./program.ts";

/** Settings of apt for a system of its own, on which one package is installed. */
const APT = sh`mkdir -p lists/partial cache; cat >status <<END
Package: thing
Status: install ok installed
Architecture: all
Version: 1.0
Maintainer: nobody <nobody@example.org>
Description: nothing

END
cat >apt.conf <<END
Dir::State::status "$PWD/status";
Dir::State::lists "$PWD/lists";
Dir::Cache "$PWD/cache";
Dir::Etc::sourcelist "$PWD/sources";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "root";
Acquire::Retries "0";
END
echo "deb [trusted=yes] https://localhost:$PLAIN_PORT stable main" >sources; export APT_CONFIG=$PWD/apt.conf
`;

const PROCESSES: readonly DebianProgram[] = [
  {
    name: "sudo",
    needs: ["sudo"],
    script: sh`sudo -n -u nobody id -un; sudo -n -u nobody sh -c 'exit 17'`,
    status: 17,
  },
  { name: "su", needs: ["su"], script: sh`su -s /bin/sh nobody -c 'id -un; exit 18'`, status: 18 },
  {
    name: "setpriv",
    needs: ["setpriv"],
    script: sh`setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all id
      setpriv --reuid 65534 --regid 65534 --clear-groups cat /etc/shadow`,
    status: 1,
  },
  {
    name: "unshare",
    needs: ["unshare"],
    script: sh`unshare --user --map-root-user --net --ipc --uts sh -c 'id -u; hostname inside && hostname'
      unshare --mount --pid --fork --mount-proc sh -c 'echo $$; ps -o comm='; unshare --root=/nosuch true`,
    status: 1,
  },
  {
    name: "chroot, with a library of TLS but nothing else",
    needs: ["chroot", "ldd", "openssl"],
    script: sh`mkdir root; for f in $(ldd $(command -v openssl) | grep -o '/[^ ]*') $(command -v openssl); do
        case $f in *sslcollector*) continue;; esac; mkdir -p root$(dirname $f); cp -L $f root$f; done
      echo x | chroot root $(command -v openssl) dgst -sha256 2>/dev/null; chroot root nosuch`,
    status: 127,
  },
  {
    name: "gdb",
    needs: ["gdb", "gcc"],
    script: sh`${C_PROGRAM}gcc -g -O0 -o p p.c
      gdb -nx -batch -ex 'break twice' -ex run -ex 'print n' -ex 'info line' -ex 'set print frame-arguments none' -ex finish -ex 'kill' --args ./p a b
      gdb -nx -batch -ex run --args ./p a b`,
    volatile: /(?<=\bprocess )\d+/g,
  },
  {
    name: "strace",
    needs: ["strace"],
    script:
      sh`strace -f -o trace -e trace=write,exit_group sh -c '(exit 2); kill -9 $$'; s=$?; cat trace; exit $s`,
    status: 137,
    volatile: /^\d+ +|(?<=si_pid=)\d+|(?<=si_[us]time=)\d+/gm,
  },
  {
    name: "ltrace",
    needs: ["ltrace", "gcc"],
    script: sh`${C_PROGRAM}gcc -O0 -no-pie -fcf-protection=none -Wl,-z,lazy -o p p.c
      ltrace -o trace -e printf ./p a b; cat trace`,
  },
  {
    name: "timeout, nice, nohup, setsid",
    needs: ["timeout", "nice", "nohup", "setsid"],
    script: sh`nice -n 5 nice; nohup setsid --wait sh -c 'exit 3'; echo $?; timeout -s KILL 0.01 sleep 60`,
    status: 137,
  },
  {
    name: "systemd-run, systemd-escape",
    needs: ["systemd-run", "systemd-escape"],
    script:
      sh`systemd-escape 'a b/c'; systemd-run --quiet --wait --pipe sh -c 'echo inside; exit 20'; systemd-run --nosuch`,
    status: 1,
  },
  {
    name: "script, which makes a terminal",
    needs: ["script"],
    script: sh`script -qec 'test -t 0 && echo terminal; exit 21' typescript </dev/null`,
    status: 21,
  },
  {
    name: "expect",
    needs: ["expect"],
    script:
      sh`expect -c 'log_user 0; spawn cat; send "x\r"; expect -re {x[\r\n]+x}; puts matched; close; wait; exit 22'`,
    status: 22,
  },
  {
    name: "tmux",
    needs: ["tmux"],
    script: sh`tmux -S t -f /dev/null new-session -d 'echo inside >o; tmux -S t wait-for -S done; exec cat'
      tmux -S t wait-for done; cat o; tmux -S t kill-server`,
  },
  {
    name: "ip, ss",
    needs: ["ip", "ss", "unshare"],
    script:
      sh`unshare --net sh -c 'ip link set lo up; ip -br addr show lo; ss -tln | wc -l; ip link set nosuch up'`,
    status: 1,
  },
];

const PACKAGES: readonly DebianProgram[] = [
  {
    name: "apt-get -s",
    needs: ["apt-get"],
    script: sh`${APT}apt-get -s remove thing; apt-get -s install nosuch`,
    status: 100,
  },
  {
    name: "apt-get update, over TLS that is none",
    needs: ["apt-get"],
    script: sh`${APT}apt-get update`,
    volatile: /in \d+s \(.*\)/g,
  },
  {
    name: "dpkg, dpkg-deb",
    needs: ["dpkg", "dpkg-deb"],
    script: sh`mkdir -p p/DEBIAN; export SOURCE_DATE_EPOCH=1
      printf 'Package: thing\nArchitecture: all\nVersion: 1.0\nMaintainer: n <n@example.org>\nDescription: x\n' >p/DEBIAN/control
      dpkg-deb --root-owner-group -b p t.deb && sha256sum t.deb; dpkg-deb -f t.deb Package; dpkg --compare-versions 1.0 gt 2.0`,
    status: 1,
  },
];

const FILES: readonly DebianProgram[] = [
  {
    name: "tar, gzip, bzip2, xz, zstd",
    needs: ["tar", "gzip", "bzip2", "xz", "zstd"],
    script: sh`seq 20000 >s; for z in gzip bzip2 'xz -T2' 'zstd -T2'; do
        tar --mtime=@0 --owner=0 --group=0 --mode=600 -I "$z" -cf s.z s && sha256sum s.z && tar -I "$z" -xOf s.z | cksum
      done; tar -xf nosuch`,
    status: 2,
  },
  {
    name: "find, xargs, sort",
    needs: ["find", "xargs", "sort"],
    script: sh`mkdir -p a/b c; touch a/b/1 c/2; find . -type f -exec echo {} + | tr ' ' '\n' | sort
      seq 100 | xargs -P2 -n50 echo | wc -w; seq 50000 | sort -R | sort -n --parallel=2 | tail -1; find nosuch`,
    status: 1,
  },
  {
    name: "sed, ed, bc, m4, grep",
    needs: ["sed", "ed", "bc", "m4", "grep"],
    script: sh`echo abc | sed 's/b/x/w o'; cat o; printf 'a\nx\n.\nw f\nq\n' | ed -s; cat f
      echo '2^100' | bc; echo 'define(X,1)X' | m4; grep nosuch f`,
    status: 1,
  },
  {
    name: "jq",
    needs: ["jq"],
    script: sh`echo '{"a":[1,2]}' | jq -c '.a|add'; echo '{' | jq . || exit 2`,
    status: 2,
  },
  {
    name: "sqlite3",
    needs: ["sqlite3"],
    script:
      sh`sqlite3 d 'pragma journal_mode=wal; create table t(x); insert into t values(1),(2); select sum(x) from t;'
      sqlite3 d 'pragma integrity_check;'; sqlite3 d 'select nosuch' || exit 1`,
    status: 1,
  },
  {
    name: "rsync",
    needs: ["rsync"],
    script:
      sh`mkdir a; seq 1000 >a/s; rsync -a a/ b/ && cmp a/s b/s && rsync -ain a/ b/; rsync rsync://localhost:$CLOSED_PORT/x/ c/`,
    status: 10,
  },
];

export const SYSTEM: readonly DebianProgram[] = [...PROCESSES, ...PACKAGES, ...FILES];
