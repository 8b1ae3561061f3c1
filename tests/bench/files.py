"""What copying files costs: upload and download beside `tar | docker exec` of the same file; prints JSON lines for ./bench.

usage: files.py BUILD MIB, with a gateway that openshell finds. Ours and the peer's in turns, the best of each. Without dockerd,
or not as root, the peer is left out.
"""
import json, os, shutil, subprocess, sys, tempfile, time

build, mib = sys.argv[1], int(sys.argv[2])
openshell = f"{build}/bin/openshell"
work = tempfile.mkdtemp(prefix="osh-files.")
docker = ["docker", "-H", f"unix://{work}/sock"]
rounds = 3


def run(*command, **how):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:5])}: {done.stderr.strip()[-500:]}")
    return done.stdout


def image():
    """A root with tar and sleep, as a tree that docker imports."""
    root = f"{work}/image"
    for name in ("tar", "sleep"):
        path = shutil.which(name)
        needs = [word for word in run("ldd", path).split() if word.startswith("/")]
        for source, to in [(path, f"/bin/{name}")] + [(need, need) for need in needs]:
            os.makedirs(os.path.dirname(root + to), exist_ok=True)
            shutil.copy(os.path.realpath(source), root + to)
    run("sh", "-c", f"tar c -C {root} . | {' '.join(docker)} import - t")


def docker_begin():
    """A daemon of our own, which touches no network; None where there is none."""
    if os.getuid() != 0 or not shutil.which("dockerd"):
        return None
    daemon = subprocess.Popen(["dockerd", "--data-root", f"{work}/data", "--exec-root", f"{work}/exec", "--pidfile", f"{work}/pid",
                               "-H", f"unix://{work}/sock", "--bridge", "none", "--iptables=false", "--ip6tables=false",
                               "--storage-driver", "vfs"], stdout=open(f"{work}/log", "w"), stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 15
        while subprocess.run(docker + ["version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            if time.monotonic() > end or daemon.poll() is not None:
                raise RuntimeError("dockerd does not start")
            time.sleep(0.1)
        image()
        run(*docker, "run", "-d", "--name", "box", "--network", "none", "--ulimit", "nofile=1024:4096", "t", "/bin/sleep", "86400")
    except RuntimeError as why:
        print(f"{why}: docker is left out", file=sys.stderr, flush=True)
        daemon.terminate()
        daemon.wait()
        return None
    return daemon


def took(*command, **how):
    begun = time.monotonic()
    run(*command, **how)
    return time.monotonic() - begun


def row(what, ours, its):
    print(json.dumps({"what": what, "ours": mib / min(ours), "unit": "MiB/s", "budget": mib / min(its) / 2 if its else None,
                      "beside": "docker" if its else "", "its": mib / min(its) if its else None, "least": None, "more": True}), flush=True)


def memory():
    """The most that the client holds while it downloads, in MiB."""
    program = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    return int(run(sys.executable, "-c", program, openshell, "sandbox", "download", "bench-files", "big", f"{work}/again")) / 1024


def main():
    with open(f"{work}/big", "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))
    daemon = docker_begin()
    times = {"up": [], "down": [], "in": [], "out": []}
    try:
        run(openshell, "sandbox", "create", "--name", "bench-files", "--detach")
        for _ in range(rounds):
            times["up"].append(took(openshell, "sandbox", "upload", "bench-files", f"{work}/big"))
            if daemon:
                times["in"].append(took("sh", "-c", f"tar c -C {work} big | {' '.join(docker)} exec -i box tar x -C /"))
            times["down"].append(took(openshell, "sandbox", "download", "bench-files", "big", f"{work}/back"))
            if daemon:
                times["out"].append(took("sh", "-c", f"{' '.join(docker)} exec box tar c -C / big | tar x -C {work}"))
        row(f"upload, {mib} MiB", times["up"], times["in"])
        row(f"download, {mib} MiB", times["down"], times["out"])
        print(json.dumps({"what": "client at a download, memory", "ours": memory(), "unit": "MiB", "budget": 32, "beside": "", "its": None,
                          "least": None, "more": False}), flush=True)
    finally:
        subprocess.run([openshell, "sandbox", "delete", "bench-files"], stdout=subprocess.DEVNULL)
        if daemon:
            subprocess.run(docker + ["rm", "-f", "box"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            daemon.terminate()
            daemon.wait()
        shutil.rmtree(work, ignore_errors=True)


main()
