# SPDX-License-Identifier: MIT
"""gRPC server for tests: grpc_server.py CERTIFICATE KEY

Says "listening PORT", then as JSON lines what it served, until SIGTERM.
"""
import signal, sys
from concurrent import futures

import grpc

from grpc_facts import SERVICE, tell

CERTIFICATE, KEY = sys.argv[1:]


def finish(context, method: str, sent, received, status=grpc.StatusCode.OK):
    number = dict(context.invocation_metadata())["x-number"]
    trailers = [("x-sum", str(sum(map(len, received))))]
    context.set_trailing_metadata(trailers)
    tell(method, number, sent, received, status.value[0], trailers)


def once(request: bytes, context):
    answer = request[::-1]
    finish(context, "Once", [request], [answer])
    return answer


def fail(request: bytes, context):
    finish(context, "Fail", [request], [], grpc.StatusCode.NOT_FOUND)
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


def many(request: bytes, context):
    """As many messages as the request has bytes, one byte longer each time."""
    answers = [request[:1] * (1 + at) for at in range(len(request))]
    yield from answers
    finish(context, "Many", [request], answers)


def both(requests, context):
    seen = []
    for request in requests:
        seen.append(request)
        yield request.upper()
    finish(context, "Both", seen, [request.upper() for request in seen])


server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {
    "Once": grpc.unary_unary_rpc_method_handler(once),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Many": grpc.unary_stream_rpc_method_handler(many),
    "Both": grpc.stream_stream_rpc_method_handler(both),
})])
pair = open(KEY, "rb").read(), open(CERTIFICATE, "rb").read()
port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
server.start()
print(f"listening {port}", flush=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
server.stop(None).wait()
