"""Runs decision vectors from inside a sandbox: becomes the programs that a row names, asks over real sockets, says what came back.

usage: vector.py launch: jobs as JSON on standard input, {"chain": [executable, parent, ...], "rows": [...]} each; a JSON line a row.
"""
import base64, functools, gzip, json, os, socket, ssl, struct, subprocess, sys, time

PROXY, WAIT = ("10.200.0.1", 3128), 20
TLS_PORTS = (443, 8443, 8545)
HERE = os.path.abspath(__file__)


class Closed(Exception):
    """The other side closed or reset the connection before it answered."""


# ---- HTTP by hand, so that every byte is the row's -------------------------------------------------------------------

class Wire:
    """Bytes of a connection, with what was read and not yet used."""

    def __init__(self, sock):
        self.sock, self.have = sock, b""

    def more(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            raise Closed()
        self.have += data

    def line(self):
        while b"\n" not in self.have:
            self.more()
        line, _, self.have = self.have.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def exactly(self, n):
        while len(self.have) < n:
            self.more()
        out, self.have = self.have[:n], self.have[n:]
        return out

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ConnectionError, ssl.SSLError):
            pass  # an answer may be there all the same


def response(wire, bodiless=False):
    """A response as a row's answer: status, and of a JSON body what the tests look at."""
    try:
        status = int(wire.line().split()[1])
    except (IndexError, ValueError):
        raise Closed()
    fields = {}
    while (text := wire.line()):
        key, _, value = text.partition(":")
        fields[key.lower()] = value.strip()
    body = b""
    if not bodiless and status not in (101, 204, 304) and "content-length" in fields:
        body = wire.exactly(int(fields["content-length"]))
    out = {"status": status, "fields": fields, "text": body[:300].decode("latin-1")}
    try:
        parsed = json.loads(body)
        if isinstance(parsed, dict):
            out |= {k: parsed[k] for k in ("error", "detail", "reason", "layer", "policy", "protocol", "binary", "message") if k in parsed}
    except ValueError:
        pass
    return out


def bracketed(host):
    return "[%s]" % host if ":" in host else host


def connect_bytes(host, port):
    to = "%s:%d" % (bracketed(host), port)
    return ("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (to, to)).encode()


def tunnel(host, port):
    """A CONNECT: (wire, answer)."""
    sock = socket.create_connection(PROXY, WAIT)
    wire = Wire(sock)
    wire.send(connect_bytes(host, port))
    return wire, response(wire)


def straight(host, port):
    """As a client that knows of no proxy: (wire, answer)."""
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror:
        return None, {"status": 0, "answer": "no name"}
    try:
        return Wire(socket.create_connection(found[0][4], WAIT)), {"status": 200}
    except OSError:
        raise Closed()


@functools.cache
def trust(file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    context.check_hostname = False
    context.set_alpn_protocols(["http/1.1"])
    return context


def secure(wire, name, file="/etc/openshell-tls/openshell-ca.pem"):
    """TLS with the sandbox's own CA; where the tunnel is left alone, with the upstream's."""
    try:
        return Wire(trust(file).wrap_socket(wire.sock, server_hostname=name))
    except (ssl.SSLError, ConnectionError, OSError):
        raise Closed()


def is_literal(host):
    return ":" in host or host.replace(".", "").isdigit()


def body_of(row):
    text = row["body"]
    if text == "@gzip":
        return gzip.compress(b'{"query":"query {viewer}"}')
    if text == "@65537":
        return b'{"query":"query {viewer}"}'.ljust(65537)
    return text.encode()


def request_bytes(row, upgrade=False):
    body = body_of(row)
    lines = ["Host: " + bracketed(row["host"]) + ("" if row["port"] in (80, 443) else ":%d" % row["port"]), "X-Vector: " + row["tag"]]
    if body:
        lines += ["Content-Type: application/json", "Content-Length: %d" % len(body)]
    elif row["method"] in ("POST", "PUT", "PATCH"):
        lines += ["Content-Length: 0"]
    if row["body"] == "@gzip":
        lines += ["Content-Encoding: gzip"]
    lines += row.get("fields", [])
    if row["with"] == "event-stream":
        lines += ["Accept: text/event-stream"]
    if upgrade:
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef").decode()]
    head = row["method"] + " " + row["target"] + " HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    return head.encode() + body


def reach(row):
    """The connection of a row, TLS included; raises or returns (wire, answer): wire None when it was refused."""
    wire, answer = (tunnel if row["way"] == "explicit" else straight)(row["host"], row["port"])
    if answer["status"] != 200:
        return None, answer
    if row["port"] in TLS_PORTS:
        wire = secure(wire, None if is_literal(row["host"]) else row["host"])
    return wire, answer


# ---- rows of the engine, of canonical targets, of destinations -------------------------------------------------------

def ask_connect(row):
    wire, answer = reach(row)
    if wire is None:
        return answer
    if row["port"] in (22, 5432):
        return {"status": 200, "text": wire.line()}
    wire.send(request_bytes(row | {"method": "GET", "target": "/vector", "body": "", "with": ""}))
    return response(wire)


def ask_http(row):
    wire, answer = reach(row)
    if wire is None:
        return answer
    wire.send(request_bytes(row, row["with"] == "upgrade"))
    return response(wire, row["method"] == "HEAD")


# ---- WebSocket -------------------------------------------------------------------------------------------------------

def frame(opcode, data, mask=True):
    size = len(data)
    head = bytes([0x80 | opcode])
    bit = 0x80 if mask else 0
    head += bytes([bit | size]) if size < 126 else bytes([bit | 126]) + struct.pack(">H", size) if size < 65536 else bytes([bit | 127]) + struct.pack(">Q", size)
    return head + (b"\0\0\0\0" if mask else b"") + data


def hear_frame(wire):
    head = wire.exactly(2)
    size = head[1] & 127
    if size == 126:
        size = struct.unpack(">H", wire.exactly(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", wire.exactly(8))[0]
    data = wire.exactly(size)
    if head[0] & 15 == 8:
        return {"status": 101, "close": struct.unpack(">H", data[:2])[0] if len(data) > 1 else 0}
    return {"status": 101, "echo": data[:100].decode("latin-1")}


def ask_message(row):
    what = row["with"]
    data, opcode, mask = row["tag"].encode(), 1, True
    if row["method"] == "WEBSOCKET_BINARY":
        opcode = 2
    elif what == "frame unmasked":
        mask = False
    elif what.startswith("message 4"):
        data = b"x" * int(what.split()[1])
    elif what == "message not-utf8":
        data = b"\xff\xfe"
    wire, answer = reach(row)
    if wire is None:
        return answer
    wire.send(request_bytes(row | {"method": "GET"}, upgrade=True))
    answer = response(wire)
    if answer["status"] != 101:
        return answer
    wire.send(frame(opcode, data, mask))
    return hear_frame(wire)


# ---- the wire itself -------------------------------------------------------------------------------------------------

def to_proxy(data):
    wire = Wire(socket.create_connection(PROXY, WAIT))
    wire.send(data)
    return response(wire)


def in_tunnel(row, data, name=None, clear=False):
    wire, answer = tunnel(row["host"], row["port"])
    if answer["status"] != 200:
        return answer
    if not clear:
        wire = secure(wire, name or row["host"])
    wire.send(data)
    return response(wire)


def lines(row, first, *more, host="api.forge.test"):
    host = ("Host: %s\r\n" % host) if host else ""
    return (first + " HTTP/1.1\r\n" + host + "".join(m + "\r\n" for m in more) + "X-Vector: " + row["tag"] + "\r\n\r\n").encode()


def post(row, *more):
    return in_tunnel(row, lines(row, "POST /repos/o/issues", *more) + b"12345")


def head_of(size):
    start, end = b"CONNECT pkgs.acme.test:443 HTTP/1.1\r\nHost: pkgs.acme.test:443\r\nX-Filler: ", b"\r\n\r\n"
    return start + b"x" * (size - len(start) - len(end)) + end


def ssh_relay(row):
    wire, answer = tunnel(row["host"], row["port"])
    if answer["status"] != 200:
        return answer
    wire.send(b"SSH-2.0-client\r\n")
    return {"status": 200, "text": wire.line() + " " + wire.line()}


def tls_untouched(row):
    wire, answer = tunnel(row["host"], row["port"])
    if answer["status"] != 200:
        return answer
    wire = secure(wire, row["host"], os.environ["SSL_CERT_FILE"])
    issuer = dict(x[0] for x in wire.sock.getpeercert()["issuer"])["commonName"]
    wire.send(lines(row, "DELETE /repos/o/secrets/k"))
    return response(wire) | {"issuer": issuer}


def direct(row):
    sock = socket.socket()
    sock.settimeout(WAIT)
    try:
        sock.connect(("93.184.216.34", 443))
    except ConnectionRefusedError:
        return {"answer": "refused"}
    wire = Wire(sock)
    wire.send(b"GET / HTTP/1.1\r\nHost: api.forge.test\r\nX-Vector: " + row["tag"].encode() + b"\r\n\r\n")
    return response(wire)


def dns(row):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(WAIT)
    sock.connect(("10.200.0.1", 53))
    sock.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7unknown\4test\0\0\1\0\1")
    code = sock.recv(512)[3] & 15
    return {"answer": "REFUSED" if code == 5 else "rcode %d" % code}


GET = "GET /repos/o/r"
WIRE = {
    "head-of-8193-bytes": lambda r: to_proxy(head_of(8193)),
    "no-port": lambda r: to_proxy(b"CONNECT pkgs.acme.test HTTP/1.1\r\nHost: pkgs.acme.test\r\n\r\n"),
    "bare-LF": lambda r: to_proxy(b"CONNECT pkgs.acme.test:443 HTTP/1.1\nHost: pkgs.acme.test:443\n\n"),
    "https-to-the-proxy": lambda r: to_proxy(lines(r, "GET https://pkgs.acme.test/", host="pkgs.acme.test")),
    "other-scheme": lambda r: to_proxy(lines(r, "GET ftp://pkgs.acme.test/", host="pkgs.acme.test")),
    "origin-form": lambda r: to_proxy(lines(r, "GET /x", host="pkgs.acme.test")),
    "Host-rewritten": lambda r: to_proxy(lines(r, "GET http://mirror.acme.test/x", host="evil.test")),
    "forward-refused": lambda r: to_proxy(lines(r, "GET http://evil.test/x", host="evil.test")),
    "port-written-out": lambda r: in_tunnel(r, lines(r, GET, host="api.forge.test:443")),
    "root-dot": lambda r: in_tunnel(r, lines(r, GET, host="API.forge.test.")),
    "other-host": lambda r: in_tunnel(r, lines(r, GET, host="evil.test")),
    "other-port": lambda r: in_tunnel(r, lines(r, GET, host="api.forge.test:8443")),
    "two-Host": lambda r: in_tunnel(r, lines(r, GET, "Host: api.forge.test")),
    "no-Host": lambda r: in_tunnel(r, lines(r, GET, host=None)),
    "authority-differs": lambda r: in_tunnel(r, lines(r, "GET https://evil.test/repos/o/r")),
    "both-lengths": lambda r: in_tunnel(r, lines(r, "POST /repos/o/issues", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "coding-list": lambda r: in_tunnel(r, lines(r, "POST /repos/o/issues", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"),
    "equal-lengths": lambda r: post(r, "Content-Length: 5", "Content-Length: 5"),
    "two-lengths": lambda r: post(r, "Content-Length: 5", "Content-Length: 6"),
    "sign": lambda r: post(r, "Content-Length: +5"),
    "space-before-colon": lambda r: in_tunnel(r, lines(r, GET, "Foo : x")),
    "folded": lambda r: in_tunnel(r, lines(r, GET, "Foo: x", " folded")),
    "Host-nominated": lambda r: in_tunnel(r, lines(r, GET, "Connection: Host")),
    "head-too-large": lambda r: in_tunnel(r, lines(r, GET, "X-Filler: " + "x" * 16384)),
    "server-name": lambda r: in_tunnel(r, lines(r, GET), name="evil.test"),
    "not-HTTP": lambda r: in_tunnel(r, b"SSH-2.0-client\r\n", clear=True),
    "h2c-preface": lambda r: in_tunnel(r, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", clear=True),
    "h2c-upgrade": lambda r: in_tunnel(r, lines(r, GET, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", host="api.forge.test:443"), clear=True),
    "plain-relay": ssh_relay,
    "tls-skip": tls_untouched,
    "no-proxy": direct,
    "unknown-name": dns,
}


# ---- who asks --------------------------------------------------------------------------------------------------------

def ask_over(sock, row):
    """A CONNECT over a connection that is there already, and what follows when it is let through."""
    wire = Wire(sock)
    wire.send(connect_bytes(row["host"], row["port"]))
    answer = response(wire)
    if answer["status"] != 200:
        return answer
    wire = secure(wire, row["host"])
    wire.send(request_bytes(row | {"method": "GET", "target": "/vector", "body": "", "with": ""}))
    return response(wire)


def here(row):
    return ask_over(socket.create_connection(PROXY, WAIT), row)


def touched(row):
    os.utime(os.readlink("/proc/self/exe"), (1, 1))
    return here(row)


def unlinked(row):
    os.unlink(os.readlink("/proc/self/exe"))
    return here(row) | {"exe": os.readlink("/proc/self/exe")}


def holding(sock, argv):
    """A child that holds the socket too, and says so before this returns."""
    ready, told = os.pipe()
    sock.set_inheritable(True)
    os.set_inheritable(told, True)
    child = subprocess.Popen([argv, HERE, "hold", str(told)], close_fds=False, stdin=subprocess.PIPE)
    os.close(told)
    os.read(ready, 1)
    return child


def shared_with_another(row):
    sock = socket.create_connection(PROXY, WAIT)
    child = holding(sock, row["root"] + "/usr/bin/python3.11")
    try:
        return ask_over(sock, row)
    finally:
        child.stdin.close()
        child.wait()


def forked(work):
    """work() in a fork; its answer comes over a pipe."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            try:
                answer = work()
            except Closed:
                answer = {"answer": "closed"}
            os.write(into, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(into)
    return pid, out


def shared_by_siblings(row, early=False):
    """early: their parent has connected the socket, not one of them."""
    sock = socket.socket()
    sock.settimeout(WAIT)
    if early:
        sock.connect(PROXY)
    go, gone = os.pipe()  # gone is closed when the parent has let go of the socket
    done, end = os.pipe()

    def silent():
        os.close(gone)
        os.close(end)
        os.read(done, 1)
        return {}

    def speaks():
        os.close(gone)
        os.close(end)
        os.read(go, 1)
        if not early:
            sock.connect(PROXY)
        return ask_over(sock, row)

    other, _ = forked(silent)
    speaker, answer = forked(speaks)
    sock.close()
    os.close(gone)
    text = b""
    while (data := os.read(answer, 65536)):
        text += data
    os.close(end)
    os.waitpid(speaker, 0)
    os.waitpid(other, 0)
    return json.loads(text)


def shared_with_a_fork(row):
    sock = socket.create_connection(PROXY, WAIT)
    done, end = os.pipe()

    def silent():
        os.close(end)
        os.read(done, 1)
        return {}

    pid, _ = forked(silent)
    try:
        return ask_over(sock, row)
    finally:
        os.close(end)
        os.waitpid(pid, 0)


def leaves(row):
    """Says CONNECT and is gone. The test has stopped the proxy, so that nobody has looked before."""
    sock = socket.create_connection(PROXY, WAIT)
    sock.sendall(connect_bytes(row["host"], 22))
    return {"answer": "gone"}


IDENTITY = {"content-changed": here, "mtime-changed": touched, "unlinked": unlinked, "shared git python3.11": shared_with_another,
            "shared siblings": shared_by_siblings, "shared siblings early": lambda row: shared_by_siblings(row, True), "shared parent fork": shared_with_a_fork, "script": here, "owner-gone": leaves}


# ---- tunnels that are open while the policy changes ------------------------------------------------------------------

def held(row):
    """One of each kind, used once, then watched to their ends."""
    raw, answer = tunnel("any.acme.test", 22)
    raw.line()
    inspected, answer = tunnel("api.forge.test", 443)
    inspected = secure(inspected, "api.forge.test")
    inspected.send(b"GET /repos/o/r HTTP/1.1\r\nHost: api.forge.test\r\n\r\n")
    assert response(inspected)["status"] == 200
    socketed, answer = tunnel("ws.acme.test", 443)
    socketed = secure(socketed, "ws.acme.test")
    socketed.send(request_bytes(row | {"host": "ws.acme.test", "port": 443, "method": "GET", "target": "/live/chat", "body": "", "with": ""}, upgrade=True))
    assert response(socketed)["status"] == 101
    print(json.dumps({"held": True}), flush=True)
    ends = {}
    for name, wire in (("raw", raw), ("inspected", inspected)):
        try:
            wire.more()
            ends[name] = "data"
        except TimeoutError:
            ends[name] = "open"
        except Closed:
            ends[name] = "closed"
    try:
        ends["websocket"] = hear_frame(socketed).get("close")
    except (Closed, TimeoutError) as e:
        ends["websocket"] = type(e).__name__
    return {"answer": "closed" if list(ends.values()) == ["closed", "closed", 1012] else "open", "ends": ends}


# ---- becoming the programs of a row ----------------------------------------------------------------------------------

def run(row):
    began = time.monotonic()
    ask = {"connect": ask_connect, "http": ask_http, "message": ask_message, "held": held}.get(row["kind"])
    ask = ask or (WIRE if row["kind"] == "wire" else IDENTITY)[row["with"]]
    try:
        answer = ask(row)
    except Closed:
        answer = {"answer": "closed"}
    except TimeoutError:
        answer = {"answer": "silence"}
    except OSError as e:
        answer = {"answer": "error: %s" % e}
    print(json.dumps({"row": row["row"], "way": row["way"], "ms": round((time.monotonic() - began) * 1000), **answer}), flush=True)


def put(path):
    """The program at that path, whatever stands in its way."""
    at = "/"
    for part in path.split("/")[1:-1]:
        at = os.path.join(at, part)
        if os.path.isfile(at):
            os.unlink(at)
        if not os.path.isdir(at):
            os.mkdir(at)
    if os.path.isdir(path):
        os.rename(path, path + ".moved")
    if not os.path.exists(path):
        os.link("/sandbox/v/python", path)


def hop(job):
    """The next of the chain, from its oldest ancestor to the program itself, which runs the rows."""
    if not job["chain"]:
        for row in job["rows"]:
            run(row)
        return
    name = job["chain"].pop()
    program = [name, HERE, "hop"] if not job.get("script") or job["chain"] else [name, "hop"]
    subprocess.run(program, input=json.dumps(job), text=True)


def launch(jobs):
    for job in jobs:
        for path in job["chain"]:
            if not job.get("script"):
                put(path)
        hop(job)


if sys.argv[1] == "hold":
    os.write(int(sys.argv[2]), b"x")
    sys.stdin.read()
else:
    given = json.load(sys.stdin)
    (launch if sys.argv[1] == "launch" else hop)(given)
