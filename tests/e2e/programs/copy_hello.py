# SPDX-License-Identifier: MIT
"""copy_hello.py record INTERFACE FILE: keeps the first frame with a ClientHello that the interface sees.
copy_hello.py send INTERFACE FILE: sends this frame again, as it is.
copy_hello.py spread INTERFACE FILE COUNT: sends it from so many other ports of the client."""
import socket
import sys

action, interface, name = sys.argv[1:4]
ETH_P_ALL = 3
# Of the client, behind an IPv4 header without options.
PORT_AT = 34
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
link.bind((interface, ETH_P_ALL))


def is_hello(frame):
    """Whether it is TCP over IPv4 with the record of a ClientHello."""
    if frame[12:14] != b"\x08\0" or frame[23] != socket.IPPROTO_TCP:
        return False
    tcp_at = 14 + 4 * (frame[14] & 15)
    payload = frame[tcp_at + 4 * (frame[tcp_at + 12] >> 4):]
    return payload[:2] == b"\x16\x03" and payload[5:6] == b"\x01"


if action == "record":
    print("ready", flush=True)
    while not is_hello(frame := link.recv(65536)):
        pass
    with open(name, "wb") as file:
        file.write(frame)
else:
    with open(name, "rb") as file:
        frame = bytearray(file.read())
    if action == "send":
        link.send(frame)
    for number in range(int(sys.argv[4]) if action == "spread" else 0):
        frame[PORT_AT:PORT_AT + 2] = (20000 + number).to_bytes(2, "big")
        link.send(frame)
