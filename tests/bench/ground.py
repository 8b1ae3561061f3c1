"""Common ground of what is measured in a world of its own: a gateway of ours, commands in its sandbox, rows for ./bench.

argv: BUILD SECONDS (of each run of a client).
"""
import glob, json, os, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

build, length = os.path.abspath(sys.argv[1]), int(sys.argv[2])
rounds = 3 if length < 2 else 5
world = os.environ["WORLD"]
work = tempfile.mkdtemp(prefix="osh-bench.")
os.chmod(work, 0o755)
cli, gateway = f"{build}/bin/openshell", [f"{build}/bin/openshell-gateway"]
data = ["--data-dir", f"{work}/data"]
started = []


def run(*command, check=True, timeout=120):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise SystemExit(f"way_out: {' '.join(map(str, command[:8]))}: code {done.returncode}\n{(done.stderr + done.stdout).strip()[-1500:]}")
    return done.stdout


def inside(*command, **more):
    return run(cli, "sandbox", "exec", "-n", "bench", "--", *command, **more)


def row(what, ours, unit, budget=None, beside="", its=None, more=False, least=None):
    """least: the best of the rounds."""
    print(json.dumps({"what": what, "ours": ours, "unit": unit, "budget": budget, "beside": beside, "its": its, "more": more, "least": least}), flush=True)


def put(name, text):
    with open(f"{work}/{name}", "w") as file:
        file.write(text)
    return f"{work}/{name}"


def waits(address, port=443):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"way_out: nothing listens on {address}:{port}")


def begin(name, *command):
    log = open(f"{work}/{name}.log", "w")
    started.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True))
    return started[-1].pid


def children(pid):
    """It, and all below it."""
    below = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                below.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(entry))
        except OSError:
            pass
    found = [pid]
    for one in found:
        found += below.get(one, [])
    return found


def ours_of(*names):
    """Processes of those names in our sandbox, not in anybody else's."""
    found = []
    with open(f"{work}/data/sandboxes/boxes/{os.listdir(f'{work}/data/sandboxes/boxes')[0]}/box") as file:
        box = int(file.read().split()[2])
    for pid in children(box):
        with open(f"/proc/{pid}/comm") as file:
            if file.read().strip() in names:
                found.append(pid)
    if len(found) != len(names):
        raise SystemExit(f"way_out: {names} are {found}")
    return found


def cpu(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as file:
                words = file.read().rpartition(")")[2].split()
                total += int(words[11]) + int(words[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def pss_kib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def wrk(connections, url, host, how, length):
    out = how("/usr/bin/wrk", "-t1", f"-c{connections}", f"-d{length}s", "--latency", "-H", f"Host: {host}", url)
    median = re.search(r"50%\s+([\d.]+)(us|ms|s)", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if not median or not rate or bad:
        raise SystemExit(f"way_out: wrk {url}: {out[-800:]}")
    return float(median[1]) * {"us": 1, "ms": 1000, "s": 1e6}[median[2]], float(rate[1])
