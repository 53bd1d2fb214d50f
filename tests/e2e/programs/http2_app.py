# SPDX-License-Identifier: MIT
"""ASGI application for hypercorn, an HTTP/2 server: hypercorn http2_app:app, with the folder of bodies in BODIES.

GET sends a file, or the `events` of the query as they come; PUT takes anything and answers 204; a WebSocket gets back what it
sends until it closes. Says as JSON lines what it served.
"""
import asyncio, hashlib, json, os
from urllib.parse import parse_qs

FOLDER = os.environ["BODIES"]
# Six take longer than an exchange may wait.
EVENT_SECONDS = 0.2


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def say(scope: dict, method: str, status: int, received: bytes, sent: bytes, fields: list):
    query = scope["query_string"].decode()
    print(json.dumps({
        "method": method, "path": scope["path"] + (f"?{query}" if query else ""), "status": status,
        "requestBody": digest(received), "responseBody": digest(sent),
        "requestBytes": len(received), "responseBytes": len(sent),
        "requestFields": [
            (name.decode(), value.decode("latin-1")) for name, value in scope["headers"] if name == b"x-number"
        ],
        "responseFields": [(name.decode(), value.decode()) for name, value in fields],
    }), flush=True)


async def http(scope: dict, receive, send):
    received, more = b"", True
    while more:
        message = await receive()
        received += message.get("body", b"")
        more = message.get("more_body", False)
    events = parse_qs(scope["query_string"].decode()).get("events")
    path = os.path.join(FOLDER, os.path.basename(scope["path"]))
    if scope["method"] == "PUT":
        status, body = 204, b""
    elif events:
        status, body = 200, b"".join(b"data: event %d\n\n" % number for number in range(int(events[0])))
    elif os.path.exists(path):
        status, body = 200, open(path, "rb").read()
    else:
        status, body = 404, b"none\n"
    fields = [(b"x-path", scope["path"].encode())]
    if events:
        fields.append((b"content-type", b"text/event-stream"))
    say(scope, scope["method"], status, received, body, fields)
    await send({"type": "http.response.start", "status": status, "headers": fields})
    for event in body.split(b"\n\n")[:-1] if events else []:
        await asyncio.sleep(EVENT_SECONDS)
        await send({"type": "http.response.body", "body": event + b"\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b"" if events else body})


async def websocket(scope: dict, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    say(scope, "GET", 101, b"", b"", [])
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


async def app(scope: dict, receive, send):
    if scope["type"] == "http":
        await http(scope, receive, send)
    elif scope["type"] == "websocket":
        await websocket(scope, receive, send)
    else:
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
