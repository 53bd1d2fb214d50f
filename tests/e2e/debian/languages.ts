// SPDX-License-Identifier: MIT
/** Shells, interpreters, compilers. @module */
import { C_PROGRAM, type DebianProgram, sh } from "./program.ts";

const SHELLS: readonly DebianProgram[] = [
  {
    name: "dash",
    needs: ["dash"],
    script:
      sh`dash -c 'trap "echo end" EXIT; (exit 3) | cat; for i in 1 2 3; do echo $i & wait $!; done; exit 4'`,
    status: 4,
  },
  {
    name: "bash",
    needs: ["bash"],
    script:
      sh`bash -c 'coproc cat; p=$COPROC_PID; a=(1 2); printf "%s\n" $(< <(echo sub)) $a; kill $p; wait; nosuch; exit 5'`,
    status: 5,
  },
  {
    name: "zsh",
    needs: ["zsh"],
    script:
      sh`zsh -fc 'setopt extendedglob; touch a b c; print -l *~b; zmodload zsh/net/tcp; ztcp localhost $CLOSED_PORT; exit 6'`,
    status: 6,
  },
  {
    name: "ksh",
    needs: ["ksh93"],
    script:
      sh`ksh93 -c 'typeset -F2 x=1.5; print $((x * 3)); cat |& print -p y; read -p z; print $z; exit 7'`,
    status: 7,
  },
  {
    name: "mksh",
    needs: ["mksh"],
    script:
      sh`mksh -c 'cat |& print -p x; read -p y; print $y; print -r -- $(<$0); exit 8' /etc/debian_version`,
    status: 8,
  },
  {
    name: "busybox, static",
    needs: ["busybox"],
    script: sh`busybox sh -c 'seq 3 | busybox awk "{ s += \$1 } END { print s }"; busybox nosuch; exit 9'`,
    status: 9,
  },
];

const INTERPRETERS: readonly DebianProgram[] = [
  {
    name: "perl",
    needs: ["perl"],
    script: sh`perl -e '
      if (my $p = fork) { waitpid $p, 0; print $? >> 8, "\n" } else { exit 9 }
      print join(",", map { $_ * 2 } 1..5), "\n", qx(echo sub);
      local $SIG{ALRM} = sub { print "alarm\n" }; kill ALRM => $$;
      die "died\n"'`,
    status: 255,
  },
  {
    name: "python3, with processes and threads",
    needs: ["/usr/bin/python3"],
    script: sh`/usr/bin/python3 - <<'END'
import multiprocessing, socket, subprocess, threading
def square(n): return n * n
with multiprocessing.get_context("fork").Pool(2) as pool: print(pool.map(square, range(5)))
a, b = socket.socketpair()
sender = threading.Thread(target=lambda: a.sendall(b"x" * 1000000))
sender.start()
print(len(b.recv(1000000, socket.MSG_WAITALL)))
sender.join()
print(subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
b.close()
try: a.send(b"x")
except OSError as error: print(error)
END`,
  },
  {
    name: "python3, TLS and its errors",
    needs: ["/usr/bin/python3"],
    script: sh`/usr/bin/python3 - <<'END'
import os, socket, ssl
context = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])
for port in "TLS_PORT", "PLAIN_PORT":
    with socket.create_connection(("localhost", int(os.environ[port]))) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(b"GET /page HTTP/1.0\r\nConnection: close\r\n\r\n")
                print(len(b"".join(iter(lambda: tls.recv(4096), b""))), tls.version())
        except ssl.SSLError as error: print(error.library, error.reason)
try: context.load_cert_chain(os.environ["CERTIFICATE"], os.environ["CERTIFICATE"])
except ssl.SSLError as error: print(error.library, error.reason)
END`,
  },
  {
    name: "ruby",
    needs: ["ruby"],
    script: sh`ruby -e '
      require "open3"
      r, w = IO.pipe
      fork { w.puts "child"; exit! 0 }
      Process.wait
      puts r.gets, Thread.new { 6 * 7 }.value, Open3.capture2e("echo out; echo err >&2")[0]
      exit 11'`,
    status: 11,
  },
  {
    name: "ruby, TLS and its errors",
    needs: ["ruby"],
    script: sh`ruby -ropenssl -rsocket -e '
      ["TLS_PORT", "PLAIN_PORT"].each do |port|
        context = OpenSSL::SSL::SSLContext.new
        context.ca_file = ENV["CERTIFICATE"]
        tls = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("localhost", ENV[port].to_i), context)
        tls.connect
        tls.write "GET /page HTTP/1.0\r\nConnection: close\r\n\r\n"
        puts OpenSSL::Digest::SHA256.hexdigest(tls.read)
      rescue OpenSSL::SSL::SSLError => error
        puts error.message
      end
      p OpenSSL.errors'`,
    volatile: /peeraddr=\S+/g,
  },
  {
    name: "lua",
    needs: ["lua5.4"],
    script: sh`lua5.4 -e '
      local p = io.popen("echo sub; exit 3"); print(p:read("a"), p:close())
      print(coroutine.wrap(function() coroutine.yield(1) end)()); error("thrown")'`,
    status: 1,
  },
  {
    name: "tclsh",
    needs: ["tclsh"],
    script: sh`tclsh <<'END'
puts [exec echo sub]
set server [socket -server {apply {{channel address port} {puts $channel hello; close $channel}}} -myaddr 127.0.0.1 0]
set client [socket 127.0.0.1 [lindex [fconfigure $server -sockname] 2]]
fileevent $client readable {set done [gets $client]}
vwait done
puts $done
exit 12
END`,
    status: 12,
  },
  {
    name: "gawk",
    needs: ["gawk"],
    script: sh`seq 10 | gawk '{ s += $1 } END { "echo sub" | getline x; print s, x, strftime("%F", 0)
      print "y" |& "cat"; close("cat", "to"); "cat" |& getline y; print y
      print ("/inet/tcp/0/localhost/" ENVIRON["CLOSED_PORT"] |& getline z); exit 13 }'`,
    status: 13,
  },
  {
    name: "mawk",
    needs: ["mawk"],
    script: sh`seq 10 | mawk '{ s += $1 } END { print s; system("echo sub; exit 2"); exit 14 }'`,
    status: 14,
  },
  {
    name: "node",
    needs: ["node"],
    script: sh`node -e '
      const { execFileSync } = require("child_process");
      console.log(execFileSync("echo", ["sub"], { encoding: "utf8" }));
      console.log(require("crypto").createHash("sha256").update("x").digest("hex"));
      const worker = new (require("worker_threads").Worker)("process.exit(3)", { eval: true });
      worker.on("exit", (code) => process.exitCode = code + 12);'`,
    status: 15,
  },
  {
    name: "node, TLS and its errors",
    needs: ["node"],
    script: sh`node -e '
      const ca = require("fs").readFileSync(process.env.CERTIFICATE);
      const ask = (port) => new Promise((answer) => require("https")
        .get({ host: "localhost", port, path: "/page", agent: false, ca }, (response) => {
          let length = 0;
          response.on("data", (data) => length += data.length).on("end", () => answer(length));
        }).on("error", ({ code }) => answer(code)));
      const { TLS_PORT, PLAIN_PORT } = process.env;
      ask(TLS_PORT).then(console.log).then(() => ask(PLAIN_PORT)).then(console.log);'`,
  },
  {
    name: "java",
    needs: ["java"],
    script: sh`java -XX:TieredStopAtLevel=1 -version; java NoSuchClass`,
    status: 1,
  },
  {
    name: "java, TLS by keytool",
    needs: ["keytool"],
    script: sh`keytool -J-XX:TieredStopAtLevel=1 -printcert -sslserver localhost:$TLS_PORT | grep SHA256:`,
  },
  {
    name: "php",
    needs: ["php"],
    script: sh`php -r '
      echo shell_exec("echo sub"), hash("sha256", "x"), "\n";
      $server = stream_socket_server("tcp://127.0.0.1:0");
      $client = stream_socket_client("tcp://" . stream_socket_get_name($server, false));
      fwrite(stream_socket_accept($server), "hello\n");
      echo fgets($client);
      exit(16);'`,
    status: 16,
  },
  {
    name: "php, TLS and its errors",
    needs: ["php"],
    script: sh`php -r '
      $context = stream_context_create(["ssl" => ["cafile" => getenv("CERTIFICATE")]]);
      foreach (["TLS_PORT", "PLAIN_PORT"] as $port) {
        $text = file_get_contents("https://localhost:" . getenv($port) . "/page", false, $context);
        echo hash("sha256", (string) $text), "\n";
      }
      openssl_x509_read("rubbish");
      while ($error = openssl_error_string()) echo $error, "\n";'`,
  },
  {
    name: "php, TLS in curl, which is loaded with RTLD_DEEPBIND",
    needs: ["php", "/usr/share/php8.2-curl"],
    script: sh`php -r '
      foreach (["TLS_PORT", "PLAIN_PORT"] as $port) {
        $curl = curl_init("https://localhost:" . getenv($port) . "/page");
        curl_setopt_array($curl, [CURLOPT_CAINFO => getenv("CERTIFICATE"), CURLOPT_RETURNTRANSFER => 1]);
        $text = curl_exec($curl);
        echo $text === false ? curl_error($curl) : hash("sha256", $text), "\n";
      }'`,
  },
];

const COMPILERS: readonly DebianProgram[] = [
  {
    name: "gcc",
    needs: ["gcc"],
    script:
      sh`${C_PROGRAM}gcc -O2 -pipe -o p p.c && ./p a; gcc -c -o p.o p.c && sha256sum p.o; echo 'int main(' | gcc -x c -`,
    status: 1,
  },
  {
    name: "clang",
    needs: ["clang"],
    script:
      sh`${C_PROGRAM}clang -O1 -o p p.c && ./p a; clang -c -o p.o p.c && sha256sum p.o; echo 'int main(' | clang -x c -`,
    status: 1,
  },
  { name: "tcc", needs: ["tcc"], script: sh`${C_PROGRAM}tcc -o p p.c && ./p; tcc -run p.c a b`, status: 2 },
  {
    name: "as, ld, ar, nm, objdump",
    needs: ["as", "ld", "ar", "nm", "objdump"],
    script: sh`printf '.globl _start\n_start: nop\n' | as -o s.o && ld -o s s.o && ar rcsD s.a s.o
      objdump -d s | tail -1; nm s.a; sha256sum s.a s; ld -o t nosuch.o`,
    status: 1,
  },
  {
    name: "make",
    needs: ["make"],
    script:
      sh`printf 'all: a b\n\t@cat a b\na b:\n\t@echo $@ >$@\nfails: ; exit 3\n' >Makefile; make -j2 -O; make fails`,
    status: 2,
  },
  {
    name: "nasm",
    needs: ["nasm"],
    script:
      sh`echo 'mov eax, 1' >x.s; nasm -f bin -o x x.s && od -An -tx1 x; echo 'rubbish rubbish' >y.s; nasm y.s`,
    status: 1,
  },
  {
    name: "bison, flex",
    needs: ["bison", "flex"],
    script:
      sh`printf '%%%%\nx: ;\n' >x.y; bison -o x.c x.y && sha256sum x.c; printf '%%%%\na ;\n%%%%\n' | flex -t | sha256sum; bison nosuch`,
    status: 1,
  },
];

export const LANGUAGES: readonly DebianProgram[] = [...SHELLS, ...INTERPRETERS, ...COMPILERS];
