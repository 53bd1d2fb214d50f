# SPDX-License-Identifier: MIT
"""Tunnels over HTTP/2 with h2, which is told not to demand a :path of every CONNECT.

http2_tunnels.py server CERTIFICATE KEY: CONNECT reaches the authority, but for port 1, which is refused. Says "listening
PORT"; ends after one connection.
http2_tunnels.py client PORT CERTIFICATE WORD...: a WebSocket to each path and a CONNECT to each authority, which is asked by
HTTP/1.1, all at a time.

Both say as JSON lines each exchange with what its tunnel carried.
"""
import hashlib, json, select, socket, ssl, sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, SettingsAcknowledged, StreamEnded
from wsproto.connection import Connection as WebSocketConnection, ConnectionType
from wsproto.events import CloseConnection, TextMessage

MESSAGES = ["hello over HTTP/2", "x" * 20_000, "bye"]


class Tunnel:
    def __init__(self, method: str, path: str):
        self.method, self.path, self.status = method, path, 0
        self.carried = [b"", b""]
        self.web_socket = WebSocketConnection(ConnectionType.CLIENT) if path.startswith("/") else None
        self.socket: socket.socket | None = None
        self.answered = 0

    def tell(self):
        none = hashlib.sha256(b"").hexdigest()[:16]
        print(json.dumps({
            "method": self.method, "path": self.path, "status": self.status, "requestBody": none,
            "responseBody": none, "requestBytes": 0, "responseBytes": 0,
            "tunnel": [f"{len(bytes_)} {hashlib.sha256(bytes_).hexdigest()[:16]}" for bytes_ in self.carried],
        }), flush=True)


class Connection:
    """One TLS connection. What a tunnel of these tests carries fits into the windows that both ends begin with."""

    def __init__(self, tls: ssl.SSLSocket, is_client: bool):
        self.tls = tls
        self.own = 0 if is_client else 1
        self.tunnels: dict[int, Tunnel] = {}
        self.h2 = H2Connection(H2Configuration(
            client_side=is_client, header_encoding="utf-8", validate_outbound_headers=False,
            validate_inbound_headers=False,
        ))
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.tls.sendall(self.h2.data_to_send())

    def send(self, stream: int, bytes_: bytes, end: bool = False):
        self.tunnels[stream].carried[self.own] += bytes_
        size = self.h2.max_outbound_frame_size
        for at in range(0, len(bytes_), size):
            self.h2.send_data(stream, bytes_[at:at + size])
        if end:
            self.h2.end_stream(stream)

    def receive(self):
        """The next events; none when the other end has gone."""
        bytes_ = self.tls.recv(65536)
        events = self.h2.receive_data(bytes_) if bytes_ else []
        for event in events:
            if isinstance(event, DataReceived):
                self.tunnels[event.stream_id].carried[1 - self.own] += event.data
        return events


# The server


def serve(tls: ssl.SSLSocket):
    connection = Connection(tls, False)
    while True:
        connection.flush()
        relays = {tunnel.socket: stream for stream, tunnel in connection.tunnels.items() if tunnel.socket}
        ready = [tls] if tls.pending() else select.select([tls, *relays], [], [])[0]
        for one in ready:
            if one is tls:
                events = connection.receive()
                if not events:
                    return
                for event in events:
                    serve_event(connection, event)
            elif bytes_ := one.recv(16384):
                connection.send(relays[one], bytes_)
            else:
                finish(connection, relays[one])


def serve_event(connection: Connection, event):
    if isinstance(event, RequestReceived):
        fields = dict(event.headers)
        tunnel = Tunnel("CONNECT", fields[":authority"])
        connection.tunnels[event.stream_id] = tunnel
        host, port = tunnel.path.split(":")
        tunnel.status = 403 if port == "1" else 200
        connection.h2.send_headers(event.stream_id, [(":status", str(tunnel.status))], tunnel.status == 403)
        if tunnel.status == 200:
            tunnel.socket = socket.create_connection((host, int(port)))
        else:
            tunnel.tell()
    elif isinstance(event, (DataReceived, StreamEnded)) and (relay := connection.tunnels[event.stream_id].socket):
        if isinstance(event, DataReceived):
            relay.sendall(event.data)
        else:
            relay.shutdown(socket.SHUT_WR)


def finish(connection: Connection, stream: int):
    tunnel = connection.tunnels[stream]
    tunnel.socket.close()
    tunnel.socket = None
    connection.send(stream, b"", True)
    tunnel.tell()


# The client


def ask(connection: Connection, port: str, words: list[str]):
    for word in words:
        stream = connection.h2.get_next_available_stream_id()
        if word.startswith("/"):
            tunnel = Tunnel("GET", word)
            fields = [
                (":protocol", "websocket"), (":scheme", "https"), (":path", word), (":authority", f"localhost:{port}"),
                ("sec-websocket-version", "13"),
            ]
        else:
            tunnel, fields = Tunnel("CONNECT", word), [(":authority", word)]
        connection.tunnels[stream] = tunnel
        connection.h2.send_headers(stream, [(":method", "CONNECT"), *fields])


def answered(connection: Connection, event):
    """The first thing to be sent, once the tunnel stands."""
    stream = event.stream_id
    tunnel = connection.tunnels[stream]
    tunnel.status = int(dict(event.headers)[":status"])
    if tunnel.web_socket:
        tunnel.status = 101 if tunnel.status == 200 else tunnel.status
        connection.send(stream, tunnel.web_socket.send(TextMessage(MESSAGES[0])))
    elif tunnel.status == 200:
        request = f"GET /inside HTTP/1.1\r\nHost: {tunnel.path}\r\nConnection: close\r\n\r\n"
        connection.send(stream, request.encode(), True)


def carried(connection: Connection, event):
    tunnel = connection.tunnels[event.stream_id]
    if not tunnel.web_socket:
        return
    tunnel.web_socket.receive_data(event.data)
    for message in tunnel.web_socket.events():
        if isinstance(message, TextMessage) and message.message_finished:
            tunnel.answered += 1
            more = tunnel.answered < len(MESSAGES)
            following = TextMessage(MESSAGES[tunnel.answered]) if more else CloseConnection(1000)
            connection.send(event.stream_id, tunnel.web_socket.send(following))
        elif isinstance(message, CloseConnection):
            connection.send(event.stream_id, b"", True)


def client(tls: ssl.SSLSocket, port: str, words: list[str]):
    connection = Connection(tls, True)
    left = len(words)
    while left > 0:
        for event in connection.receive():
            if isinstance(event, SettingsAcknowledged):
                # By then the server's own have come, with the word that it takes extended CONNECT.
                ask(connection, port, words)
            elif isinstance(event, ResponseReceived):
                answered(connection, event)
            elif isinstance(event, DataReceived):
                carried(connection, event)
            elif isinstance(event, StreamEnded):
                connection.tunnels[event.stream_id].tell()
                left -= 1
        connection.flush()
    connection.h2.close_connection()
    connection.flush()


if sys.argv[1] == "server":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening {listener.getsockname()[1]}", flush=True)
    plain, _ = listener.accept()
    with context.wrap_socket(plain, server_side=True) as tls:
        serve(tls)
else:
    context = ssl.create_default_context(cafile=sys.argv[3])
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            client(tls, sys.argv[2], sys.argv[4:])
