# SPDX-License-Identifier: MIT
"""prefork.py CERT KEY CHILDREN: for each of CHILDREN connections the parent answers once and forks; the child goes on with the
session and ends. Prints the children's process ids."""
import os
import socket
import ssl
import sys
import threading

cert, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(cert, key)
client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client_context.check_hostname = False
client_context.verify_mode = ssl.CERT_NONE
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()

client = os.fork()
if client == 0:
    streams = []
    for _ in range(count):
        streams.append(client_context.wrap_socket(socket.create_connection(listener.getsockname())))
        streams[-1].sendall(b"one")
        if streams[-1].recv(100) != b"from parent":
            os._exit(1)
    for stream in streams:
        stream.sendall(b"two")
        if stream.recv(100) != b"from child":
            os._exit(2)
        stream.close()
    os._exit(0)

children = []
for _ in range(count):
    connection, _ = listener.accept()
    stream = server_context.wrap_socket(connection, server_side=True)
    stream.recv(100)
    stream.sendall(b"from parent")
    child = os.fork()
    if child == 0:
        stream.recv(100)
        stream.sendall(b"from child")
        stream.close()
        os._exit(0)
    children.append(child)
    stream._sslobj = None  # frees the session without a word to the peer
    stream.detach()
codes = [os.waitpid(child, 0)[1] for child in children + [client]]
print(*children)
sys.exit(any(codes))
