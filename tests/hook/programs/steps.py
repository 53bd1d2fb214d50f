# SPDX-License-Identifier: MIT
"""steps.py CERT KEY: a TLS client and server in one process; for each line read, the client sends it over the one connection
and prints the answer."""
import socket
import ssl
import sys
import threading

cert, key = sys.argv[1:3]
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(cert, key)
client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client_context.check_hostname = False
client_context.verify_mode = ssl.CERT_NONE
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()


def serve():
    stream = server_context.wrap_socket(listener.accept()[0], server_side=True)
    while piece := stream.recv(1000):
        stream.sendall(piece.upper())


threading.Thread(target=serve, daemon=True).start()
stream = client_context.wrap_socket(socket.create_connection(listener.getsockname()))
for line in sys.stdin:
    stream.sendall(line.encode())
    print(stream.recv(1000).decode(), end="", flush=True)
