# SPDX-License-Identifier: MIT
"""tls_exchange.py PORT COUNT blocking|again: sends a byte, then so many in one call, or in calls that bring them again until the socket took them all;
prints the SHA-256 of as many that it gets. They are a pattern."""

import hashlib
import select
import socket
import ssl
import sys

count = int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
data = bytes(range(251)) * (count // 251 + 1)
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    with context.wrap_socket(connection) as session:
        session.sendall(data[:1])
        whole = data[:count]
        if sys.argv[3] == "blocking":
            session.sendall(whole)
        else:
            session.setblocking(False)
            while True:
                try:
                    if session.send(whole) != count:
                        sys.exit("a part was taken")
                    break
                except ssl.SSLWantWriteError:
                    select.select([], [session], [])
            session.setblocking(True)
        digest = hashlib.sha256()
        got = 0
        while got < count:
            piece = session.recv(1 << 20)
            if not piece:
                break
            digest.update(piece)
            got += len(piece)
        print(digest.hexdigest())
