// SPDX-License-Identifier: MIT
/** Servers of the table. @module */
import { sh } from "../e2e/debian/program.ts";
import { HTTP2_REQUEST } from "./conversations.ts";
import { NODEJS, NODEJS_LIBRARIES, OPENSSL_RELEASES, ROOTS, type ServerRow } from "./rows.ts";

const BOTH = sh`cat $CERTIFICATE $KEY >both.pem`;
const PAGE = sh`head -c 200000 /dev/zero | tr '\0' a >page`;
const PYTHON = sh`exec /usr/bin/python3 -c '
import os, ssl
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(os.environ["CERTIFICATE"], os.environ["KEY"])
ADDRESS = ("127.0.0.1", int(os.environ["PORT"]))
ANSWER = b"HTTP/1.0 200 OK\r\n\r\n" + b"a" * 200000`;

/** Another mail server may be installed: that of bookworm is taken out of a root. */
const EXIM = `${ROOTS}/bookworm/usr/sbin/exim4`;
const nodeServer = (create: string) =>
  sh`
const [cert, key] = ["CERTIFICATE", "KEY"].map((name) => require("fs").readFileSync(process.env[name]));
require(${create}({ cert, key }, (_, answer) => answer.end("a".repeat(200000))).listen(Number(process.env.PORT), "127.0.0.1")`;
const NODE_SERVER = nodeServer(`"https").createServer`);
const NODE_HTTP2_SERVER = nodeServer(`"http2").createSecureServer`);

/** A server with a library, and how it is started. */
const row = (
  program: string,
  library: string,
  needs: string,
  script: string,
  more: Partial<ServerRow> = {},
): ServerRow => ({ program, library, needs: needs.split(" "), script, ...more });

const nginx = (location: string) =>
  sh`mkdir logs; cat >conf <<END
daemon off; pid $PWD/pid; error_log stderr; user root;
events {}
http { access_log off; client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
  server { listen 127.0.0.1:$PORT ssl; ssl_certificate $CERTIFICATE; ssl_certificate_key $KEY; location / { ${location} } } }
END
exec nginx -c $PWD/conf`;

const apache = (model: string) =>
  sh`${PAGE}; mkdir run; M=/usr/lib/apache2/modules; cat >conf <<END
ServerName localhost
Listen 127.0.0.1:$PORT
PidFile $PWD/run/pid
DefaultRuntimeDir $PWD/run
ErrorLog $PWD/run/log
LoadModule mpm_${model}_module $M/mod_mpm_${model}.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule ssl_module $M/mod_ssl.so
User www-data
DocumentRoot $PWD
SSLEngine on
SSLCertificateFile $CERTIFICATE
SSLCertificateKeyFile $KEY
END
exec apache2 -f $PWD/conf -DFOREGROUND`;

const lighttpd = (module: string) =>
  sh`${PAGE}; ${BOTH}; cat >conf <<END
server.modules = ("mod_${module}")
server.document-root = "$PWD"
server.bind = "127.0.0.1"
server.port = $PORT
ssl.engine = "enable"
ssl.pemfile = "both.pem"
END
exec lighttpd -D -f conf`;

const GET_PAGE = "GET /page HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";

export const SERVERS: readonly ServerRow[] = [
  row("nginx", "OpenSSL", "nginx", sh`${PAGE}; ${nginx("root $PWD;")}`, { request: GET_PAGE }),
  row("Apache, prefork", "OpenSSL", "apache2", apache("prefork"), { request: GET_PAGE }),
  row("Apache, event", "OpenSSL", "apache2", apache("event"), { request: GET_PAGE }),
  row(
    "HAProxy",
    "OpenSSL",
    "haproxy",
    sh`${BOTH}; cat >conf <<END
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend f
  bind 127.0.0.1:$PORT ssl crt both.pem
  http-request return status 200 content-type text/plain string "answer"
END
exec haproxy -f conf`,
  ),
  row("lighttpd", "OpenSSL", "lighttpd /usr/lib/lighttpd/mod_openssl.so", lighttpd("openssl"), {
    request: GET_PAGE,
  }),
  row("lighttpd", "mbed TLS", "lighttpd /usr/lib/lighttpd/mod_mbedtls.so", lighttpd("mbedtls"), {
    request: GET_PAGE,
  }),
  row(
    "stunnel",
    "OpenSSL",
    "stunnel4",
    sh`cat >conf <<END
pid =
foreground = yes
[s]
accept = 127.0.0.1:$PORT
cert = $CERTIFICATE
key = $KEY
exec = /bin/echo
execArgs = echo an answer
END
exec stunnel4 conf`,
  ),
  row(
    "socat",
    "OpenSSL",
    "socat",
    sh`exec socat OPENSSL-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork,cert=$CERTIFICATE,key=$KEY,verify=0 SYSTEM:'head -c 20; echo answer'`,
    { answerBytes: 27 },
  ),
  ...OPENSSL_RELEASES.map(({ library, needs, command }) =>
    row(
      "openssl s_server",
      library,
      needs,
      sh`${PAGE}; exec ${command} s_server -accept 127.0.0.1:$PORT -cert $CERTIFICATE -key $KEY -WWW -quiet`,
      { request: GET_PAGE },
    )
  ),
  row(
    "gnutls-serv",
    "GnuTLS",
    "gnutls-serv",
    sh`exec gnutls-serv --http --port $PORT --x509certfile $CERTIFICATE --x509keyfile $KEY --disable-client-cert`,
  ),
  row(
    "selfserv",
    "NSS",
    "selfserv certutil pk12util openssl",
    sh`mkdir n; certutil -N -d sql:n --empty-password
openssl pkcs12 -export -in $CERTIFICATE -inkey $KEY -name peer -out p.p12 -passout pass:
pk12util -i p.p12 -d sql:n -W '' -K '' >/dev/null; exec selfserv -n peer -p $PORT -d sql:n`,
  ),
  row(
    "Python, blocking",
    "OpenSSL",
    "/usr/bin/python3",
    sh`${PYTHON}
import socket
listener = CONTEXT.wrap_socket(socket.create_server(ADDRESS), server_side=True)
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(ANSWER)
    connection.unwrap()
'`,
  ),
  row(
    "Python, asyncio",
    "OpenSSL",
    "/usr/bin/python3",
    sh`${PYTHON}
import asyncio
async def serve(reader, writer):
    await reader.read(4096)
    writer.write(ANSWER)
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, *ADDRESS, ssl=CONTEXT)
    await server.serve_forever()
asyncio.run(main())'`,
  ),
  row(
    "Python, forking",
    "OpenSSL",
    "/usr/bin/python3",
    sh`${PYTHON}
import socketserver
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(4096)
        self.request.sendall(ANSWER)
        self.request.unwrap()
class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
    def get_request(self):
        connection, address = super().get_request()
        return CONTEXT.wrap_socket(connection, server_side=True), address
Server(ADDRESS, Handler).serve_forever()'`,
  ),
  row(
    "Perl, IO::Socket::SSL",
    "OpenSSL",
    "perl /usr/share/perl5/IO/Socket/SSL.pm",
    sh`exec perl -MIO::Socket::SSL -e '
my $listener = IO::Socket::SSL->new(LocalAddr => "127.0.0.1", LocalPort => $ENV{PORT}, Listen => 5,
  SSL_cert_file => $ENV{CERTIFICATE}, SSL_key_file => $ENV{KEY}) or die;
while (1) { my $socket = $listener->accept or next; while (<$socket>) { last if /^\r?\n/ } print $socket "a" x 200000; close $socket; }'`,
  ),
  row(
    "Ruby",
    "OpenSSL",
    "ruby",
    sh`exec ruby -rsocket -ropenssl -e '
context = OpenSSL::SSL::SSLContext.new
context.cert = OpenSSL::X509::Certificate.new(File.read(ENV["CERTIFICATE"]))
context.key = OpenSSL::PKey.read(File.read(ENV["KEY"]))
listener = OpenSSL::SSL::SSLServer.new(TCPServer.new("127.0.0.1", ENV["PORT"].to_i), context)
loop { socket = listener.accept; socket.gets; socket.write("a" * 200000); socket.close }'`,
  ),
  row(
    "PHP, streams",
    "OpenSSL",
    "php",
    sh`${BOTH}; exec php -r '
$context = stream_context_create(["ssl" => ["local_cert" => "both.pem"]]);
$listener = stream_socket_server("ssl://127.0.0.1:" . getenv("PORT"), $number, $text, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
while (true) { $socket = @stream_socket_accept($listener, 60); if (!$socket) continue; fgets($socket); fwrite($socket, str_repeat("a", 200000)); fclose($socket); }'`,
  ),
  row(
    "Redis",
    "OpenSSL",
    "redis-server",
    sh`exec redis-server --port 0 --tls-port $PORT --bind 127.0.0.1 --tls-cert-file $CERTIFICATE --tls-key-file $KEY --tls-ca-cert-file $CERTIFICATE --tls-auth-clients no --save ''`,
    { request: "PING\r\n", answerBytes: 7 },
  ),
  row(
    "nodejs of Debian",
    "OpenSSL",
    NODEJS,
    sh`export LD_LIBRARY_PATH=${NODEJS_LIBRARIES}; exec ${NODEJS} -e '${NODE_SERVER}'`,
  ),
  row(
    "nodejs of Debian, HTTP/2",
    "OpenSSL",
    NODEJS,
    sh`export LD_LIBRARY_PATH=${NODEJS_LIBRARIES}; exec ${NODEJS} -e '${NODE_HTTP2_SERVER}'`,
    { protocol: "h2", request: HTTP2_REQUEST },
  ),
  row(
    "mosquitto",
    "OpenSSL",
    "mosquitto",
    sh`printf 'listener %s 127.0.0.1\ncertfile %s\nkeyfile %s\nallow_anonymous true\nuser root\n' $PORT $CERTIFICATE $KEY >conf
exec mosquitto -c conf`,
    { request: "\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0\xe0\0" },
  ),
  row(
    "ngircd",
    "GnuTLS",
    "ngircd",
    sh`cat >conf <<END
[Global]
Name = irc.example.net
Listen = 127.0.0.1
ServerUID = root
ServerGID = root
[Options]
Ident = no
DNS = no
[SSL]
CertFile = $CERTIFICATE
KeyFile = $KEY
Ports = $PORT
END
exec ngircd -n -f $PWD/conf`,
    { request: "NICK a\r\nUSER a 0 * :a\r\nQUIT\r\n" },
  ),
  row(
    "OpenLDAP",
    "GnuTLS",
    "slapd",
    sh`mkdir d; cat >conf <<END
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_ldif
TLSCertificateFile $CERTIFICATE
TLSCertificateKeyFile $KEY
database ldif
suffix "dc=x"
directory $PWD/d
END
exec slapd -d 0 -f conf -h ldaps://127.0.0.1:$PORT`,
    // An anonymous bind, and the end.
    { request: "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0\x30\x05\x02\x01\x02\x42\0" },
  ),
  row(
    "exim",
    "GnuTLS",
    EXIM,
    sh`cat >conf <<END
spool_directory = $PWD
log_file_path = $PWD/%slog
exim_user = root
exim_group = root
tls_certificate = $CERTIFICATE
tls_privatekey = $KEY
tls_advertise_hosts = *
tls_on_connect_ports = $PORT
smtp_enforce_sync = false
host_lookup =
END
exec ${EXIM} -bdf -C $PWD/conf -oX 127.0.0.1.$PORT`,
    { request: "EHLO a\r\nQUIT\r\n" },
  ),
  row(
    "Go",
    "its own, built in",
    "go",
    sh`cat >serve.go <<'END'
package main
import ("io"; "net/http"; "os"; "strings")
func main() {
	answer := func(to http.ResponseWriter, _ *http.Request) { io.WriteString(to, strings.Repeat("a", 200000)) }
	http.ListenAndServeTLS("127.0.0.1:" + os.Getenv("PORT"), os.Getenv("CERTIFICATE"), os.Getenv("KEY"), http.HandlerFunc(answer))
}
END
GOCACHE=$PWD/cache GOFLAGS=-mod=mod go build -o serve serve.go; exec ./serve`,
  ),
  row(
    "node of npm",
    "OpenSSL, built in",
    "node",
    sh`exec node -e '${NODE_SERVER}'`,
  ),
  row(
    "Deno",
    "rustls, built in",
    "deno",
    sh`exec deno eval '
const [cert, key] = ["CERTIFICATE", "KEY"].map((name) => Deno.readTextFileSync(process.env[name]));
Deno.serve({ hostname: "127.0.0.1", port: Number(process.env.PORT), cert, key }, () => new Response("a".repeat(200000)))'`,
  ),
];
