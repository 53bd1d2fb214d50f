// SPDX-License-Identifier: MIT
/** Clients of the table. @module */
import { fileURLToPath } from "node:url";
import { sh } from "../e2e/debian/program.ts";
import { HTTP2_ANSWERS, POSTGRES_ANSWERS } from "./conversations.ts";
import { type ClientRow, LIBRARIES, NODEJS, NODEJS_LIBRARIES, OPENSSL_RELEASES } from "./rows.ts";

const NSS_CURL = fileURLToPath(new URL("../e2e/programs/nss_curl.py", import.meta.url));
const BYE = "* BYE at once\r\n";
const REQUEST = sh`printf 'GET /page HTTP/1.0\r\n\r\n'`;

/** A client with a library, and what it is called with. */
const row = (program: string, library: string, needs: string, script: string): ClientRow => ({
  program,
  library,
  needs: needs.split(" "),
  script,
});

export const CLIENTS: readonly ClientRow[] = [
  row("curl", "OpenSSL", "curl", sh`exec curl -sk -o /dev/null $URL`),
  row(
    "curl, libcurl's NSS flavour",
    "NSS",
    `python3 ${LIBRARIES}/libcurl-nss.so.4`,
    sh`exec /usr/bin/python3 ${NSS_CURL} "${"${URL%/page}"}" page`,
  ),
  row("wget", "GnuTLS", "wget", sh`exec wget -q --no-check-certificate -O /dev/null $URL`),
  row("git", "GnuTLS", "git", sh`exec git -c http.sslVerify=false ls-remote $URL`),
  row("aria2c", "GnuTLS", "aria2c", sh`exec aria2c -q --check-certificate=false -o got $URL`),
  row("lynx", "GnuTLS", "lynx", sh`echo FORCE_SSL_PROMPT:yes >cfg; exec lynx -cfg=cfg -dump -source $URL`),
  row("w3m", "OpenSSL", "w3m", sh`printf 'y\ny\n' | w3m -dump_source $URL`),
  row("elinks", "GnuTLS", "elinks", sh`exec elinks -eval 'set connection.ssl.cert_verify = 0' -source $URL`),
  row(
    "apt-get",
    "GnuTLS",
    "apt-get",
    sh`mkdir -p l/partial
echo "deb [trusted=yes] ${"${URL%/page}"} s main" >sources
exec apt-get -o Dir::Etc::sourcelist=$PWD/sources -o Dir::Etc::sourceparts=/none -o Dir::State::lists=$PWD/l \
  -o Acquire::https::Verify-Peer=false -o Acquire::https::Verify-Host=false -o APT::Sandbox::User=root update`,
  ),
  row("lftp", "GnuTLS", "lftp", sh`exec lftp -c "set ssl:verify-certificate no; cat $URL"`),
  row(
    "Python, blocking",
    "OpenSSL",
    "/usr/bin/python3",
    sh`exec /usr/bin/python3 -c '
import os, ssl, urllib.request
urllib.request.urlopen(os.environ["URL"], context=ssl._create_unverified_context()).read()'`,
  ),
  row(
    "Python, asyncio",
    "OpenSSL",
    "/usr/bin/python3",
    sh`exec /usr/bin/python3 -c '
import asyncio, os, ssl
async def get():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["PORT"]), ssl=ssl._create_unverified_context())
    writer.write(b"GET /page HTTP/1.0\r\n\r\n")
    await reader.read(-1)
    writer.close()
asyncio.run(get())'`,
  ),
  row(
    "Python, threads",
    "OpenSSL",
    "/usr/bin/python3",
    sh`exec /usr/bin/python3 -c '
import os, ssl, threading, urllib.request
get = lambda: urllib.request.urlopen(os.environ["URL"], context=ssl._create_unverified_context()).read()
threads = [threading.Thread(target=get) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()'`,
  ),
  row(
    "nodejs of Debian",
    "OpenSSL",
    NODEJS,
    sh`export NODE_TLS_REJECT_UNAUTHORIZED=0 LD_LIBRARY_PATH=${NODEJS_LIBRARIES}
exec ${NODEJS} -e 'require("https").get(process.env.URL, (answer) => answer.resume())'`,
  ),
  {
    ...row(
      "nodejs of Debian, HTTP/2",
      "OpenSSL",
      NODEJS,
      sh`export LD_LIBRARY_PATH=${NODEJS_LIBRARIES}; exec ${NODEJS} -e '
const session = require("http2").connect(process.env.URL, { rejectUnauthorized: false });
session.request({ ":path": "/page" }).resume().on("end", () => session.close())'`,
    ),
    protocol: "h2",
    peer: { answers: HTTP2_ANSWERS },
  },
  row(
    "Perl, IO::Socket::SSL",
    "OpenSSL",
    "perl /usr/share/perl5/IO/Socket/SSL.pm",
    sh`exec perl -MIO::Socket::SSL -e '
my $socket = IO::Socket::SSL->new(PeerHost => "127.0.0.1", PeerPort => $ENV{PORT}, SSL_verify_mode => 0) or die;
print $socket "GET /page HTTP/1.0\r\n\r\n"; 1 while <$socket>;'`,
  ),
  row("Ruby", "OpenSSL", "ruby", sh`exec ruby -ropen-uri -e 'URI.open(ENV["URL"], ssl_verify_mode: 0).read'`),
  row(
    "PHP, streams",
    "OpenSSL",
    "php",
    sh`exec php -r '
file_get_contents(getenv("URL"), false, stream_context_create(["ssl" => ["verify_peer" => false, "verify_peer_name" => false]]));'`,
  ),
  row(
    "PHP, curl",
    "OpenSSL",
    "php /usr/share/php8.2-curl",
    sh`exec php -r '
$curl = curl_init(getenv("URL"));
curl_setopt_array($curl, [CURLOPT_SSL_VERIFYPEER => false, CURLOPT_SSL_VERIFYHOST => 0, CURLOPT_RETURNTRANSFER => true]);
curl_exec($curl);'`,
  ),
  ...OPENSSL_RELEASES.map(({ library, needs, command }) =>
    row(
      "openssl s_client",
      library,
      needs,
      // A library that no other program has is met while this one waits.
      sh`{ sleep 2; ${REQUEST}; } | ${command} s_client -quiet -connect 127.0.0.1:$PORT`,
    )
  ),
  row("gnutls-cli", "GnuTLS", "gnutls-cli", sh`${REQUEST} | gnutls-cli --insecure -p $PORT 127.0.0.1`),
  row(
    "tstclnt",
    "NSS",
    "tstclnt certutil",
    sh`mkdir n; certutil -N -d sql:n --empty-password
${REQUEST} >request; exec tstclnt -h 127.0.0.1 -p $PORT -d sql:n -o -b <request`,
  ),
  row("socat", "OpenSSL", "socat", sh`${REQUEST} | socat -t 5 - OPENSSL:127.0.0.1:$PORT,verify=0`),
  row(
    "ldapsearch",
    "GnuTLS",
    "ldapsearch",
    sh`LDAPTLS_REQCERT=never timeout 5 ldapsearch -x -H ldaps://127.0.0.1:$PORT -b dc=x`,
  ),
  row(
    "nginx, to its upstream",
    "OpenSSL",
    "nginx curl",
    sh`mkdir logs; cat >conf <<END
daemon off; pid $PWD/pid; error_log stderr; user root;
events {}
http { access_log off; client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  server { listen unix:$PWD/socket; location / { proxy_pass https://127.0.0.1:$PORT; } } }
END
nginx -c $PWD/conf & until curl -s -o got --unix-socket socket http://localhost/page; do sleep 0.1; done; sleep 1; kill $!; wait`,
  ),
  row(
    "php-fpm",
    "OpenSSL",
    "php-fpm8.2 cgi-fcgi",
    sh`cat >page.php <<'END'
<?php file_get_contents(getenv("URL"), false, stream_context_create(["ssl" => ["verify_peer" => false, "verify_peer_name" => false]]));
END
printf '[global]\nerror_log = %s/log\n[www]\nlisten = %s/socket\nuser = root\npm = static\npm.max_children = 1\nclear_env = no\n' $PWD $PWD >conf
php-fpm8.2 -R -F -y conf & until test -S socket; do sleep 0.1; done
SCRIPT_FILENAME=$PWD/page.php REQUEST_METHOD=GET cgi-fcgi -bind -connect socket >/dev/null; kill $!; wait`,
  ),
  {
    ...row(
      "psql",
      "OpenSSL",
      "psql",
      sh`exec psql "host=127.0.0.1 port=$PORT user=a dbname=a sslmode=require" -Atc "select 'clear' || 'text'"`,
    ),
    peer: { clear: [{ awaits: "", says: "S" }], answers: POSTGRES_ANSWERS },
  },
  row("redis-cli", "OpenSSL", "redis-cli", sh`echo PING | timeout 5 redis-cli --tls --insecure -p $PORT`),
  {
    ...row(
      "mutt",
      "GnuTLS",
      "mutt script",
      sh`cat >muttrc <<END
set folder=$PWD record="" imap_user=a imap_pass=b
set certificate_file=$CERTIFICATE ssl_ca_certificates_file=$CERTIFICATE ssl_verify_host=no
END
yes a | TERM=xterm timeout 5 script -qec "mutt -F muttrc -f imaps://127.0.0.1:$PORT" /dev/null`,
    ),
    peer: { greeting: BYE, answers: [BYE] },
  },
  row("swaks", "OpenSSL", "swaks", sh`timeout 5 swaks --tlsc --server 127.0.0.1:$PORT --to a@b --timeout 3`),
  row(
    "mosquitto_pub",
    "OpenSSL",
    "mosquitto_pub",
    sh`timeout 5 mosquitto_pub -h 127.0.0.1 -p $PORT --cafile $CERTIFICATE --insecure -t a -m b`,
  ),
  row(
    "Deno",
    "rustls, built in",
    "deno",
    sh`exec deno eval --unsafely-ignore-certificate-errors 'await (await fetch(process.env.URL)).text()'`,
  ),
  row(
    "node of npm",
    "OpenSSL, built in",
    "node",
    sh`NODE_TLS_REJECT_UNAUTHORIZED=0 exec node -e 'require("https").get(process.env.URL, (answer) => answer.resume())'`,
  ),
  row(
    "busybox wget, by openssl s_client",
    "OpenSSL",
    "busybox",
    sh`exec busybox wget -q -O /dev/null --no-check-certificate $URL`,
  ),
  row(
    "Go",
    "its own, built in",
    "go",
    sh`cat >get.go <<'END'
package main
import ("crypto/tls"; "io"; "net/http"; "os"; "time")
func main() {
	http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	answer, _ := http.Get(os.Getenv("URL"))
	io.Copy(io.Discard, answer.Body)
	time.Sleep(time.Second)
}
END
test -x $SHARED/get || GOCACHE=$PWD/cache GOFLAGS=-mod=mod go build -o $SHARED/get get.go; exec $SHARED/get`,
  ),
];
