"""Look for a secret in the memory of processes, or in files below directories: as it is, in base64 (each alignment), in hex.

usage: scan.py memory SECRET-FILE PID...   prints "PID NAME" of each process that holds it; exits 2 when one cannot be read
       scan.py files SECRET-FILE PATH...   prints each file that holds it
"""
import base64, os, sys


def forms(secret):
    out = {secret, secret.hex().encode()}
    for shift in range(3):
        # What stays the same whatever stands around: the quads wholly within the secret.
        text = base64.b64encode(b"\0" * shift + secret)
        out.add(text[4 * (shift > 0):len(text) // 4 * 4 - 4])
    return [form for form in out if len(form) >= 16]


def holds(data, patterns):
    return any(pattern in data for pattern in patterns)


def memory_holds(pid, patterns):
    overlap = max(map(len, patterns))
    with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as mem:
        for line in maps:
            words = line.split()
            if "r" not in words[1] or (len(words) > 5 and words[5] in ("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            at, end = (int(x, 16) for x in words[0].split("-"))
            tail = b""
            while at < end:
                try:
                    mem.seek(at)
                    data = mem.read(min(end - at, 1 << 22))
                except OSError:
                    break
                if not data:
                    break
                if holds(tail + data, patterns):
                    return True
                tail = data[-overlap:]
                at += len(data)
    return False


def file_holds(path, patterns):
    overlap, tail = max(map(len, patterns)), b""
    with open(path, "rb") as f:
        while data := f.read(1 << 22):
            if holds(tail + data, patterns):
                return True
            tail = data[-overlap:]
    return False


def main():
    patterns, unread = forms(open(sys.argv[2], "rb").read()), False
    if sys.argv[1] == "memory":
        for pid in sys.argv[3:]:
            try:
                if memory_holds(pid, patterns):
                    print(pid, open("/proc/%s/comm" % pid).read().strip())
            except (FileNotFoundError, ProcessLookupError):
                continue
            except PermissionError:
                print("cannot read", pid, file=sys.stderr)
                unread = True
    else:
        for top in sys.argv[3:]:
            for folder, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(folder, name)
                    if os.path.isfile(path) and not os.path.islink(path) and file_holds(path, patterns):
                        print(path)
            if os.path.isfile(top) and file_holds(top, patterns):
                print(top)
    sys.exit(2 if unread else 0)


main()
