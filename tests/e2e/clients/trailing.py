"""A POST with a trailer, and what stands behind its answer. usage: trailing.py h1|h2 HOST[:PORT] PATH KEY TRAILER [BODY]; prints STATUS TRAILERS"""
import os, socket, ssl, sys

version, host, path, key, trailer, body = (sys.argv[1:] + ["ok"])[:6]
name, _, port = host.partition(":")
context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
context.set_alpn_protocols(["h2"] if version == "h2" else ["http/1.1"])
tls = context.wrap_socket(socket.create_connection((name, int(port or 443)), 20), server_hostname=name)
if version == "h2":
    import wire
    h2 = wire.Wire(tls)
    tls.sendall(wire.PREFACE)
    h2.send(wire.SETTINGS, 0, 0)
    h2.send_fields(1, 0, [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", host.encode()), (b":path", path.encode()),
                          (b"te", b"trailers"), (b"x-key", key.encode())])
    h2.send(wire.DATA, 0, 1, body.encode())
    h2.send_fields(1, wire.END_STREAM, [(b"x-sum", trailer.encode()), (b"authorization", b"Basic eA==")])
    _, head, _, trailers = h2.message()
    print(head[":status"], trailers)
else:
    tls.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nTE: trailers\r\nConnection: te, close\r\nX-Key: {key}\r\n"
                f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\nX-Sum: {trailer}\r\nAuthorization: Basic eA==\r\n\r\n".encode())
    answer = b""
    while (piece := tls.recv(65536)):
        answer += piece
    behind = answer.decode().partition("\r\n0\r\n")[2].split("\r\n")
    print(answer.split()[1].decode(), {name.lower(): value for name, value in (line.split(": ") for line in behind if line)})
