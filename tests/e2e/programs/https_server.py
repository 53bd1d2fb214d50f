# SPDX-License-Identifier: MIT
"""HTTPS server for tests: https_server.py STYLE HOST CERTIFICATE KEY FOLDER CONNECTIONS

GET sends a file of FOLDER, PUT takes anything and answers 204. Prints "listening PORT" and, for each body received, its
SHA-256; ends after CONNECTIONS connections. STYLE: blocking, threaded, prefork (the parent serves one connection, then
its three children share the rest), asyncio.
"""
import asyncio, hashlib, os, socket, ssl, sys, threading

STYLE, HOST, CERTIFICATE, KEY, FOLDER, CONNECTIONS = sys.argv[1:7]
CONNECTIONS = int(CONNECTIONS)
WORKERS = 3
PIECE = 65536

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)


def parse(head: bytes):
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    method, target, _ = first.split(" ")
    return method, target, fields


def answer(method: str, target: str, fields: dict):
    """Head and body."""
    end = b"Connection: close\r\n\r\n" if fields.get("connection") == "close" else b"\r\n"
    if method == "PUT":
        return b"HTTP/1.1 204 No Content\r\n" + end, b""
    with open(os.path.join(FOLDER, os.path.basename(target)), "rb") as file:
        body = file.read()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body) + end, body


def say(text: str):
    # One write: threads and children share this.
    os.write(1, (text + "\n").encode())


def serve(connection: ssl.SSLSocket):
    with connection, connection.makefile("rb") as stream:
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    return
                head += line
            method, target, fields = parse(head)
            if fields.get("expect") == "100-continue":
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = int(fields.get("content-length", 0))
            received = stream.read(length)
            if method == "PUT":
                say(hashlib.sha256(received).hexdigest())
            head, body = answer(method, target, fields)
            # The whole message is one call of the TLS library, however long it is.
            connection.sendall(head + body)
            if fields.get("connection") == "close":
                return


def accept(listener: socket.socket) -> ssl.SSLSocket:
    plain, _ = listener.accept()
    return context.wrap_socket(plain, server_side=True)


def blocking(listener: socket.socket, count: int):
    for _ in range(count):
        serve(accept(listener))


def threaded(listener: socket.socket):
    threads = []
    for _ in range(CONNECTIONS):
        plain, _ = listener.accept()
        thread = threading.Thread(target=lambda s: serve(context.wrap_socket(s, server_side=True)), args=[plain])
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


def prefork(listener: socket.socket):
    blocking(listener, 1)
    children = []
    for worker in range(WORKERS):
        share = len(range(worker, CONNECTIONS - 1, WORKERS))
        child = os.fork()
        if child == 0:
            blocking(listener, share)
            os._exit(0)
        children.append(child)
    for child in children:
        _, status = os.waitpid(child, 0)
        if status != 0:
            sys.exit(1)


async def serve_async(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, fields = parse(head)
            if fields.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            received = await reader.readexactly(int(fields.get("content-length", 0)))
            if method == "PUT":
                say(hashlib.sha256(received).hexdigest())
            head, body = answer(method, target, fields)
            writer.write(head)
            for at in range(0, len(body), PIECE):
                writer.write(body[at:at + PIECE])
                await writer.drain()
            if fields.get("connection") == "close":
                return
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
    finally:
        writer.close()
        await writer.wait_closed()


async def asynchronous(listener: socket.socket):
    done = asyncio.Event()
    left = CONNECTIONS

    async def one(reader, writer):
        nonlocal left
        try:
            await serve_async(reader, writer)
        finally:
            left -= 1
            if left == 0:
                done.set()

    async with await asyncio.start_server(one, sock=listener, ssl=context):
        await done.wait()


listener = socket.create_server((HOST, 0), family=socket.AF_INET6 if ":" in HOST else socket.AF_INET)
say(f"listening {listener.getsockname()[1]}")
if STYLE == "blocking":
    blocking(listener, CONNECTIONS)
elif STYLE == "threaded":
    threaded(listener)
elif STYLE == "prefork":
    prefork(listener)
elif STYLE == "asyncio":
    asyncio.run(asynchronous(listener))
else:
    sys.exit(f"unknown style {STYLE}")
