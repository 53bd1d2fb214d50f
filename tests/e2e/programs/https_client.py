# SPDX-License-Identifier: MIT
"""HTTPS client for tests: https_client.py STYLE HOST PORT CERTIFICATE FOLDER CONNECTION...

Each CONNECTION is a list of requests joined with commas: GET:/path, PUT:/path (sends the file of FOLDER with the path's last
name). Prints the SHA-256 of each body received. STYLE: blocking, asyncio, or closing, which is blocking but closes every
descriptor it does not know right after start and again before every connection, and takes their numbers for files of its own.
"""
import os, sys

STYLE, HOST, PORT, CERTIFICATE, FOLDER, *CONNECTIONS = sys.argv[1:]


def close_unknown():
    os.closerange(3, 4096)
    for _ in range(16):
        os.open("/dev/null", os.O_RDONLY)


if STYLE == "closing":
    close_unknown()

import asyncio, hashlib, http.client, ssl

PIECE = 65536
context = ssl.create_default_context(cafile=CERTIFICATE)


def body_of(path: str) -> bytes:
    with open(os.path.join(FOLDER, os.path.basename(path)), "rb") as file:
        return file.read()


def report(body: bytes):
    print(hashlib.sha256(body).hexdigest(), flush=True)


def blocking(requests):
    connection = http.client.HTTPSConnection(HOST, int(PORT), context=context)
    for method, path in requests:
        # A body is one call of the TLS library, however long it is.
        connection.request(method, path, body=body_of(path) if method == "PUT" else None)
        response = connection.getresponse()
        body = response.read()
        if method == "GET":
            report(body)
    connection.close()


async def asynchronous(requests):
    reader, writer = await asyncio.open_connection(HOST, int(PORT), ssl=context, server_hostname="localhost")
    for method, path in requests:
        body = body_of(path) if method == "PUT" else b""
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost:{PORT}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        for at in range(0, len(body), PIECE):
            writer.write(body[at:at + PIECE])
            await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
        received = await reader.readexactly(length)
        if method == "GET":
            report(received)
    writer.close()
    await writer.wait_closed()


for text in CONNECTIONS:
    requests = [tuple(word.split(":", 1)) for word in text.split(",")]
    if STYLE == "asyncio":
        asyncio.run(asynchronous(requests))
    else:
        if STYLE == "closing":
            close_unknown()
        blocking(requests)
