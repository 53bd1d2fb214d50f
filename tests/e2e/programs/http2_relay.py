# SPDX-License-Identifier: MIT
"""Passes HTTP/2 on over TLS of its own on either side: http2_relay.py CERTIFICATE KEY PORT."""
import asyncio, ssl, sys

CERTIFICATE, KEY, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])

as_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
as_server.load_cert_chain(CERTIFICATE, KEY)
as_client = ssl.create_default_context(cafile=CERTIFICATE)
for context in (as_server, as_client):
    context.set_alpn_protocols(["h2"])


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    while received := await reader.read(16384):
        writer.write(received)
        await writer.drain()
    writer.close()


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    there = await asyncio.open_connection("127.0.0.1", PORT, ssl=as_client, server_hostname="localhost")
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)


async def main():
    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=as_server)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
