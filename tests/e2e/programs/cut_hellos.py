# SPDX-License-Identifier: MIT
"""cut_hellos.py ADDRESS PORT CUT...: a request on a connection for each CUT, its ClientHello in two packets that meet at this byte, or
for 0 one byte in each of the first 50. Prints what the server answers, a line each."""
import socket
import ssl
import sys

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def ask(address, port, cut):
    link = socket.create_connection((address, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing)
    cuts = [cut] if cut else list(range(1, 50))

    def send():
        data = outgoing.read()
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            link.sendall(data[start:end])
        cuts.clear()

    def wait(call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                send()
                incoming.write(link.recv(65536))

    wait(session.do_handshake)
    session.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = b""
    while answer.count(b"\r\n\r\n") < 1 or answer.endswith(b"\r\n\r\n"):
        answer += wait(lambda: session.read(65536))
    link.close()
    return answer.decode().split("\r\n\r\n")[1]


for word in sys.argv[3:]:
    print(ask(sys.argv[1], int(sys.argv[2]), int(word)), flush=True)
