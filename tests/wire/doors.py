"""Doors through the stubs that upstream's SDK carries: commands whose input comes while they run, SSH sessions, forwards."""
import queue
import threading
import time

import grpc

SERVER = """
import socket, threading
at = socket.create_server(("127.0.0.1", 0))
print(at.getsockname()[1], flush=True)
def serve(peer):
    while data := peer.recv(65536):
        peer.sendall(data.upper())
    peer.sendall(b"END")
    peer.close()
while True:
    threading.Thread(target=serve, args=at.accept()[:1]).start()
"""


class Talk:
    """a bidirectional call: say what is to be sent, read what comes"""

    def __init__(self, method, first):
        self.out = queue.Queue()
        self.out.put(first)
        self.call = method(iter(self.out.get, None), timeout=20)

    def say(self, message):
        self.out.put(message)

    def end(self):
        self.out.put(None)


class Doors:
    def __init__(self, stub, pb, dm, ref, new, check, refused):
        self.stub, self.pb, self.ref, self.new, self.check, self.refused = stub, pb, ref, new, check, refused
        self.where = {"sandbox": ref.name} if new else {"sandbox_id": ref.id}
        self.scope = {"workspace_scope": dm.WorkspaceSelector(workspace="default")} if new else {}

    def start(self, *command, **more):
        request = self.pb.ExecSandboxRequest(command=command, **self.where, **self.scope, **more)
        return Talk(self.stub.ExecSandboxInteractive, self.pb.ExecSandboxInput(start=request))

    def rest(self, talk):
        out = {"stdout": b"", "stderr": b""}
        for event in talk.call:
            kind = event.WhichOneof("payload")
            if kind == "exit":
                return out, event.exit.exit_code, [e.WhichOneof("payload") for e in talk.call]
            out[kind] += getattr(event, kind).data
        return out, None, []

    def interactive(self):
        talk = self.start("sh", "-c", "read a; echo got $a; read b; echo $b >&2; cat; exit 5")
        talk.say(self.pb.ExecSandboxInput(stdin=b"one\n"))
        first = next(talk.call)
        self.check("interactive: an answer before the next word", first.stdout.data == b"got one\n", first)
        talk.say(self.pb.ExecSandboxInput(stdin=b"two\nthree"))
        talk.end()
        got = self.rest(talk)
        self.check("interactive: both streams, one exit, last", got == ({"stdout": b"three", "stderr": b"two\n"}, 5, []), got)

    def terminal(self):
        talk = self.start("sh", "-c", "stty size; read x; stty size", tty=True, cols=100, rows=30)
        seen = b""
        while b"30 100" not in seen:
            seen += next(talk.call).stdout.data
        talk.say(self.pb.ExecSandboxInput(resize=self.pb.ExecSandboxWindowResize(cols=132, rows=50)))
        talk.say(self.pb.ExecSandboxInput(stdin=b"\r"))
        got = self.rest(talk)
        self.check("interactive: a terminal and its size", b"50 132" in got[0]["stdout"] and got[1] == 0, got)
        talk.end()

    def volume(self):
        talk, sent = self.start("sha256sum"), b"0123456789abcdef" * 4096

        def feed():
            for _ in range(128):
                talk.say(self.pb.ExecSandboxInput(stdin=sent))
            talk.end()

        threading.Thread(target=feed).start()
        import hashlib
        want = hashlib.sha256(sent * 128).hexdigest().encode()
        got = self.rest(talk)
        self.check("interactive: 8 MiB in", got[0]["stdout"].startswith(want), got)

    def leaving(self):
        mark = f"/tmp/left-{time.monotonic_ns()}"
        talk = self.start("sh", "-c", f"echo $$; trap 'echo gone > {mark}' EXIT; sleep 60")
        pid = next(talk.call).stdout.data.decode().strip()
        talk.call.cancel()
        talk.end()
        end, left = time.monotonic() + 5, 0
        while time.monotonic() < end and left == 0:
            left = self.rest(self.start("sh", "-c", f"kill -0 {pid} 2>/dev/null"))[1]
        self.check("interactive: who leaves takes the command along", left != 0, pid)

    def refusals(self):
        first = self.pb.ExecSandboxInput(stdin=b"x")
        self.refused("interactive: start comes first", grpc.StatusCode.INVALID_ARGUMENT, "must be start",
                     lambda: list(self.stub.ExecSandboxInteractive(iter([first]), timeout=10)))
        self.refused("interactive: no sandbox", grpc.StatusCode.NOT_FOUND, "sandbox not found",
                     lambda: list(self.stub.ExecSandboxInteractive(iter([self.pb.ExecSandboxInput(start=self.pb.ExecSandboxRequest(
                         command=["true"], **{next(iter(self.where)): "nobody"}, **self.scope))]), timeout=10)))

    def session(self):
        got = self.stub.CreateSshSession(self.pb.CreateSshSessionRequest(**self.where, **self.scope), timeout=10)
        good = got.sandbox_id == self.ref.id and len(got.token) >= 36 and got.gateway_host == "127.0.0.1" and got.gateway_port > 0
        self.check("CreateSshSession", good and got.gateway_scheme in ("http", "https"), got)
        lasts = (got.expiration_time.seconds if self.new else got.expires_at_ms / 1000) - time.time()
        self.check("... is good for a day", 86000 < lasts < 86500, lasts)
        return got.token

    def forward(self, token, **target):
        init = self.pb.TcpForwardInit(authorization_token=token, service_id="test", **self.where, **target)
        return Talk(self.stub.ForwardTcp, self.pb.TcpForwardFrame(init=init))

    def tcp(self, token, port, host="127.0.0.1"):
        return self.forward(token, tcp=self.pb.TcpRelayTarget(host=host, port=port))

    def denied(self, what, code, words, talk):
        talk.end()
        self.refused(what, code, words, lambda: list(talk.call))

    def forwards(self):
        server = self.start("python3", "-c", SERVER)
        port = int(next(server.call).stdout.data)
        token = self.session()
        talk = self.tcp(token, port, "localhost")
        talk.say(self.pb.TcpForwardFrame(data=b"hello"))
        first = next(talk.call)
        self.check("ForwardTcp: there and back", first.data == b"HELLO", first)
        others = [self.tcp(token, port) for _ in range(2)]
        for other in others:
            other.say(self.pb.TcpForwardFrame(data=b"x"))
            next(other.call)
        self.denied("ForwardTcp: three with one token", grpc.StatusCode.RESOURCE_EXHAUSTED, "", self.tcp(token, port))
        talk.say(self.pb.TcpForwardFrame(data=b"abc" * 20000))
        talk.end()
        rest = b"".join(frame.data for frame in talk.call)
        self.check("ForwardTcp: half-close, the rest, the end", rest == b"ABC" * 20000 + b"END", rest[-20:])
        again = self.tcp(token, port)
        again.end()
        self.check("ForwardTcp: a place is free at once", b"".join(f.data for f in again.call) == b"END")
        for other in others:
            other.call.cancel()
            other.end()
        self.denied("ForwardTcp: nobody listens", grpc.StatusCode.UNAVAILABLE, "", self.tcp(token, 1))
        self.denied("ForwardTcp: loopback alone", grpc.StatusCode.INVALID_ARGUMENT, "tcp.host", self.tcp(token, port, "10.0.0.1"))
        self.denied("ForwardTcp: a token is needed", grpc.StatusCode.UNAUTHENTICATED, "", self.tcp("", port))
        self.ssh(token)
        got = self.stub.RevokeSshSession(self.pb.RevokeSshSessionRequest(token=token), timeout=10)
        self.check("RevokeSshSession", got.outcome == 1 if self.new else got.revoked, got)
        self.denied("ForwardTcp: a revoked token", grpc.StatusCode.UNAUTHENTICATED, "", self.tcp(token, port))
        got = self.stub.RevokeSshSession(self.pb.RevokeSshSessionRequest(token="no such"), timeout=10)
        self.check("RevokeSshSession: unknown", got.outcome == 3 if self.new else not got.revoked, got)
        server.call.cancel()
        server.end()

    def ssh(self, token):
        talk = self.forward(token, ssh=self.pb.SshRelayTarget())
        talk.say(self.pb.TcpForwardFrame(data=b"SSH-2.0-test\r\n"))
        first = next(talk.call).data
        self.check("ForwardTcp: the SSH server answers", first.startswith(b"SSH-2.0-"), first)
        talk.call.cancel()
        talk.end()

    def all(self):
        return [self.interactive, self.terminal, self.volume, self.leaving, self.refusals, self.forwards]
