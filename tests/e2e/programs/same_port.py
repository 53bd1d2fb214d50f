# SPDX-License-Identifier: MIT
"""same_port.py ADDRESS PORT OWN_PORT NAME TIMES: so many requests for /NAME and a number, one after the other, each on a connection of its
own from the same port, which a reset frees at once."""
import socket
import ssl
import struct
import sys

address, port, own_port, name, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
for number in range(times):
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.bind(("", own_port))
    link.connect((address, port))
    session = context.wrap_socket(link)
    session.sendall(f"GET /{name}{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    session.recv(65536)
    session.close()
