# SPDX-License-Identifier: MIT
"""Binds a datagram socket at the path given, "@" for the abstract namespace, and prints what comes, a line for each line."""
import socket
import sys

path = sys.argv[1]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("\0" + path[1:] if path.startswith("@") else path)
print("bound", flush=True)
while True:
    print(listener.recv(4096).decode(), flush=True)
