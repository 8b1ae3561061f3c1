"""What ./bench measures beside: a docker of our own and an sshd of our own, where they are; both touch no network."""
import os, shutil, socket, subprocess, sys, time


def run(*command, **how):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:5])}: {done.stderr.strip()[-500:]}")
    return done.stdout


def wait(seconds, true, words):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(words)
        time.sleep(0.1)


def answers(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Docker:
    """A daemon, and a container `box` that sleeps: its root is made of this machine's own tools, as there is no registry."""
    tools = ("tar", "sleep", "head")

    def __init__(self, work):
        self.work, self.command, self.daemon = work, ["docker", "-H", f"unix://{work}/sock"], None

    def image(self):
        root = f"{self.work}/image"
        for name in self.tools:
            path = shutil.which(name)
            needs = [word for word in run("ldd", path).split() if word.startswith("/")]
            for source, to in [(path, f"/bin/{name}")] + [(need, need) for need in needs]:
                os.makedirs(os.path.dirname(root + to), exist_ok=True)
                shutil.copy(os.path.realpath(source), root + to)
        run("sh", "-c", f"tar c -C {root} . | {' '.join(self.command)} import - t")

    def begin(self):
        """False where there is none."""
        if os.getuid() != 0 or not shutil.which("dockerd"):
            return False
        self.daemon = subprocess.Popen(
            ["dockerd", "--data-root", f"{self.work}/data", "--exec-root", f"{self.work}/exec", "--pidfile", f"{self.work}/pid", "-H", f"unix://{self.work}/sock",
             "--bridge", "none", "--iptables=false", "--ip6tables=false", "--storage-driver", "vfs"],
            stdout=open(f"{self.work}/log", "w"), stderr=subprocess.STDOUT)
        try:
            wait(15, lambda: answers(*self.command, "version"), "dockerd does not start")
            self.image()
            run(*self.command, "run", "-d", "--name", "box", "--network", "none", "--ulimit", "nofile=1024:4096", "t", "/bin/sleep", "86400")
        except RuntimeError as why:
            print(f"{why}: docker is left out", file=sys.stderr, flush=True)
            self.end()
        return self.daemon is not None

    def end(self):
        if self.daemon:
            answers(*self.command, "rm", "-f", "box")
            self.daemon.terminate()
            self.daemon.wait()
            self.daemon = None


class Sshd:
    """OpenSSH's server on a port of its own, which lets in whoever runs this."""

    def __init__(self, work):
        self.work, self.server, self.command = work, None, None

    def begin(self):
        """False where there is none."""
        sshd = "/usr/sbin/sshd"
        if not os.path.exists(sshd):
            return False
        for name in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.work}/{name}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with open(f"{self.work}/sshd_config", "w") as file:
            file.write(f"Port {port}\nListenAddress 127.0.0.1\nHostKey {self.work}/host\nAuthorizedKeysFile {self.work}/user.pub\n"
                       "StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.server = subprocess.Popen([sshd, "-D", "-f", f"{self.work}/sshd_config"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.command = ["ssh", "-F", "none", "-q", "-p", str(port), "-i", f"{self.work}/user", "-o", "StrictHostKeyChecking=no",
                        "-o", "UserKnownHostsFile=/dev/null", "127.0.0.1"]
        try:
            wait(5, lambda: answers(*self.command, "true"), "sshd lets nobody in")
        except RuntimeError as why:
            print(f"{why}: ssh is left out", file=sys.stderr, flush=True)
            self.end()
        return self.server is not None

    def end(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
            self.server = None
