"""A server of HTTP/2 that says what stood behind a request's body, in DIRECTORY/seen and behind its own.

usage: trailing.py DIRECTORY ADDRESS PORT; writes a line to DIRECTORY/trailing-ready when it listens
"""
import json, os, socket, ssl, sys, threading

import wire

here, address, port = sys.argv[1:]


def serve(client):
    with context.wrap_socket(client, server_side=True) as tls:
        h2 = wire.Wire(tls)
        if h2.exactly(len(wire.PREFACE)) != wire.PREFACE:
            return
        h2.send(wire.SETTINGS, 0, 0)
        while True:
            stream, head, body, trailers = h2.message()
            with open(os.path.join(here, "seen"), "a") as f:
                f.write(json.dumps({"method": head[":method"], "target": head[":path"], "fields": head, "body": body.decode(),
                                    "trailers": trailers}) + "\n")
            h2.send_fields(stream, 0, [(b":status", b"200")])
            h2.send(wire.DATA, 0, stream, b"said")
            h2.send_fields(stream, wire.END_STREAM, [(b"x-trailer", b"end")])


def quietly(client):
    try:
        serve(client)
    except (OSError, ValueError):
        pass  # it has left


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(here, "server.pem"), os.path.join(here, "server.key"))
context.set_alpn_protocols(["h2"])
with socket.create_server((address, int(port))) as listener:
    with open(os.path.join(here, "trailing-ready"), "w") as f:
        f.write("ready\n")
    while True:
        threading.Thread(target=quietly, args=(listener.accept()[0],), daemon=True).start()
