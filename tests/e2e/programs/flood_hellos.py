# SPDX-License-Identifier: MIT
"""Sends frames with ClientHellos of random randoms: flood_hellos.py INTERFACE COUNT."""
import os
import socket
import sys

interface, count = sys.argv[1], int(sys.argv[2])
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((interface, 0))
ethernet = b"\xff" * 6 + b"\x0a\0\0\0\0\x01" + b"\x08\0"
ip = bytes.fromhex("45000100000040004006000009090909") + bytes([10, 4, 0, 2])
tcp = bytes.fromhex("9c4001bb00000000000000005018ffff00000000")
hello = bytes.fromhex("1603010098010000940303")
for _ in range(count):
    link.send(ethernet + ip + tcp + hello + os.urandom(32) + b"\0" * 100)
