# SPDX-License-Identifier: MIT
"""A link that loses and delays: two TUN devices, what goes into one comes out of the other later, or never.

Usage: slow_link.py NEAR FAR FAR_NAMESPACE NEAR_ADDRESS FAR_ADDRESS DELAY_MS LOSS SEED
Prints `ready` when both are up; ends, and takes them away, when standard input does.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
PACKET_MAX = 65536
# Like the queue of a router: what comes while it is full is lost.
QUEUE_MAX = 1000


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def main():
    near, far, namespace, near_address, far_address = sys.argv[1:6]
    delay, loss, seed = int(sys.argv[6]) / 1000, float(sys.argv[7]), int(sys.argv[8])
    chance = random.Random(seed)
    near_tun, far_tun = open_tun(near), open_tun(far)
    ip("link", "set", far, "netns", namespace)
    ip("addr", "add", near_address, "peer", far_address, "dev", near)
    ip("link", "set", near, "up")
    ip("-n", namespace, "addr", "add", far_address, "peer", near_address, "dev", far)
    ip("-n", namespace, "link", "set", far, "up")
    print("ready", flush=True)

    waiting = []  # (due, order, where to, packet)
    order = lost = passed = 0
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([near_tun, far_tun, sys.stdin], [], [], timeout)
        now = time.monotonic()
        if sys.stdin in ready:
            break
        for tun in ready:
            packet = os.read(tun, PACKET_MAX)
            if chance.random() < loss or len(waiting) >= QUEUE_MAX:
                lost += 1
                continue
            order += 1
            heapq.heappush(waiting, (now + delay, order, far_tun if tun == near_tun else near_tun, packet))
        while waiting and waiting[0][0] <= now:
            _, _, tun, packet = heapq.heappop(waiting)
            try:
                os.write(tun, packet)
                passed += 1
            except BlockingIOError:
                lost += 1
    print(f"passed {passed} lost {lost}", flush=True)


main()
