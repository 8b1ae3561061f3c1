"""A SPIFFE Workload API on a Unix socket, and a token server over TLS that takes its identities.

usage: spiffe.py DIRECTORY
  listens on DIRECTORY/spiffe/api.sock and on 93.184.216.46:8443, then writes a line to DIRECTORY/spiffe-ready
  DIRECTORY/fetched has a line for each identity, DIRECTORY/exchanged a JSON line for each request for a token
  DIRECTORY/deny    while it is there: no identity for anybody
  DIRECTORY/answer  while it is there: what the token server answers, "STATUS BODY"
  DIRECTORY/expires expires_in of tokens; 3600
"""
import base64, http.server, itertools, json, os, ssl, sys, urllib.parse
from concurrent import futures

import grpc

here, numbers = sys.argv[1], itertools.count(1)


def path(name):
    return os.path.join(here, name)


def letters(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims(svid):
    return json.loads(base64.urlsafe_b64decode(svid.split(".")[1] + "=="))


def field(number, value):
    """One length-delimited field of protobuf."""
    size, out = len(value), bytes([number << 3 | 2])
    while size > 127:
        out, size = out + bytes([size & 127 | 128]), size >> 7
    return out + bytes([size]) + value


def fetch(request, context):
    if dict(context.invocation_metadata()).get("workload.spiffe.io") != "true":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing from request")
    if os.path.exists(path("deny")):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
    assert request[0] == 0x0A and request[1] == len(request) - 2  # one audience, under 128 bytes
    audience = request[2:].decode()
    with open(path("fetched"), "a") as log:
        log.write(audience + "\n")
    identity = "spiffe://acme.test/agent"
    svid = ".".join([letters({"alg": "ES256"}), letters({"sub": identity, "aud": [audience]}), "c2lnbmVk"])
    return field(1, field(1, identity.encode()) + field(2, svid.encode()))


class Tokens(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        svid = claims(form["client_assertion"])
        good = svid["sub"] == "spiffe://acme.test/agent" and svid["aud"] == ["https://tokens.acme.test:8443/token"]
        with open(path("exchanged"), "a") as log:
            log.write(json.dumps(form) + "\n")
        expires = int(open(path("expires")).read()) if os.path.exists(path("expires")) else 3600
        token = {"access_token": "tok-%d.%s" % (next(numbers), form.get("audience", "")), "token_type": "Bearer", "expires_in": expires}
        status, body = (200, json.dumps(token)) if good else (401, '{"error":"invalid_client"}')
        if os.path.exists(path("answer")):
            status, body = open(path("answer")).read().rstrip("\n").split(" ", 1)
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


os.makedirs(path("spiffe"), exist_ok=True)
api = grpc.server(futures.ThreadPoolExecutor(4))
api.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("SpiffeWorkloadAPI", {"FetchJWTSVID": grpc.unary_unary_rpc_method_handler(fetch)}),))
api.add_insecure_port("unix:" + path("spiffe/api.sock"))
api.start()
os.chmod(path("spiffe/api.sock"), 0o777)
server = http.server.ThreadingHTTPServer(("93.184.216.46", 8443), Tokens)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(path("server.pem"), path("server.key"))
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(path("spiffe-ready"), "w") as ready:
    ready.write("ready\n")
server.serve_forever()
