"""What a request to a service of a sandbox costs, beside HAProxy before the same server on this machine; JSON lines for ./bench.

usage: services.py BUILD PORT SECONDS, with a gateway at that port which openshell finds; the server is nginx.
"""
import json, os, re, shutil, subprocess, sys, tempfile, time, urllib.request

build, port, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
openshell = f"{build}/bin/openshell"
work = tempfile.mkdtemp(prefix="osh-services.")
HOST = "default--bench-web.openshell.localhost"
rounds = 3
NGINX = """daemon off; worker_processes 1; error_log /dev/null; pid %(dir)s/pid; events { worker_connections 512; }
http { access_log off; keepalive_requests 1000000; client_body_temp_path %(dir)s/1; proxy_temp_path %(dir)s/2; fastcgi_temp_path %(dir)s/3;
uwsgi_temp_path %(dir)s/4; scgi_temp_path %(dir)s/5; server { listen 127.0.0.1:%(port)d; location / { return 200 "hello\\n"; } } }
"""
HAPROXY = """defaults
 mode http
 timeout connect 5s
 timeout client 60s
 timeout server 60s
 http-reuse always
frontend f
 bind 127.0.0.1:%d
 default_backend b
backend b
 server s 127.0.0.1:%d
"""


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:5])}: {done.stderr.strip()[-500:]}")
    return done.stdout


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(at):
    end = time.monotonic() + 10
    while True:
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{at}/", headers={"Host": HOST})
            return urllib.request.urlopen(request).read()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def load(at, connections):
    """Requests a second, and the median of how long one takes in ms."""
    out = run("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Host: {HOST}", f"http://127.0.0.1:{at}/")
    if "Non-2xx" in out:
        raise RuntimeError(out)
    value, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def row(what, ours, unit, its, more):
    best = max if more else min
    print(json.dumps({"what": what, "ours": best(ours), "unit": unit, "budget": None, "beside": "HAProxy", "its": best(its), "least": None,
                      "more": more}), flush=True)


def main():
    server_port, front_port = free_port(), free_port()
    processes = []
    try:
        inside = NGINX % {"dir": "/tmp/web", "port": server_port}
        run(openshell, "sandbox", "create", "--name", "bench-web", "--detach", "--", "/bin/sh", "-c",
            'mkdir -p /tmp/web && printf "%s" "$1" >/tmp/web/conf && exec /usr/sbin/nginx -p /tmp/web -c /tmp/web/conf', "sh", inside)
        run(openshell, "service", "expose", "bench-web", str(server_port))
        os.mkdir(f"{work}/web")
        with open(f"{work}/web/conf", "w") as file:
            file.write(NGINX % {"dir": f"{work}/web", "port": server_port})
        with open(f"{work}/haproxy", "w") as file:
            file.write(HAPROXY % (front_port, server_port))
        processes.append(subprocess.Popen(["nginx", "-p", f"{work}/web", "-c", f"{work}/web/conf"], stderr=subprocess.DEVNULL))
        processes.append(subprocess.Popen(["haproxy", "-f", f"{work}/haproxy"], stderr=subprocess.DEVNULL))
        until(port), until(front_port)
        ours, its = {1: [], 16: []}, {1: [], 16: []}
        for _ in range(rounds):
            for connections in ours:
                ours[connections].append(load(port, connections))
                its[connections].append(load(front_port, connections))
        row("service: a request, one at a time", [t for _, t in ours[1]], "ms", [t for _, t in its[1]], False)
        row("service: requests, 16 connections", [n for n, _ in ours[16]], "/s", [n for n, _ in its[16]], True)
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        subprocess.run([openshell, "sandbox", "delete", "bench-web"], stdout=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


main()
