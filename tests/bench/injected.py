"""What a credential costs that is filled in, and a streamed model answer: beside the same without, in turns."""
import os, statistics, time

from ground import *

PROFILE = """id: bench
display_name: Bench
category: other
credentials:
  - {name: token, env_vars: [BENCH_TOKEN], required: true, auth_style: bearer, header_name: authorization}
endpoints:
  - {host: static.acme.test, port: 443, path: "/**", protocol: rest, access: read-only, enforcement: enforce}
binaries: [/usr/bin/wrk]
"""
WIDE = """id: wide
display_name: Wide
category: other
credentials:
""" + "".join(f"  - {{name: k{i}, env_vars: [K{i}]}}\n" for i in range(32)) + """endpoints:
  - {host: rw.acme.test, port: 443, protocol: rest, access: read-only, enforcement: enforce}
binaries: [/usr/bin/wrk]
"""
# Each piece of the stream says when it was sent, by the clock that both sides see.
STREAM = """
import json, os, ssl, sys, time, urllib.request
trust = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
for _ in range(int(sys.argv[2])):
    with urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/v1/chat/completions", body, {"Content-Type": "application/json"}), context=trust) as answer:
        for line in answer:
            now = time.time_ns()
            if line.startswith(b"data: {"):
                print(now - json.loads(line[6:])["sent_ns"])
"""


def median_of(how, url, header):
    return wrk(1, url, "static.acme.test", lambda *c: how(*c[:-1], *(["-H", header] if header else []), c[-1]), length)[0]


def filled(what):
    """The same request with a placeholder and without, in turns: what the router adds."""
    token = inside("/usr/bin/printenv", "BENCH_TOKEN").strip()
    plain, with_it = [], []
    for _ in range(rounds):
        plain.append(median_of(inside, "https://static.acme.test/small", None))
        with_it.append(median_of(inside, "https://static.acme.test/small", f"Authorization: Bearer {token}"))
    added = [a - b for a, b in zip(with_it, plain)]
    row(what, statistics.median(added), "us", 100, "the request without it", statistics.median(plain), False, min(added))


def stream():
    """How late a piece of a streamed answer is, by inference.local and without anything between."""
    times = 20 if length < 2 else 60
    begin("models", "/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e/world/models.py"), world, "93.184.216.45", "443", f"{world}/server.pem", f"{world}/server.key")
    waits("93.184.216.45")
    with open(f"{world}/names", "a") as file:
        file.write("models.acme.test 93.184.216.45\n")
    with open(f"{world}/model-pause", "w") as file:
        file.write("0.01")
    os.environ["OPENAI_API_KEY"] = "sk-bench"
    run(cli, "provider", "create", "--name", "models", "--type", "openai", "--credential", "OPENAI_API_KEY", "--config", "OPENAI_BASE_URL=https://models.acme.test/v1")
    run(cli, "inference", "set", "--provider", "models", "--model", "scripted")
    end = time.monotonic() + 10
    while "hello" not in inside("/usr/bin/curl", "-sS", "-d", '{"messages":[{"role":"user","content":"hi"}]}', "https://inference.local/v1/chat/completions", check=False):
        if time.monotonic() > end:
            raise SystemExit("way_out: inference.local does not answer")
    ours = sorted(map(int, inside("/usr/bin/python3", "-c", STREAM, "https://inference.local", times).split()))
    direct = sorted(map(int, run("/usr/bin/python3", "-c", STREAM, "https://models.acme.test", times).split()))
    row("a piece of a streamed model answer comes later by", (statistics.median(ours) - statistics.median(direct)) / 1e6, "ms", 1, "directly", statistics.median(direct) / 1e6)


def many():
    """2,000 providers, and 10,000 credentials that are attached to other sandboxes."""
    providers, boxes = (200, 32) if length < 2 else (2000, 313)
    for i in range(providers):
        run(cli, "provider", "create", "--name", f"many{i}", "--type", "generic", "--credential", f"SECRET=s{i}")
    run(cli, "provider", "profile", "import", "-f", put("wide.yaml", WIDE))
    run(cli, "provider", "create", "--name", "wide", "--type", "wide", *[word for i in range(32) for word in ("--credential", f"K{i}=v{i}")])
    for i in range(boxes):
        run(cli, "sandbox", "create", "--name", f"wide{i}", "--provider", "wide", "--detach", "--", "sleep", "infinity")
    filled(f"the same beside {providers} providers and {boxes * 32} attached credentials")
    begun = time.monotonic()
    run(cli, "provider", "update", "wide", "--credential", "K0=w")
    row(f"provider update, {boxes} sandboxes have it", (time.monotonic() - begun) * 1000, "ms")
    for i in range(0, boxes, 50):
        run(cli, "sandbox", "delete", *[f"wide{k}" for k in range(i, min(i + 50, boxes))])


def measure():
    os.environ["BENCH_TOKEN"] = "0123456789abcdef0123456789abcdef"
    run(cli, "provider", "profile", "import", "-f", put("bench.yaml", PROFILE))
    run(cli, "provider", "create", "--name", "bench", "--type", "bench", "--credential", "BENCH_TOKEN")
    run(cli, "sandbox", "provider", "attach", "bench", "bench")
    end = time.monotonic() + 10
    while not inside("/usr/bin/printenv", "BENCH_TOKEN", check=False).startswith("openshell:resolve:env:"):
        if time.monotonic() > end:
            raise SystemExit("way_out: no placeholder came")
    filled("a credential filled in, added at the median")
    stream()
    many()
