#!/usr/bin/env python3
"""Stand-ins for token servers: OAuth 2.0, Google, STS, a model; kind, and unkind ones. What is asked is checked here.
usage: token_server.py LOG [CERT KEY]   prints its port; each request is a line of LOG"""
import base64, hashlib, hmac, http.server, json, os, socketserver, ssl, subprocess, sys, tempfile, threading, time, urllib.parse

LOG = sys.argv[1]
TOKEN = "at-" + "x" * 40


def note(words):
    with open(LOG, "a") as log:
        log.write(words + "\n")


def jwt_good(assertion, public):
    head, claims, signature = assertion.split(".")
    pad = lambda text: text + "=" * (-len(text) % 4)
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.urlsafe_b64decode(pad(signature)))
        file.flush()
        r = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", file.name],
                           input=(head + "." + claims).encode(), capture_output=True)
    note("claims " + base64.urlsafe_b64decode(pad(claims)).decode())
    return r.returncode == 0 and json.loads(base64.urlsafe_b64decode(pad(head))) == {"alg": "RS256", "typ": "JWT"}


def sigv4_good(handler, body, secret):
    """By the rules, written once more."""
    fields = {k.lower(): " ".join(v.split()) for k, v in handler.headers.items()}
    words = dict(part.strip().split("=", 1) for part in fields["authorization"].split(" ", 1)[1].split(","))
    scope = words["Credential"].split("/", 1)[1]
    names = words["SignedHeaders"].split(";")
    request = "\n".join([handler.command, handler.path, "", "".join(n + ":" + fields[n] + "\n" for n in names),
                         words["SignedHeaders"], hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", fields["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return "x-amz-security-token" in names and hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == words["Signature"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def answer(self, status, body, fields=()):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        note("POST " + self.path + " " + body.decode())
        form = dict(urllib.parse.parse_qsl(body.decode()))
        getattr(self, "at_" + (self.path.strip("/").split("/")[0] or "sts"))(form, body)
        self.close_connection = True

    def at_token(self, form, body):
        if form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" and not jwt_good(form["assertion"], LOG + ".pub"):
            self.answer(400, '{"error":"invalid_grant"}')
            return
        self.answer(200, json.dumps({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 120}))

    def at_rotating(self, form, body):
        self.answer(200, json.dumps({"access_token": TOKEN, "refresh_token": "rt-2", "expires_in": "7200"}))

    def at_later(self, form, body):
        while not os.path.exists(LOG + ".go"):
            time.sleep(0.01)
        self.answer(200, json.dumps({"access_token": TOKEN, "refresh_token": "rt-3", "expires_in": 60}))
        note("done /later")

    def at_forever(self, form, body):
        self.answer(200, json.dumps({"access_token": TOKEN}))

    def at_chunked(self, form, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in ('{"access_', 'token":"' + TOKEN, '","expires_in":120}'):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part.encode()))
        self.wfile.write(b"0\r\n\r\n")

    def at_denied(self, form, body):
        self.answer(400, '{"error":"invalid_grant","error_description":"' + form.get("refresh_token", "") + '"}')

    def at_away(self, form, body):
        self.answer(503, "come back later")

    def at_redirect(self, form, body):
        self.answer(302, "", [("Location", "/token")])

    def at_huge(self, form, body):
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(1000):
                self.wfile.write(b"x" * 10000)
        except OSError:
            pass

    def at_large(self, form, body):
        self.answer(200, '{"access_token":"' + "x" * 70000 + '"}')

    def at_long(self, form, body):
        self.answer(200, '{"access_token":"' + "x" * 16385 + '"}')

    def at_broken(self, form, body):
        self.answer(200, '{"access_token":')

    def at_empty(self, form, body):
        self.answer(200, '{"access_token":""}')

    def at_control(self, form, body):
        self.answer(200, '{"access_token":"a\\r\\nX: y"}')

    def at_early(self, form, body):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"access_token":"a"}')

    def at_rubbish(self, form, body):
        self.wfile.write(b"\0\1\2\3 what\r\n\r\n")

    def at_slow(self, form, body):
        time.sleep(600)

    def at_drip(self, form, body):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" ")
                time.sleep(0.1)
        except OSError:
            pass

    def at_sts(self, form, body):
        if not sigv4_good(self, body, "source/secret+key"):
            self.answer(403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>")
            return
        self.answer(200, """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>minted/secret+key</SecretAccessKey><SessionToken>session==</SessionToken>
<Expiration>2100-01-02T03:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>""")

    def at_model(self, form, body):
        self.answer(200 if self.headers.get("Authorization") == "Bearer value-KEY" and self.headers.get("X-More") == "yes" else 401,
                    '{"ok":true,"pad":"' + "y" * 8000 + '"}')


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *unused: None
print(server.server_address[1], flush=True)
server.serve_forever()
