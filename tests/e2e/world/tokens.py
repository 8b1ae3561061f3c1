"""A token server: each call mints another token, and another token to refresh with; the one before is void from then on.

usage: tokens.py DIRECTORY    writes its port to DIRECTORY/port; while DIRECTORY/hold is there, calls wait; DIRECTORY/minted has a line a token
"""
import http.server, itertools, json, os, socketserver, sys, threading, time, urllib.parse

here, numbers, lock, good = sys.argv[1], itertools.count(1), threading.Lock(), ["rt-0"]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *unused):
        pass

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        with open(os.path.join(here, "asked"), "a") as asked:
            asked.write("asked\n")
        while os.path.exists(os.path.join(here, "hold")):
            time.sleep(0.01)
        with lock:
            token = {"error": "invalid_grant"}
            if form.get("refresh_token") == good[0]:
                n = next(numbers)
                good[0] = "rt-%d" % n
                token = {"access_token": "at-%d-%s" % (n, os.urandom(8).hex()), "refresh_token": good[0], "expires_in": 3600}
            with open(os.path.join(here, "minted"), "a") as minted:
                minted.write(token.get("access_token", "refused") + "\n")
        body = json.dumps(token).encode()
        try:
            self.send_response(200 if "access_token" in token else 400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
with open(os.path.join(here, "port"), "w") as port:
    port.write("%d\n" % server.server_address[1])
server.serve_forever()
