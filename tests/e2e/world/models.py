"""A scripted model server: OpenAI chat, completions, responses, embeddings, models; Anthropic messages; Bedrock invoke. Streams too.

usage: models.py DIRECTORY ADDRESS PORT [CERTIFICATE KEY]: writes a line to DIRECTORY/models-ready when it listens, and a JSON line to
DIRECTORY/seen for each request (with its headers and body). What it answers is scripted by words in the last message of the user:
"edit FILE TEXT" makes an Anthropic model call the tool Write, once. Files DIRECTORY/model-status and DIRECTORY/model-pause (seconds
between two pieces of a stream) change what it does while it runs.
"""
import http.server, json, os, ssl, sys, time

here, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def setting(name, otherwise):
    try:
        return open(os.path.join(here, name)).read().strip() or otherwise
    except OSError:
        return otherwise


def text_of(content):
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if part.get("type") == "text")


def asked(body):
    """The user's last words, and whether a tool has answered since."""
    words, tool_done = "", False
    for message in body.get("messages", []):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, list) and any(part.get("type") == "tool_result" for part in content):
                tool_done = True
            else:
                words, tool_done = text_of(content), False
    return words, tool_done


def plan(body):
    """("text", words) or ("tool", name, input)."""
    words, tool_done = asked(body)
    names = [tool.get("name") for tool in body.get("tools", [])]
    if "please-edit" in words and "Write" in names and not tool_done:
        rest = words[words.index("please-edit"):].split()
        return "tool", "Write", {"file_path": rest[1], "content": rest[2]}
    return "text", "done" if tool_done else "hello from " + body.get("model", "?")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def seen(self, body):
        with open(os.path.join(here, "seen"), "a") as f:
            f.write(json.dumps({"model_server": port, "method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                                "body": body}) + "\n")

    def reply(self, what, status=200):
        data = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for name, what in events:
            what = what if isinstance(what, str) else json.dumps(dict(what, sent_ns=time.time_ns()))
            data = (("event: %s\n" % name if name else "") + "data: " + what + "\n\n").encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            time.sleep(float(setting("model-pause", "0")))
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        self.seen(None)
        self.reply({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            body = json.loads(raw)
        except ValueError:
            body = {}
        self.seen(body)
        status = int(setting("model-status-%d" % port, setting("model-status", "200")))
        if status != 200:
            self.reply({"error": {"message": "scripted", "type": "scripted"}}, status)
        elif self.path.startswith("/v1/messages/count_tokens"):
            self.reply({"input_tokens": 5})
        elif self.path.startswith("/v1/messages"):
            self.messages(body)
        elif self.path.endswith("/chat/completions"):
            self.chat(body)
        elif self.path.endswith("/embeddings"):
            self.reply({"object": "list", "model": body.get("model"), "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
                        "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        elif self.path.endswith("/responses"):
            self.reply({"id": "r", "object": "response", "model": body.get("model"), "output": [], "usage": {"input_tokens": 4, "output_tokens": 2}})
        elif self.path.endswith("/completions"):
            self.reply({"id": "c", "object": "text_completion", "model": body.get("model"), "choices": [{"text": "hello", "index": 0}],
                        "usage": {"prompt_tokens": 2, "completion_tokens": 1}})
        elif self.path.startswith("/model/"):
            self.reply({"path": self.path, "usage": {"input_tokens": 1, "output_tokens": 1}})
        else:
            self.reply({"error": {"message": "no such path"}}, 404)

    # ---- OpenAI ----

    def chat(self, body):
        text = plan(body)[1]
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        if not body.get("stream"):
            self.reply({"id": "x", "object": "chat.completion", "created": 1, "model": body.get("model"), "usage": usage,
                        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]})
            return
        one = lambda delta, end=None: {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": body.get("model"),
                                       "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        events = [(None, one({"role": "assistant", "content": ""}))] + [(None, one({"content": word + " "})) for word in text.split()]
        events.append((None, one({}, "stop")))
        if body.get("stream_options", {}).get("include_usage"):
            events.append((None, {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": body.get("model"), "choices": [], "usage": usage}))
        self.stream(events + [(None, "[DONE]")])

    # ---- Anthropic ----

    def messages(self, body):
        what = plan(body)
        if what[0] == "tool":
            block, stop = {"type": "tool_use", "id": "toolu_1", "name": what[1], "input": what[2]}, "tool_use"
        else:
            block, stop = {"type": "text", "text": what[1]}, "end_turn"
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model"), "content": [block], "stop_reason": stop,
                   "stop_sequence": None, "usage": {"input_tokens": 21, "output_tokens": 9}}
        if not body.get("stream"):
            self.reply(message)
            return
        begin = dict(message, content=[], stop_reason=None, usage={"input_tokens": 21, "output_tokens": 1})
        empty = {"type": "text", "text": ""} if block["type"] == "text" else dict(block, input={})
        delta = {"type": "text_delta", "text": block["text"]} if block["type"] == "text" else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        self.stream([("message_start", {"type": "message_start", "message": begin}),
                     ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": empty}),
                     ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}),
                     ("content_block_stop", {"type": "content_block_stop", "index": 0}),
                     ("message_delta", {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 9}}),
                     ("message_stop", {"type": "message_stop"})])


server = http.server.ThreadingHTTPServer((address, port), Handler)
if len(sys.argv) > 5:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    context.set_alpn_protocols(["http/1.1"])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(os.path.join(here, "models-ready-%d" % port), "w") as f:
    f.write("ready\n")
server.serve_forever()
