"""A gRPC client as people write them: grpcio, the system's trust variables, no word about proxies. usage: grpc_client.py METHOD TEXT"""
import os, sys

import grpc

method, text = sys.argv[1], sys.argv[2].encode()
with open(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"), "rb") as f:
    roots = f.read()
options = [("grpc.enable_http_proxy", 1 if os.environ.get("grpc_proxy") else 0)]
with grpc.secure_channel("grpc.example.com:443", grpc.ssl_channel_credentials(roots), options) as channel:
    name = "/inventory.Items/" + method
    try:
        if method == "Watch":
            for answer in channel.unary_stream(name)(text, timeout=30):
                print(answer.decode())
        elif method == "Chat":
            def ask():  # the next question only when the answer to the last one came: neither side may wait for an end
                for i in range(5):
                    yield text + b" %d" % i
                    turn.acquire()
            import threading
            turn = threading.Semaphore(0)
            for answer in channel.stream_stream(name)(ask(), timeout=30):
                print(answer.decode())
                turn.release()
        else:
            print(channel.unary_unary(name)(text, timeout=30).decode())
    except grpc.RpcError as e:
        print(e.code().name, e.details())
        sys.exit(1)
