"""What goes through the doors of a sandbox: output of a command beside docker exec and ssh, and what idle shells cost; JSON lines for ./bench.

usage: doors.py BUILD DATA MIB, with a gateway that openshell finds and whose data directory is DATA. In turns, the best of each.
"""
import json, os, shutil, subprocess, sys, tempfile, time

from peers import Docker, Sshd, run

build, data, mib = sys.argv[1], sys.argv[2], int(sys.argv[3])
openshell = f"{build}/bin/openshell"
rounds = 3


def row(what, ours, unit, beside="", its=None, budget=None, more=False):
    print(json.dumps({"what": what, "ours": ours, "unit": unit, "budget": budget, "beside": beside, "its": its, "least": None, "more": more}), flush=True)


# ---- output ----

def rate(command):
    """MiB/s of what a command writes: all of it is read here."""
    begun, count = time.monotonic(), 0
    with subprocess.Popen([*command, "head", "-c", str(mib << 20), "/dev/zero"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        while chunk := process.stdout.read1(1 << 20):
            count += len(chunk)
    if count != mib << 20:
        raise RuntimeError(f"{command[0]}: {count} bytes of {mib << 20}")
    return mib / (time.monotonic() - begun)


def output(work):
    docker, sshd = Docker(work), Sshd(work)
    try:
        run(openshell, "sandbox", "create", "--name", "bench-doors", "--detach", "--", "sleep", "infinity")
        ours, by_docker, by_ssh = [openshell, "sandbox", "exec", "-n", "bench-doors", "--"], docker.begin(), sshd.begin()
        rates = [(rate(ours), rate([*docker.command, "exec", "box"]) if by_docker else None, rate(sshd.command) if by_ssh else None)
                 for _ in range(rounds)]
        best = [max(column) if column[0] is not None else None for column in zip(*rates)]
        row("output of a command", best[0], "MiB/s", "docker exec" if by_docker else "", best[1], best[1] and best[1] / 2, more=True)
        row("output of a command", best[0], "MiB/s", "ssh" if by_ssh else "", best[2], more=True)
    finally:
        subprocess.run([openshell, "sandbox", "delete", "bench-doors"], stdout=subprocess.DEVNULL)
        sshd.end()
        docker.end()


# ---- idle shells ----

def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def processes(names):
    """Of the gateway; and of those sandboxes link, the supervisor and its spawner."""
    status = json.loads(run(f"{build}/bin/openshell-gateway", "status", "-o", "json", "--data-dir", data))
    found = {p["name"]: [p["pid"]] for p in status["processes"] if p["name"] in ("api", "relay")}
    found |= {"link": [], "supervisor": []}
    for name in names:
        box = json.loads(run(openshell, "sandbox", "get", name, "-o", "json"))["id"]
        with open(f"{data}/sandboxes/boxes/{box}/box") as file:
            supervisor = file.read().split()[2]
        found["link"].append(int(run("pgrep", "-x", "link", "-P", supervisor)))
        found["supervisor"] += [int(supervisor), int(run("pgrep", "-x", "supervisor", "-P", supervisor))]
    return found


# KiB that an idle shell may cost: in api it has a connection of TLS with HTTP/2 of its own, nowhere else anything that is large.
SHELL_KIB = {"api": 64, "relay": 4, "link": 8, "supervisor": 8}


def shells(boxes, each):
    """On terminals; each has a client and a connection of its own. Root alone may look at these processes."""
    names = [f"bench-shells-{i}" for i in range(boxes)]
    for name in names:
        run(openshell, "sandbox", "create", "--name", name, "--detach", "--", "sleep", "infinity")
    known = processes(names)
    for name in names:  # what the first command costs is no shell's
        run(openshell, "sandbox", "exec", "-n", name, "--", "true")
    before = {name: sum(map(pss_kib, pids)) for name, pids in known.items()}
    crowds = [subprocess.Popen([f"{build}/tests/bench/crowd", "shells", name, str(each)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for name in names]
    if any(crowd.stdout.readline() != b"open\n" for crowd in crowds):
        raise RuntimeError("not all shells are open")
    for name, pids in known.items():
        row(f"{name}, each of {boxes * each} idle shells, PSS", (sum(map(pss_kib, pids)) - before[name]) / (boxes * each), "KiB", budget=SHELL_KIB[name])
    for crowd in crowds:
        crowd.stdin.close()
        crowd.wait()
    subprocess.run([openshell, "sandbox", "delete", *names], stdout=subprocess.DEVNULL)


def main():
    work = tempfile.mkdtemp(prefix="osh-doors.")
    try:
        output(work)
        if os.getuid() == 0:
            shells(10, 100)
    except RuntimeError as why:
        sys.exit(f"doors: {why}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
