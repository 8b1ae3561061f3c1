#!/usr/bin/env python3
"""Stand-ins for Vault (KV version 2, auth method kubernetes) and for the Secrets of a Kubernetes API: shapes and statuses as theirs.
usage: store_server.py LOG   prints its port; each request is a line of LOG. GET /dump says what is held.
While LOG.hold is there, other requests wait"""
import base64, http.server, json, os, re, socketserver, sys, threading, time, urllib.parse

LOG = sys.argv[1]
lock = threading.Lock()
vault, secrets = {}, {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def answer(self, status, body=None):
        bytes_ = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(bytes_)))
        self.end_headers()
        self.wfile.write(bytes_ if status != 204 else b"")
        self.close_connection = True

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with open(LOG, "a") as log:
            log.write("%s %s\n" % (self.command, self.path))
        while os.path.exists(LOG + ".hold") and self.path != "/dump":
            time.sleep(0.01)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with lock:
            if url.path == "/dump":
                self.answer(200, {"vault": vault, "secrets": secrets})
            elif url.path.startswith("/v1/"):
                self.vault(url.path[4:], query, json.loads(body or b"{}"))
            elif url.path.startswith("/api/v1/namespaces/agents/secrets"):
                self.kubernetes(url.path[len("/api/v1/namespaces/agents/secrets"):].strip("/"), query, json.loads(body or b"{}"))
            else:
                self.answer(404, {"kind": "Status", "code": 404})

    do_GET = do_POST = do_DELETE = do_PUT = do

    def vault(self, path, query, body):
        if path == "auth/k8s/login" and self.command == "POST":
            good = body == {"role": "openshell", "jwt": "service-account-token"}
            self.answer(200 if good else 403, {"auth": {"client_token": "hvs.login", "lease_duration": 60}} if good else {"errors": []})
            return
        if self.headers.get("X-Vault-Token") not in ("hvs.file", "hvs.login"):
            self.answer(403, {"errors": ["permission denied"]})
            return
        kind, name = re.fullmatch(r"kv/(data|metadata)/(.*)", path).groups()
        if kind == "data" and self.command == "POST":
            if body["options"]["cas"] == 0 and name in vault:
                self.answer(400, {"errors": ["check-and-set parameter did not match the current version"]})
                return
            vault[name] = body["data"]
            self.answer(200, {"data": {"version": 1, "destroyed": False}})
        elif kind == "data" and self.command == "GET" and name in vault:
            self.answer(200, {"data": {"data": vault[name], "metadata": {"version": 1}}})
        elif kind == "metadata" and self.command == "DELETE":
            vault.pop(name, None)
            self.answer(204)
        elif kind == "metadata" and query.get("list") == "true":
            keys = [key[len(name) + 1:] for key in vault if key.startswith(name + "/")]
            self.answer(200 if keys else 404, {"data": {"keys": keys}} if keys else {"errors": []})
        else:
            self.answer(404, {"errors": []})

    def kubernetes(self, name, query, body):
        status = lambda code: {"kind": "Status", "apiVersion": "v1", "status": "Failure" if code > 299 else "Success", "code": code}
        if self.headers.get("Authorization") != "Bearer service-account-token":
            self.answer(401, status(401))
        elif self.command == "POST" and name == "":
            name = body["metadata"]["name"]
            if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name) or body["kind"] != "Secret" or body["apiVersion"] != "v1":
                self.answer(422, status(422))
            elif name in secrets:
                self.answer(409, status(409))
            else:
                for value in body["data"].values():
                    base64.b64decode(value, validate=True)
                for value in body["metadata"]["labels"].values():
                    assert len(value) <= 63
                secrets[name] = body
                self.answer(201, body)
        elif self.command == "GET" and name in secrets:
            self.answer(200, secrets[name])
        elif self.command == "DELETE" and name in secrets:
            del secrets[name]
            self.answer(200, status(200))
        elif self.command == "DELETE" and name == "":
            key, value = query["labelSelector"].split("=")
            gone = [n for n, s in secrets.items() if s["metadata"]["labels"].get(key) == value]
            for n in gone:
                del secrets[n]
            self.answer(200, {"kind": "SecretList", "items": []})
        else:
            self.answer(404, status(404))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
