# SPDX-License-Identifier: MIT
"""streams.py CERT KEY BYTES: asyncio server and client, whose TLS runs over memory."""
import asyncio
import ssl
import sys

cert, key, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(cert, key)
client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client_context.check_hostname = False
client_context.verify_mode = ssl.CERT_NONE


async def serve(reader, writer):
    await reader.readline()
    writer.write(b"y" * size)
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context)
    address = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(*address, ssl=client_context, server_hostname="localhost")
    print(*writer.get_extra_info("sockname"), *address)
    writer.write(b"a line\n")
    print(len(await reader.read()))
    writer.close()


asyncio.run(main())
