# SPDX-License-Identifier: MIT
"""Requests at a time over one HTTP/2 connection of httpx: http2_client.py URL CERTIFICATE PATH...

A path under /put/ is sent as many random bytes as its query's `bytes` says, the others are had. Says as JSON lines what was
sent and what came.
"""
import asyncio, hashlib, json, random, sys
from urllib.parse import parse_qs, urlsplit

import httpx

URL, CERTIFICATE, *PATHS = sys.argv[1:]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


async def exchange(client: httpx.AsyncClient, path: str, number: int):
    fields = {"x-number": str(number), "cookie": f"n={number}"}
    method, body = "GET", b""
    if path.startswith("/put/"):
        method, body = "PUT", random.Random(path).randbytes(int(parse_qs(urlsplit(path).query)["bytes"][0]))
    response = await client.request(method, URL + path, headers=fields, content=body or None)
    assert response.http_version == "HTTP/2", response.http_version
    received = response.content
    print(json.dumps({
        "method": method, "path": path, "status": response.status_code,
        "requestBody": digest(body), "responseBody": digest(received),
        "requestBytes": len(body), "responseBytes": len(received),
        "requestFields": list(fields.items()) + [("user-agent", client.headers["user-agent"])],
        "responseFields": [(name, response.headers[name]) for name in ("x-path",) if name in response.headers],
    }))


async def main():
    # One connection for all of them, from the first request on.
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http1=False, http2=True, verify=CERTIFICATE, limits=limits, timeout=60) as client:
        await asyncio.gather(*(exchange(client, path, number) for number, path in enumerate(PATHS)))


asyncio.run(main())
