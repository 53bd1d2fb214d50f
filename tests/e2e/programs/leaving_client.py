# SPDX-License-Identifier: MIT
"""HTTPS client for tests: leaving_client.py PORT PATH

Gets PATH, forks, and ends; its child gets PATH again over the same connection when its parent has gone.
"""
import os, socket, ssl, sys

PORT, PATH = int(sys.argv[1]), sys.argv[2]

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
connection = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT)))
stream = connection.makefile("rb")


def get(last: bool):
    end = "Connection: close\r\n\r\n" if last else "\r\n"
    connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n{end}".encode())
    length = 0
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    stream.read(length)


get(last=False)
ended, lives = os.pipe()
if os.fork() > 0:
    os._exit(0)
os.close(lives)
os.read(ended, 1)
get(last=True)
connection.unwrap().close()
