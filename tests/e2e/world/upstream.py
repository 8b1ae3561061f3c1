"""Stand-ins for the services that agents call: a name server, HTTPS and HTTP echo, WebSocket, JSON-RPC, MCP, GraphQL, raw TCP.

usage: upstream.py DIRECTORY with names, server.pem, server.key, stranger.*; writes a line to DIRECTORY/ready when all listen, and
a JSON line to DIRECTORY/seen for each request that arrives.
"""
import asyncio, base64, hashlib, json, os, socket, ssl, struct, sys, urllib.parse

here = sys.argv[1]


def path(name):
    return os.path.join(here, name)


def say(**what):
    with open(path("seen"), "a") as f:
        f.write(json.dumps(what) + "\n")


# ---- names -----------------------------------------------------------------------------------------------------------

def answer(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    name, question = ".".join(labels).lower(), query[12:at + 5]
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    say(dns=name, type=kind)
    table = {}
    for line in open(path("names")):
        words = line.split()
        if words:
            table[words[0]] = words[1:]
    found, records = name in table, []
    for address in table.get(name, []):
        if kind == 1 and ":" not in address:
            records.append(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04" + socket.inet_aton(address))
        if kind == 28 and ":" in address:
            records.append(b"\xc0\x0c\x00\x1c\x00\x01\x00\x00\x00\x05\x00\x10" + socket.inet_pton(socket.AF_INET6, address))
    flags = 0x8180 | (0 if found else 3)
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)


class Names(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        try:
            self.transport.sendto(answer(data), peer)
        except (IndexError, struct.error):
            pass


async def names_tcp(reader, writer):
    try:
        length = struct.unpack(">H", await reader.readexactly(2))[0]
        out = answer(await reader.readexactly(length))
        writer.write(struct.pack(">H", len(out)) + out)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


# ---- HTTP/1.1, written out so that a test sees exactly what arrived --------------------------------------------------

async def body_of(reader, fields):
    if "chunked" in fields.get("transfer-encoding", ""):
        body, trailers = b"", {}
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            if size == 0:
                while (line := (await reader.readline()).strip()):
                    key, _, value = line.partition(b":")
                    trailers[key.decode().lower()] = value.strip().decode()
                return body, trailers
            body += await reader.readexactly(size)
            await reader.readexactly(2)
    return await reader.readexactly(int(fields.get("content-length", 0))), {}


def rpc_answer(body):
    try:
        call = json.loads(body)
        calls = call if isinstance(call, list) else [call]
        done = [{"jsonrpc": "2.0", "id": c.get("id"), "result": {"echo": c.get("method")}} for c in calls]
        return json.dumps(done if isinstance(call, list) else done[0]).encode()
    except ValueError:
        return b'{"error":"not json"}'


def token_answer(body):
    """As Google's token server: whoever has a refresh token of its own, which begin with rt-, gets a token made of it."""
    form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
    if form.get("grant_type") == "refresh_token" and form.get("refresh_token", "").startswith("rt-"):
        return "200 OK", json.dumps({"access_token": "at-of-" + form["refresh_token"], "expires_in": 3600, "token_type": "Bearer"}).encode()
    return "400 Bad Request", b'{"error":"invalid_grant"}'


async def websocket(reader, writer, fields):
    key = fields["sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
    while True:  # echo each message
        head = await reader.readexactly(2)
        length = head[1] & 127
        if length == 126:
            length = struct.unpack(">H", await reader.readexactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", await reader.readexactly(8))[0]
        mask = await reader.readexactly(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(await reader.readexactly(length)))
        opcode = head[0] & 15
        say(websocket=opcode, length=length, text=data[:200].decode("utf-8", "replace"))
        size = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length) if length < 65536 else b"\x7f" + struct.pack(">Q", length)
        writer.write(bytes([head[0]]) + size + data)
        await writer.drain()
        if opcode == 8:
            return


async def http(reader, writer):
    local = writer.get_extra_info("sockname")
    tls = writer.get_extra_info("ssl_object") is not None
    try:
        while True:
            line = (await reader.readline()).decode("latin-1").split()
            if len(line) != 3:
                break
            fields = {}
            while (text := (await reader.readline()).decode("latin-1").strip()):
                key, _, value = text.partition(":")
                fields[key.lower()] = value.strip() if key.lower() not in fields else fields[key.lower()] + ", " + value.strip()
            if fields.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if fields.get("upgrade", "").lower() == "websocket":
                say(method=line[0], target=line[1], fields=fields, to=local[0], port=local[1], tls=tls)
                await websocket(reader, writer, fields)
                break
            body, trailers = await body_of(reader, fields)
            say(method=line[0], target=line[1], fields=fields, to=local[0], port=local[1], tls=tls, length=len(body), trailers=trailers,
                sha256=hashlib.sha256(body).hexdigest(), body=body[:400].decode("utf-8", "replace"))
            extra, status = "", "200 OK"
            where = line[1].split("?")[0]
            if where == "/stream":  # a second's worth of events
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                for i in range(10):
                    event = b"data: %d\n\n" % i
                    writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                    await writer.drain()
                    await asyncio.sleep(0.02)
                writer.write(b"0\r\nX-Trailer: end\r\n\r\n")
                await writer.drain()
                continue
            if where.startswith("/bytes/"):
                out = bytes(range(256)) * (int(where[7:]) // 256)
            elif where == "/silent":
                await asyncio.sleep(3600)
            elif where == "/endless":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
                    await writer.drain()
            elif where == "/token":
                (status, out), extra = token_answer(body), "Content-Type: application/json\r\n"
            elif where.startswith("/status/"):
                status, out = where[8:11] + " Said", b""
            elif "rpc" in where or "mcp" in where:
                out, extra = rpc_answer(body), "Content-Type: application/json\r\n"
            else:
                out = json.dumps({"method": line[0], "target": line[1], "fields": fields, "length": len(body)}).encode()
                extra = "Content-Type: application/json\r\n"
            close = fields.get("connection", "").lower() == "close" or line[2] == "HTTP/1.0"
            extra += "Connection: close\r\n" if close else ""
            writer.write(f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(out)}\r\n\r\n".encode() + (b"" if line[0] == "HEAD" else out))
            await writer.drain()
            if close:
                break
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, ValueError):
        pass
    writer.close()


async def raw(reader, writer):
    """Speaks first, then echoes: what a database or SSH server does."""
    say(raw=writer.get_extra_info("sockname")[0], port=writer.get_extra_info("sockname")[1])
    writer.write(b"SSH-2.0-standin\r\n")
    try:
        while (data := await reader.read(65536)):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (ConnectionError, OSError):
        pass
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.53", 53))
    await asyncio.start_server(names_tcp, "127.0.0.53", 53)
    good = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    good.load_cert_chain(path("server.pem"), path("server.key"))
    good.set_alpn_protocols(["http/1.1"])
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.load_cert_chain(path("stranger.pem"), path("stranger.key"))
    v4, v6 = ["93.184.216.34", "172.32.0.1", "10.20.0.5", "10.20.9.9", "10.21.0.1", "10.30.0.8", "10.1.2.3"], [os.environ["WORLD_PUBLIC6"]]
    await asyncio.start_server(http, v4 + v6, 443, ssl=good, limit=1 << 20)
    await asyncio.start_server(http, v4, 8443, ssl=good, limit=1 << 20)
    await asyncio.start_server(http, v4, 8545, ssl=good, limit=1 << 20)
    await asyncio.start_server(http, v4 + v6, 80, limit=1 << 20)
    await asyncio.start_server(http, v4 + ["2001:db8::7"], 8080, limit=1 << 20)
    await asyncio.start_server(http, "169.254.1.2", 8000, limit=1 << 20)
    await asyncio.start_server(raw, "93.184.216.38", 443)
    await asyncio.start_server(http, v4 + ["169.254.169.254", "127.0.0.1"], 9000, limit=1 << 20)
    await asyncio.start_server(http, "93.184.216.35", 443, ssl=stranger)
    await asyncio.start_server(raw, v4, 5432)
    await asyncio.start_server(raw, v4, 22)
    with open(path("ready"), "w") as f:
        f.write("ready\n")
    await asyncio.Event().wait()

asyncio.run(main())
