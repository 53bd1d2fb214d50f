# SPDX-License-Identifier: MIT
"""Requests at a time over one HTTP/2 connection of httpx: http2_requests.py URL CERTIFICATE BODY LIST, the list with METHOD PATH
in a line."""
import asyncio, sys

import httpx

URL, CERTIFICATE, BODY, LIST = sys.argv[1:]


async def exchange(client: httpx.AsyncClient, sent: bytes, method: str, path: str):
    response = await client.request(method, URL + path, content=sent if method == "POST" else None)
    assert response.http_version == "HTTP/2", response.http_version


async def main():
    with open(BODY, "rb") as body, open(LIST) as lines:
        sent, requests = body.read(), [line.split() for line in lines]
    # One connection for all of them, from the first request on.
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http1=False, http2=True, verify=CERTIFICATE, limits=limits, timeout=None) as client:
        await asyncio.gather(*(exchange(client, sent, *request) for request in requests))


asyncio.run(main())
