# SPDX-License-Identifier: MIT
"""copy_hello.py record INTERFACE FILE: keeps the first frame with a ClientHello that the interface sees.
copy_hello.py send INTERFACE FILE...: sends the frames of these files again, as they are."""
import socket
import sys

action, interface, files = sys.argv[1], sys.argv[2], sys.argv[3:]
ETH_P_ALL = 3
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
    with open(files[0], "wb") as file:
        file.write(frame)
else:
    for name in files:
        with open(name, "rb") as file:
            link.send(file.read())
