# SPDX-License-Identifier: MIT
"""What the gRPC programs of the tests share: the service, its calls, and how an exchange is told of.

A message is bytes; on the wire it has five bytes before it (a flag and its length), and no compression.
"""
import hashlib, json, threading

SERVICE = "test.Echo"
TOLD = threading.Lock()


def body(messages) -> bytes:
    return b"".join(b"\0" + len(message).to_bytes(4, "big") + message for message in messages)


def digest(bytes_: bytes) -> str:
    return hashlib.sha256(bytes_).hexdigest()[:16]


def tell(method: str, number: str, sent, received, status: int, trailers):
    """`sent` by the client; `trailers` are those that the call ends with."""
    sent, received = body(sent), body(received)
    with TOLD:
        print(json.dumps({
            "method": "POST", "path": f"/{SERVICE}/{method}", "status": 200,
            "requestBody": digest(sent), "responseBody": digest(received),
            "requestBytes": len(sent), "responseBytes": len(received),
            "requestFields": [("x-number", number), ("content-type", "application/grpc"), ("te", "trailers")],
            "responseFields": [("content-type", "application/grpc")],
            "trailers": [("grpc-status", str(status)), *trailers],
        }), flush=True)
