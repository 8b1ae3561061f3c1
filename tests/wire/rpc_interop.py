#!/usr/bin/env python3
"""Our gRPC against grpcio's, both ways, and against curl. Usage: rpc_interop.py RPC_PEER VENV_DIR

Makes a virtual environment with grpcio in VENV_DIR first; exits 77 (skipped) only when pip cannot install it.
Messages are written by hand: a string field 1 is 0x0a, length, bytes.
"""
import os
import subprocess
import sys
import tempfile


def environment(peer, venv):
    python = os.path.join(venv, "bin", "python")
    if subprocess.run([python, "-c", "import grpc"], stderr=subprocess.DEVNULL).returncode != 0 \
            if os.path.exists(python) else True:
        made = subprocess.run([sys.executable, "-m", "venv", venv]).returncode == 0 and subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "grpcio"]).returncode == 0
        if not made:
            print("1..0 # SKIP pip cannot install grpcio")
            sys.exit(77)
    os.execv(python, [python, __file__, peer, venv, "go"])


if len(sys.argv) == 3:
    environment(*sys.argv[1:])

import grpc  # noqa: E402  (only inside the environment)
import shutil  # noqa: E402
import socket  # noqa: E402
import ssl  # noqa: E402
import time  # noqa: E402
from concurrent import futures  # noqa: E402

PEER = sys.argv[1]
BASE = "/openshell.v1.OpenShell/"
passed = 0
failed = 0


def check(name, good, got=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok' if good else 'not ok'} {passed + failed} - {name}" + ("" if good else f": {got!r}"), flush=True)


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def text(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


class Server:
    """rpc_peer serve"""

    def __init__(self, *how):
        self.dir = tempfile.mkdtemp(prefix="rpc-interop-")
        self.process = subprocess.Popen([PEER, "serve", self.dir, *how], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def file(self, name):
        with open(os.path.join(self.dir, name), "rb") as file:
            return file.read()

    def end(self):
        self.process.stdin.close()
        said = self.process.stdout.read()
        shutil.rmtree(self.dir)
        return said, self.process.wait(10)


def unary(channel, name, request, **more):
    return channel.unary_unary(BASE + name)(request, **more)


def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def kinds(channel, how):
    check(f"{how}: unary", unary(channel, "Health", b"") == text(2, b"test"))
    got = error_of(lambda: unary(channel, "GetSandbox", text(1, b"missing")))
    check(f"{how}: error", got == ("NOT_FOUND", "sandbox not found"), got)
    got = error_of(lambda: unary(channel, "GetSandbox", text(1, b"words")))
    check(f"{how}: words in UTF-8", got == ("RESOURCE_EXHAUSTED", "Größe 100 % überschritten:\n\t日本"), got)
    got = error_of(lambda: unary(channel, "Wish", b""))
    check(f"{how}: unknown method", got == ("UNIMPLEMENTED", "unknown method /openshell.v1.OpenShell/Wish"), got)
    got = error_of(lambda: unary(channel, "GetSandbox", b"\x0a\xff"))
    check(f"{how}: malformed message", got[0] == "INTERNAL", got)
    got = error_of(lambda: unary(channel, "GetSandbox", text(1, b"a" * (1 << 20))))
    check(f"{how}: message too large", got[0] == "OUT_OF_RANGE", got)
    got = error_of(lambda: unary(channel, "GetSandbox", text(1, b"never"), timeout=0.1))
    check(f"{how}: deadline", got[0] == "DEADLINE_EXCEEDED", got)


def streams(channel, how):
    events = list(channel.unary_stream(BASE + "ExecSandbox")(text(3, b"300") + b"\x28" + varint(10000)))
    check(f"{how}: server stream", len(events) == 301 and sum(map(len, events)) > 3000000, len(events))
    frames = [text(2, bytes([i]) * i * 100) for i in range(1, 100)]
    echoed = list(channel.stream_stream(BASE + "ForwardTcp")(iter(frames)))
    check(f"{how}: both ways", echoed == frames, len(echoed))
    check(f"{how}: client stream", channel.stream_unary(BASE + "PushSandboxLogs")(iter([b""] * 50)) == b"")
    call = channel.stream_stream(BASE + "ForwardTcp")(iter([text(2, b"a"), text(2, b"end"), text(2, b"b")]))
    got = error_of(lambda: list(call))
    check(f"{how}: ended by the server", got == ("ABORTED", "enough"), got)
    call = channel.unary_stream(BASE + "ExecSandbox")(text(3, b"3000") + b"\x28" + varint(10000))
    next(call)
    call.cancel()
    check(f"{how}: cancelled", error_of(lambda: list(call))[0] == "CANCELLED")
    check(f"{how}: the connection goes on", unary(channel, "Health", b"") == text(2, b"test"))


def headers(channel):
    method = channel.unary_unary(BASE + "Health")
    _, call = method.with_call(b"", metadata=[("x-request-id", "mine-1")])
    check("x-request-id is echoed", ("x-request-id", "mine-1") in call.initial_metadata())
    _, call = method.with_call(b"", metadata=[("x-request-id", "not mine")])
    made = dict(call.initial_metadata())["x-request-id"]
    check("x-request-id is made when the given one is odd", len(made) == 36, made)
    got = error_of(lambda: unary(channel, "GetSandbox", text(1, b"a" * 5000), compression=grpc.Compression.Gzip))
    check("compressed message", got[0] == "UNIMPLEMENTED", got)
    got = error_of(lambda: method(b"", metadata=[("x-long", "a" * 20000)]))
    check("headers too large", got[0] == "RESOURCE_EXHAUSTED", got)


def first_headers(channel):
    """Headers of a stream come before its first message."""
    requests = iter(lambda: time.sleep(0.05) or text(1, b""), None)
    call = channel.stream_stream(BASE + "ForwardTcp")(requests)
    check("headers come before messages", len(dict(call.initial_metadata())["x-request-id"]) == 36)
    call.cancel()


def bare_tls(server):
    """TLS without ALPN, HTTP/2 at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=server.file("ca.crt").decode())
    context.load_cert_chain(os.path.join(server.dir, "tls.crt"), os.path.join(server.dir, "tls.key"))
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="localhost") as s:
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        got = s.recv(100)
        check("HTTP/2 on TLS without ALPN", got[3:5] == b"\4\0", got)


def curl(server):
    if shutil.which("curl") is None:
        print("# no curl: its two tests are left out")
        return
    for version in "--http2", "--http1.1":
        got = subprocess.run(
            ["curl", "-s", version, "-w", "%{http_version} %{http_code}", "--cacert", server.dir + "/ca.crt", "--cert",
             server.dir + "/tls.crt", "--key", server.dir + "/tls.key",
             f"https://localhost:{server.port}/healthz"], capture_output=True, text=True).stdout
        check(f"curl {version}", got == f"fine\n{'2' if version == '--http2' else '1.1'} 200", got)


def with_tls():
    server = Server()
    address = f"localhost:{server.port}"
    mine = grpc.ssl_channel_credentials(server.file("ca.crt"), server.file("tls.key"), server.file("tls.crt"))
    with grpc.secure_channel(address, mine) as channel:
        kinds(channel, "TLS")
        streams(channel, "TLS")
        headers(channel)
        first_headers(channel)
        got = error_of(lambda: unary(channel, "GetSandbox", text(1, b"who")))
        check("certificate's names", "cn=tester units=2" in got[1], got)
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(server.file("ca.crt"))) as channel:
        got = error_of(lambda: unary(channel, "Health", b""))
        check("no client certificate", got[0] == "UNAVAILABLE", got)
    bare_tls(server)
    curl(server)
    said, status = server.end()
    check("the server ends with no call open", status == 0 and said.endswith("open 0\n"), said)


def in_plain():
    server = Server("plain")
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        kinds(channel, "plaintext")
        streams(channel, "plaintext")
    said, status = server.end()
    check("plaintext: the server ends with no call open", status == 0 and said.endswith("open 0\n"), said)


class Foreign(grpc.GenericRpcHandler):
    """A grpcio server for our client."""

    def service(self, details):
        if details.method == BASE + "GetSandbox":
            return grpc.unary_unary_rpc_method_handler(self.sandbox)
        if details.method == BASE + "ExecSandbox":
            return grpc.unary_stream_rpc_method_handler(lambda request, context: iter([text(1, text(1, b"x"))] * 500))
        return None

    def sandbox(self, request, context):
        name = request[2:]
        if name == b"missing":
            context.abort(grpc.StatusCode.NOT_FOUND, "sandbox not found")
        if name == b"words":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Größe 100 % 日本")
        if name == b"slow":
            time.sleep(1)
        return b""


def our_client():
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(Foreign(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    said = subprocess.run([PEER, "call", f"http://127.0.0.1:{port}"], capture_output=True, text=True).stdout
    server.stop(0)
    want = ["GetSandbox demo: 0 ", "GetSandbox missing: 5 sandbox not found",
            "GetSandbox words: 8 Größe 100 % 日本", "GetSandbox slow: 4 ", "ExecSandbox 500 messages, 0 "]
    lines = said.splitlines()
    for i, line in enumerate(want):
        got = lines[i] if i < len(lines) else said
        check(f"our client: {line.split(':')[0]}", got.startswith(line), got)


with_tls()
in_plain()
our_client()
print(f"1..{passed + failed}")
sys.exit(failed != 0)
