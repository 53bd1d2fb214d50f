# SPDX-License-Identifier: MIT
"""A client that floods a server of HTTP/2: http2_flood.py PORT COUNT KIND...

Of each kind it sends so many units, over as many connections as the server makes necessary, reading all the while. Requests
have paths of their own: /KIND/NUMBER/a. Says how many connections it made.
"""
import select, socket, ssl, struct, sys

PORT, COUNT, KINDS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
WINDOW = 0x7FFFFFFF
# Streams that every server takes at a time, and more than any takes.
AT_A_TIME, TOO_MANY = 50, 200


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def head(method: int, path: str) -> bytes:
    return bytes([method, 0x87]) + b"\x01\x09localhost\x04" + bytes([len(path)]) + path.encode()


GET, POST = 0x82, 0x83
TRAILER = b"\x00\x05x-sum\x0242"


class Closed(Exception):
    pass


class Connection:
    def __init__(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT)))
        self.socket.setblocking(False)
        self.read, self.unsent = b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        self.unsent += frame(SETTINGS, 0, 0, struct.pack(">HI", 4, WINDOW))
        self.unsent += frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW - 65535))
        self.stream, self.open, self.window, self.answered = -1, set(), 65535, False

    def next(self) -> int:
        self.stream += 2
        self.open.add(self.stream)
        return self.stream

    def send(self, *frames: bytes):
        self.unsent += b"".join(frames)
        if len(self.unsent) > 16384:
            self.until(lambda: not self.unsent)

    def data(self, stream: int, payload: bytes, flags: int = 0):
        self.until(lambda: self.window >= len(payload))
        self.window -= len(payload)
        self.send(frame(DATA, flags, stream, payload))

    def until(self, done):
        """Writes and reads until it is so."""
        try:
            while not done():
                select.select([self.socket], [self.socket] if self.unsent else [], [])
                self.write()
                self.receive()
        except (OSError, ssl.SSLError) as error:
            raise Closed from error

    def write(self):
        try:
            if self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent):]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass

    def receive(self):
        try:
            while True:
                received = self.socket.recv(65536)
                if not received:
                    raise Closed
                self.read += received
                self.frames()
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass

    def frames(self):
        at = 0
        while len(self.read) - at >= 9:
            end = at + 9 + int.from_bytes(self.read[at:at + 3], "big")
            if len(self.read) < end:
                break
            kind, flags, stream = struct.unpack(">BBI", self.read[at + 3:at + 9])
            if kind == RST_STREAM or kind in (DATA, HEADERS) and flags & END_STREAM:
                self.open.discard(stream)
            elif kind == SETTINGS and not flags & ACK:
                self.unsent += frame(SETTINGS, ACK, 0)
            elif kind == WINDOW_UPDATE and stream == 0:
                self.window += int.from_bytes(self.read[at + 9:end], "big")
            elif kind == PING and flags & ACK and self.read[at + 9:end] == b"the-last":
                self.answered = True
            elif kind == GOAWAY:
                # Node does not read on then, and does not close.
                raise Closed
            at = end
        self.read = self.read[at:]

    def finish(self):
        """The server has looked at all that was sent when it answers this."""
        self.answered = False
        self.send(frame(PING, 0, 0, b"the-last"))
        self.until(lambda: self.answered and not self.unsent)


def request(connection: Connection, method: int, path: str, flags: int = END_STREAM) -> int:
    connection.until(lambda: len(connection.open) < AT_A_TIME)
    stream = connection.next()
    connection.send(frame(HEADERS, flags | END_HEADERS, stream, head(method, path)))
    return stream


# Each sends one unit, or as many as it returns.


def burst(connection, path, _):
    """Resets, as fast as they can be sent."""
    stream = connection.next()
    connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, head(GET, path)),
                    frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
    connection.open.discard(stream)


def reset(connection, path, number):
    """So many at a time as a server may act on."""
    burst(connection, path, number)
    if connection.stream % (2 * AT_A_TIME) == 1:
        connection.finish()


def open_streams(connection, path, _):
    if connection.stream > 2 * TOO_MANY:
        connection.finish()
        raise Closed
    connection.send(frame(HEADERS, END_HEADERS, connection.next(), head(GET, path)))


def continuation(connection, path, number):
    """Few frames, which all servers take, and now and then more than some do."""
    block = head(GET, path) + b"\0\x03x-c\x64" + b"c" * 100
    count = 60 if number % 200 == 195 else 5
    connection.until(lambda: len(connection.open) < AT_A_TIME)
    stream, first = connection.next(), len(block) - count
    connection.send(frame(HEADERS, END_STREAM, stream, block[:first]))
    for at in range(first, len(block)):
        flags = END_HEADERS if at == len(block) - 1 else 0
        connection.send(frame(CONTINUATION, flags, stream, block[at:at + 1]))
    if count > 5:
        connection.finish()
    return count


def settings(connection, path, _):
    request(connection, GET, path)
    connection.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, WINDOW)) * 100)
    return 100


def ping(connection, path, _):
    request(connection, GET, path)
    connection.send(frame(PING, 0, 0, b"flooding") * 100)
    return 100


def one_byte(connection, path, _):
    stream = request(connection, POST, path, 0)
    for left in range(200, 0, -1):
        connection.data(stream, b"d", END_STREAM if left == 1 else 0)
    return 200


def padding(connection, path, _):
    stream = request(connection, POST, path, 0)
    for left in range(200, 0, -1):
        connection.data(stream, b"\xffd" + bytes(255), PADDED | (END_STREAM if left == 1 else 0))
    return 200


def trailers(connection, path, _):
    stream = request(connection, POST, path, 0)
    connection.data(stream, b"d")
    connection.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, TRAILER))


def push(connection, _path, _):
    request(connection, GET, "/push")


def hints(connection, path, _):
    """Node answers with 100 of them."""
    request(connection, GET, path[:-1] + "h")
    return 100


UNITS = {
    "burst": burst, "reset": reset, "open": open_streams, "continuation": continuation, "settings": settings, "ping": ping,
    "data": one_byte, "padding": padding, "trailers": trailers, "push": push, "hints": hints,
}


def flood(kind: str) -> int:
    sent = connections = 0
    while sent < COUNT:
        connections += 1
        try:
            connection = Connection()
            while sent < COUNT:
                sent += UNITS[kind](connection, f"/{kind}/{sent}/a", sent) or 1
            connection.until(lambda: kind in ("burst", "open", "reset") or not connection.open)
            connection.finish()
        except (Closed, OSError):
            # What was sent and not looked at is lost: the flood goes on behind it.
            sent += 1
        connection.socket.close()
    return connections


for name in KINDS:
    print(name, flood(name), "connections")
