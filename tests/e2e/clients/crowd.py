"""What a crowd of bad clients does, from inside a sandbox. usage: crowd.py crowd|control|names|hold ...

crowd              a thousand connections that do as little as they can; says "standing", then what was left after SECONDS
burst COUNT        so many requests at once, each on a connection of its own; says how many were answered rightly
fill COUNT         so many connections that say nothing, held by several processes; then ten requests while they stand: the slowest in ms
control SECONDS    a well-behaved client, one kept connection and new ones: count, wrong answers, latencies in ms
names COUNT        asks for so many names
hold MARK          one connection of each kind; says "ready", and when /sandbox/go-MARK is there how each ended; meanwhile asks
                   what is allowed and what is forbidden; says for how long nothing that is allowed passed
"""
import asyncio, os, selectors, signal, socket, ssl, struct, sys, threading, time

PROXY = ("10.200.0.1", 3128)
trust = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))


def say(*words):
    print(*words, flush=True)


def dial(host, port):
    return socket.create_connection((host, port), 30)


def tunnel(host, port):
    s = socket.create_connection(PROXY, 30)
    s.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return s


def tls(host):
    return trust.wrap_socket(dial(host, 443), server_hostname=host)


def head(s):
    """the status of an answer whose body is read too; b"" when the connection ends"""
    got = b""
    while b"\r\n\r\n" not in got:
        data = s.recv(65536)
        if not data:
            return b""
        got += data
    fields, _, body = got.partition(b"\r\n\r\n")
    for line in fields.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            left = int(line.split(b":")[1]) - len(body)
            while left > 0:
                data = s.recv(left)
                left = left - len(data) if data else 0
    return fields.split(b" ")[1]


def ask(host, path, more="", method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


# ---- the crowd -------------------------------------------------------------------------------------------------------

def nothing():
    return dial("static.acme.test", 80)


def nothing_more():
    s = nothing()
    s.shutdown(socket.SHUT_WR)
    return s


def explicit_nothing():
    return socket.create_connection(PROXY, 30)


def slow():
    s = dial("static.acme.test", 80)
    s.sendall(b"G")
    return s


def slow_explicit():
    s = socket.create_connection(PROXY, 30)
    s.sendall(b"C")
    return s


def kept():
    s = tls("static.acme.test")
    s.sendall(ask("static.acme.test", "/small"))
    assert head(s) == b"200"
    return s


def half_hello():
    s = dial("static.acme.test", 443)
    s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
    return s


def hello(host):
    """A TLS client that waits for its answer, and never looks whether it is there."""
    s, out = dial(host, 443), ssl.MemoryBIO()
    try:
        trust.wrap_bio(ssl.MemoryBIO(), out, server_hostname=host).do_handshake()
    except ssl.SSLWantReadError:
        s.sendall(out.read())
    return s


def mute():
    return hello("mute.acme.test")


def hole():
    return tunnel("hole.acme.test", 443)


def silent():
    s = tls("api.forge.test")
    s.sendall(ask("api.forge.test", "/silent"))
    return s


def endless():
    s = tls("api.forge.test")
    s.sendall(ask("api.forge.test", "/endless"))
    assert s.recv(1000)
    return s  # and reads no more


KINDS = [(nothing, 200), (nothing_more, 60), (explicit_nothing, 200), (slow, 100), (slow_explicit, 100), (half_hello, 100), (kept, 100),
         (mute, 60), (hole, 40), (silent, 30), (endless, 10)]


def crowd(seconds):
    standing, count = [], 0
    for make, n in KINDS:
        began = time.monotonic()
        for _ in range(n):
            standing.append((make, make()))
        say("#", make.__name__, n, "in", round(time.monotonic() - began, 2), "s")
    say("standing", len(standing))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:  # a byte a second
        for make, s in standing:
            if make in (slow, slow_explicit):
                try:
                    s.send(b"X")
                    count += 1
                except OSError:
                    pass
        time.sleep(1)
    left = {}
    for make, s in standing:
        s.setblocking(False)
        try:
            while make is mute and s.recv(4096):  # the answer to its hello, then the end
                pass
            if make not in (endless, mute):
                s.recv(1)  # an end, or a word about one
            over = make is not endless
        except (BlockingIOError, ssl.SSLWantReadError):
            over = False
        except OSError:
            over = True
        if not over:
            left[make.__name__] = left.get(make.__name__, 0) + 1
    say("left", *[f"{name}={n}" for name, n in left.items()])


async def one(door, good):
    await door.wait()
    try:
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection(sock=await loop.run_in_executor(None, dial, "static.acme.test", 80))
        writer.write(ask("static.acme.test", "/small", "Connection: close\r\n"))
        text = await asyncio.wait_for(reader.read(), 20)
        good.append(text.startswith(b"HTTP/1.1 200") and text.endswith(b"small\n"))
        writer.close()
    except (OSError, asyncio.TimeoutError) as e:
        good.append(False)
        say("#", type(e).__name__, e)


async def burst(n):
    door, good = asyncio.Event(), []
    waiting = [asyncio.create_task(one(door, good)) for _ in range(n)]
    began = time.monotonic()
    door.set()
    await asyncio.gather(*waiting)
    say("answered", good.count(True), "of", n, "in", round(time.monotonic() - began, 2), "s")


def hold_silent(make, n):
    """a process that holds so many: its number, once they stand"""
    hears, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        held = [make() for _ in range(n)]
        os.write(told, b"x")
        signal.pause()
    os.close(told)
    return pid, hears


def fill(count):
    """The last ones, to the explicit proxy, are not judged yet, and would be ended after ten seconds; the others after two minutes."""
    n, last, children = int(count), 6000, []
    for make, all_of in ((nothing, n - last), (explicit_nothing, last)):
        begun = [hold_silent(make, min(900, all_of - at)) for at in range(0, all_of, 900)]
        for pid, hears in begun:
            assert os.read(hears, 1)
            children.append(pid)
        say("#", make.__name__, all_of)
    took, good = [], 0
    for _ in range(10):
        began = time.monotonic()
        s = tls("static.acme.test")
        s.sendall(ask("static.acme.test", "/small"))
        good += head(s) == b"200"
        s.close()
        took.append((time.monotonic() - began) * 1000)
    say("filled", n, "good", good, "worst", round(max(took), 2))
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def control(seconds):
    took, wrong, end = [], 0, time.monotonic() + float(seconds)
    connection, turn = tls("static.acme.test"), 0
    say("begun")
    while time.monotonic() < end:
        turn += 1
        began = time.monotonic()
        try:
            new = turn % 10 == 0
            s = tls("static.acme.test") if new else connection
            s.sendall(ask("static.acme.test", "/small"))
            wrong += head(s) != b"200"
            if new:
                s.close()
        except OSError as e:
            wrong += 1
            say("#", type(e).__name__, e)
            connection = tls("static.acme.test")
        took.append((time.monotonic() - began) * 1000)
        time.sleep(0.01)
    took.sort()
    say("control", len(took), "wrong", wrong, "median", round(took[len(took) // 2], 2), "p99", round(took[int(len(took) * 0.99)], 2), "worst", round(took[-1], 2))


# ---- names -----------------------------------------------------------------------------------------------------------

def names(count):
    """65,000 names a policy could mean, 64 at a time: what was said, by code"""
    server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((server, 53))
    s.settimeout(10)
    said, sent, got, n = {}, 0, 0, int(count)
    while got < n:
        while sent < n and sent - got < 48:
            label = b"n%d" % sent
            s.send(struct.pack(">HHHHHH", sent & 0xffff, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\x03pub\x04acme\x04test\x00\x00\x01\x00\x01")
            sent += 1
        try:
            answer = s.recv(512)
            code = answer[3] & 15
            what = "address" if code == 0 and answer[7] else "code%d" % code
        except socket.timeout:
            what = "lost"
        said[what] = said.get(what, 0) + 1
        got += 1
    say("names", n, *[f"{k}={v}" for k, v in sorted(said.items())])


# ---- one of each, while somebody dies ----------------------------------------------------------------------------------

def ended(name, s, want, wanted_end):
    """Waits for its end, at most ten seconds."""
    s.settimeout(10)
    began = time.monotonic()
    try:
        if want is not None:
            s.sendall(want)
        got = b""
        while (data := s.recv(65536)):
            got += data
        how = "end"
    except socket.timeout:
        how = "NOTHING"
    except OSError as e:
        how = type(e).__name__
    words = got.split(b"\r\n")[0].decode("latin-1") if "got" in locals() and got else ""
    wanted_end.append((name, how, words, round(time.monotonic() - began, 2)))


def upload(s, over):
    """Goes on until it is told that it cannot."""
    how, began = "NOTHING", time.monotonic()
    try:
        while time.monotonic() < began + 10:
            s.sendall(b"100\r\n" + b"u" * 256 + b"\r\n")
            time.sleep(0.005)
    except OSError as e:
        how = type(e).__name__
    over.append(("upload", how, "", round(time.monotonic() - began, 2)))


def attempt(address, path):
    """one request on a connection of its own: its status, or what went wrong"""
    try:
        s = socket.create_connection((address, 80), 3)
        s.sendall(ask("api.forge.test", path, "Connection: close\r\n"))
        return head(s).decode() or "end"
    except OSError as e:
        return type(e).__name__


def hold(mark):
    over, said = [], {"open": {}, "closed": {}}
    alive = tls("api.forge.test")
    alive.sendall(ask("api.forge.test", "/open/" + mark))
    assert head(alive) == b"200"
    raw = dial("any.acme.test", 22)
    assert raw.recv(100) == b"SSH-2.0-standin\r\n"
    flight = tunnel("hole.acme.test", 443)
    up = dial("api.forge.test", 80)
    up.sendall(ask("api.forge.test", "/open/upload", "Transfer-Encoding: chunked\r\n", "POST"))
    threads = [threading.Thread(target=upload, args=(up, over), daemon=True)]
    threads[0].start()
    say("ready")
    address = socket.gethostbyname("api.forge.test")  # outlives the proxy; a question in its hands would be asked again after 1 s
    worst, last, go = 0, time.monotonic(), 0
    end = last + 15
    while time.monotonic() < end:
        for kind in ("closed", "open"):
            got = attempt(address, f"/{kind}/{mark}")
            said[kind][got] = said[kind].get(got, 0) + 1
        if got == "200":
            worst, last = max(worst, time.monotonic() - last), time.monotonic()
        if not go and os.path.exists("/sandbox/go-" + mark):  # it has been killed
            go, end = time.monotonic(), time.monotonic() + 2
            threads += [threading.Thread(target=ended, args=(name, s, want, over), daemon=True)
                        for name, s, want in [("kept", alive, ask("api.forge.test", "/closed/" + mark)), ("raw", raw, None), ("connect", flight, None)]]
            for t in threads[1:]:
                t.start()
    for t in threads:
        t.join(12)
    for name, how, words, took in sorted(over):
        say("over", name, how, words, took)
    worst = max(worst, time.monotonic() - last) if last < go else worst
    say("back", round(worst * 1000), "closed", said["closed"], "open", said["open"])


what = sys.argv[1]
if what == "burst":
    asyncio.run(burst(int(sys.argv[2])))
else:
    {"fill": fill, "crowd": crowd, "control": control, "names": names, "hold": hold}[what](*sys.argv[2:])
