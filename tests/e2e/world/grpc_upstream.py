"""A gRPC stand-in: inventory.Items with bytes as messages. Get and Delete echo, Watch streams ten, Chat echoes both ways at once.

usage: grpc_upstream.py DIRECTORY; writes a line to DIRECTORY/grpc-ready when it listens.
"""
import os, sys
from concurrent import futures

import grpc

here = sys.argv[1]


def read(name):
    with open(os.path.join(here, name), "rb") as f:
        return f.read()


def watch(request, context):
    for i in range(10):
        yield request + b" %d" % i
    context.set_trailing_metadata((("x-seen", "ten"),))


def chat(requests, context):
    for request in requests:
        yield b"echo " + request


handlers = {
    "Get": grpc.unary_unary_rpc_method_handler(lambda request, context: b"got " + request),
    "Delete": grpc.unary_unary_rpc_method_handler(lambda request, context: b"deleted " + request),
    "Watch": grpc.unary_stream_rpc_method_handler(watch),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}
server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inventory.Items", handlers),))
server.add_secure_port("93.184.216.37:443", grpc.ssl_server_credentials([(read("server.key"), read("server.pem"))]))
server.start()
with open(os.path.join(here, "grpc-ready"), "w") as f:
    f.write("ready\n")
server.wait_for_termination()
