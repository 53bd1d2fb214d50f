# SPDX-License-Identifier: MIT
"""tunnel.py CERT KEY: a TLS session inside another, over memory; prints what the inner one carried."""
import socket
import ssl
import sys
import threading

cert, key = sys.argv[1:3]
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(cert, key)
client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client_context.check_hostname = False
client_context.verify_mode = ssl.CERT_NONE
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()


class Inner:
    """TLS over memory whose records an outer stream carries."""

    def __init__(self, context, outer, **options):
        self.outer = outer
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **options)

    def run(self, call, *arguments):
        while True:
            try:
                result = call(*arguments)
                self.outer.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                if self.outgoing.pending:
                    self.outer.sendall(self.outgoing.read())
                self.incoming.write(self.outer.recv(16384))


def serve():
    outer = server_context.wrap_socket(listener.accept()[0], server_side=True)
    inner = Inner(server_context, outer, server_side=True)
    inner.run(inner.tls.do_handshake)
    inner.run(inner.tls.write, b"inner: " + inner.run(inner.tls.read, 100))
    outer.recv(100)


thread = threading.Thread(target=serve)
thread.start()
outer = client_context.wrap_socket(socket.create_connection(listener.getsockname()))
inner = Inner(client_context, outer, server_hostname="inside")
inner.run(inner.tls.do_handshake)
inner.run(inner.tls.write, b"hello")
print(inner.run(inner.tls.read, 100).decode())
outer.close()
thread.join()
