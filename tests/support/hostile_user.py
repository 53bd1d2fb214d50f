# SPDX-License-Identifier: MIT
"""What user 65534 does to harm an agent, started as root: hostile_user.py RUNTIME NAME HOW [NUMBER...]

    mappings REGIONS VMAS RINGS   hands over regions whose rings are all claimed, from a process with so many mappings
    silent                        connects and says nothing, as often as it can, until it is killed
    sealed                        has a child hand over a region, seal it against being mapped again, and end
    totals                        claims to have lost more bytes and sessions than there are

NAME is the name of the regions. Says "done" when that is done, or well under way, and stays until it is killed.
"""
import array, ctypes, fcntl, itertools, mmap, os, socket, struct, sys, time

PAGE, MAGIC, ABI = 4096, 0x434C5353, 3
SLOTS, DATA = 64, 65536
STRIDE = PAGE + SLOTS * 64 + DATA
F_ADD_SEALS, SHRINK, GROW, FUTURE_WRITE = 1033, 2, 4, 16
CLOSE, FRESH = 5, 1 << 63

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]


def region(name, rings):
    length = PAGE + rings * STRIDE
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, length)
    fcntl.fcntl(fd, F_ADD_SEALS, SHRINK | GROW)
    memory = mmap.mmap(fd, length)
    for ring in range(rings):
        at = PAGE + ring * STRIDE
        memory[at + 136 : at + 144] = struct.pack("<II", DATA, SLOTS)
        memory[at : at + 8] = struct.pack("<II", MAGIC, os.getpid())
    memory[0:24] = struct.pack("<IIIIII", MAGIC, ABI, rings, STRIDE, SLOTS, DATA)
    memory[24:28] = struct.pack("<I", os.getpid())
    return fd, memory, length


def hand_over(runtime, name, fd, length):
    rendezvous = int(name.split(":")[2], 16)
    greeting = struct.pack("<IIQQ", MAGIC, ABI, length, rendezvous)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(runtime + "/hook.sock")
        connection.sendmsg([greeting], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


def mappings(runtime, name, regions, vmas, rings):
    for i in range(vmas):
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if i & 1 else 0)
        libc.mmap(None, PAGE, protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    kept = []
    for _ in range(regions):
        fd, memory, length = region(name, rings)
        kept.append(memory)
        hand_over(runtime, name, fd, length)
        os.close(fd)
    return kept


def silent(runtime, _name):
    held = []
    for tries in itertools.count():
        if tries == 1000:
            print("done", flush=True)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        try:
            connection.connect(runtime + "/hook.sock")
            held.append(connection)
        except OSError:
            connection.close()
            time.sleep(0.0005)
        if len(held) > 900:
            held.pop(0).close()


def totals(runtime, name):
    fd, memory, length = region(name, 1)
    ring = PAGE
    for counter in (192, 200, 216, 224):
        memory[ring + counter : ring + counter + 8] = struct.pack("<Q", 2**51)
    for counter in (64, 72, 80, 104):
        memory[counter : counter + 8] = struct.pack("<Q", 2**51)
    hand_over(runtime, name, fd, length)
    return memory


def sealed(runtime, name):
    # Under a name of its own: found in this process's maps it would be this one's, which does not end.
    fd, memory, length = region("sealed", 1)
    child = os.fork()
    if child == 0:
        ring = PAGE
        memory[ring + 4 : ring + 8] = struct.pack("<I", os.getpid())
        memory[24:28] = struct.pack("<I", os.getpid())
        memory[ring + PAGE : ring + PAGE + 24] = struct.pack("<IBBHIIQ", 1, CLOSE, 0, 0, 0, 0, 1)
        memory[ring + 64 : ring + 72] = struct.pack("<Q", FRESH | 1 << 29 | 1)
        hand_over(runtime, name, fd, length)
        while memory[ring + 128 : ring + 136] == bytes(8):  # the tail: until that record is read
            time.sleep(0.001)
        fcntl.fcntl(fd, F_ADD_SEALS, FUTURE_WRITE)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(fd)
    return memory


os.setgid(65534)
os.setuid(65534)
runtime, name, how = sys.argv[1:4]
kept = globals()[how](runtime, name, *map(int, sys.argv[4:]))
print("done", flush=True)
while True:
    time.sleep(3600)
