# SPDX-License-Identifier: MIT
"""blocking.py CERT KEY BYTES [tls12] [nonblocking] [closes] [ipv6]: a server thread writes BYTES in one call, a client reads them."""
import os
import select
import socket
import ssl
import sys
import threading

cert, key, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = sys.argv[4:]
if "closes" in options:
    os.closerange(3, 1024)

server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(cert, key)
if "tls12" in options:
    server_context.maximum_version = ssl.TLSVersion.TLSv1_2
client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client_context.check_hostname = False
client_context.verify_mode = ssl.CERT_NONE

family = socket.AF_INET6 if "ipv6" in options else socket.AF_INET
listener = socket.socket(family)
listener.bind(("::1" if "ipv6" in options else "127.0.0.1", 0))
listener.listen()
body = bytes(i * 7 % 251 for i in range(4096)) * (size // 4096) + bytes(size % 4096)


def write_all(stream):
    """One call after the other with the same rest, as a program with its own event loop does."""
    left = memoryview(body)
    while left:
        try:
            left = left[stream.send(left):]
        except ssl.SSLWantWriteError:
            select.select([], [stream], [])
        except ssl.SSLWantReadError:
            select.select([stream], [], [])


def serve():
    connection, _ = listener.accept()
    stream = server_context.wrap_socket(connection, server_side=True)
    stream.recv(100)
    if "nonblocking" in options:
        stream.setblocking(False)
        write_all(stream)
        stream.setblocking(True)
    else:
        stream.sendall(body)
    stream.unwrap()
    stream.close()


thread = threading.Thread(target=serve)
thread.start()
stream = client_context.wrap_socket(socket.create_connection(listener.getsockname()[:2]), server_hostname="localhost")
print(*stream.getsockname()[:2], *stream.getpeername()[:2])
stream.sendall(b"a request")
received = 0
while True:
    piece = stream.recv(65536)
    if not piece:
        break
    if piece != body[received:received + len(piece)]:
        sys.exit("wrong bytes")
    received += len(piece)
stream.unwrap()
stream.close()
thread.join()
print(received)
