# SPDX-License-Identifier: MIT
"""gRPC client for tests: grpc_client.py PORT CERTIFICATE COUNT

Makes each kind of call COUNT times, all at a time over one connection, and says as JSON lines what was sent and what came.
"""
import os, sys
from concurrent import futures

import grpc

from grpc_facts import SERVICE, tell

PORT, CERTIFICATE, COUNT = sys.argv[1:]
# grpc-message of the call that fails; the others have none.
MESSAGE = "grpc-message"


def once(channel, number: str):
    request = b"question " * (1 + 1000 * int(number))
    answer, call = channel.unary_unary(f"/{SERVICE}/Once").with_call(request, metadata=[("x-number", number)])
    tell("Once", number, [request], [answer], call.code().value[0], call.trailing_metadata())


def fail(channel, number: str):
    try:
        channel.unary_unary(f"/{SERVICE}/Fail")(b"fail", metadata=[("x-number", number)])
    except grpc.RpcError as error:
        tell("Fail", number, [b"fail"], [], error.code().value[0],
             [(MESSAGE, error.details()), *error.trailing_metadata()])


def many(channel, number: str):
    request = b"m" * 50
    call = channel.unary_stream(f"/{SERVICE}/Many")(request, metadata=[("x-number", number)])
    answers = list(call)
    tell("Many", number, [request], answers, call.code().value[0], call.trailing_metadata())


def both(channel, number: str):
    requests = [b"a%d" % at for at in range(20)]
    call = channel.stream_stream(f"/{SERVICE}/Both")(iter(requests), metadata=[("x-number", number)])
    answers = list(call)
    tell("Both", number, requests, answers, call.code().value[0], call.trailing_metadata())


credentials = grpc.ssl_channel_credentials(open(CERTIFICATE, "rb").read())
with grpc.secure_channel(f"localhost:{PORT}", credentials) as channel, futures.ThreadPoolExecutor(8) as pool:
    calls = [pool.submit(kind, channel, str(number)) for number in range(int(COUNT)) for kind in (once, fail, many, both)]
    for call in calls:
        call.result()
# Without the end of an orderly exit, in which OpenSSL gives back what gRPC's threads give back too as they end: now and then that was
# "double free or corruption", with the hook and without (grpc/grpc#38539).
sys.stdout.flush()
os._exit(0)
