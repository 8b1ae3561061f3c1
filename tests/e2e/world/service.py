# Web applications as people have them in a sandbox: PORT=NAME for each; pieces, events, bodies of any length both ways.
# PORT=ws echoes over WebSocket.
import asyncio, hashlib, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = b"0123456789abcdef" * 4096
came = [threading.Event() for _ in range(3)]  # who reads /events tells of each


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def whole(self, body, status=200, **fields):
        self.send_response(status)
        for key, value in fields.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def piece(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_HEAD(self):
        self.whole(b"12345")

    def do_GET(self):
        if self.path == "/head":
            self.whole(str(self.headers).encode(), set_cookie="s=1; Domain=openshell.localhost; Path=/")
        elif self.path == "/chunks":
            self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(3):
                self.piece(b"piece %d\n" % i)
            self.wfile.write(b"0\r\nX-Trailer: 1\r\n\r\n")
        elif self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for i in range(3):
                self.wfile.write(b"data: %d\n\n" % i)
                if not came[i].wait(20):
                    break
            self.close_connection = True
        elif self.path.startswith("/came/"):
            came[int(self.path[6:])].set()
            self.whole(b"")
        elif self.path.startswith("/big/"):
            left = int(self.path[5:])
            self.send_response(200)
            self.send_header("Content-Length", str(left))
            self.end_headers()
            while left > 0:
                self.wfile.write(PIECE[:left])
                left -= min(left, len(PIECE))
        elif self.path == "/none":
            self.send_response(204)
            self.end_headers()
        elif self.path == "/hang":
            open("/sandbox/hangs", "w").close()
            time.sleep(60)
        else:
            self.whole(b"hello from %s\n" % self.server.name.encode())

    def do_POST(self):
        digest, size = hashlib.sha256(), 0
        if self.path == "/early":
            self.close_connection = True
            return self.whole(b"enough\n", 413, connection="close")
        for data in self.body():
            digest.update(data)
            size += len(data)
        return self.whole(b"%d %s\n" % (size, digest.hexdigest().encode()))

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            data = self.rfile.read(min(left, 65536))
            left -= len(data)
            yield data


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def echoes(port):
    import websockets

    async with websockets.serve(echo, "127.0.0.1", port, max_size=None):
        await asyncio.Future()


def serve(port, name):
    if name == "ws":
        asyncio.run(echoes(port))
    server = Server(("127.0.0.1", port), App)
    server.name = name
    server.serve_forever()


threads = [threading.Thread(target=serve, args=(int(arg.split("=")[0]), arg.split("=")[1])) for arg in sys.argv[1:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
