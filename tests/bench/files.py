"""What copying files costs: upload and download beside `tar | docker exec` of the same file; prints JSON lines for ./bench.

usage: files.py BUILD MIB, with a gateway that openshell finds. Ours and the peer's in turns, the best of each. Without dockerd,
or not as root, the peer is left out.
"""
import json, os, shutil, subprocess, sys, tempfile, time

from peers import Docker, run

build, mib = sys.argv[1], int(sys.argv[2])
openshell = f"{build}/bin/openshell"
work = tempfile.mkdtemp(prefix="osh-files.")
peer = Docker(work)
docker = peer.command
rounds = 3


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
    daemon = peer.begin()
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
        peer.end()
        shutil.rmtree(work, ignore_errors=True)


main()
