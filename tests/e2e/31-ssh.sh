#!/bin/bash
# OpenSSH's own clients through ssh-config: commands, terminals, files, ports both ways, and how an editor starts its server.
. "$(dirname "$0")/lib.sh"
socket=$work/tmux
terminal() { tmux -S "$socket" -f /dev/null "$@"; }
shows() { terminal capture-pane -p -t 0 | grep -qE -- "$1"; }

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
openshell sandbox create --name box --detach -- sleep infinity >/dev/null 2>&1 </dev/null
openshell sandbox ssh-config box >"$work/ssh_config"
host=$(awk '/^Host / { print $2 }' "$work/ssh_config")
ssh="ssh -F $work/ssh_config"
head -c 5000000 /dev/urandom >"$work/blob"
sum=$(sha256sum <"$work/blob")

# commands
is "a command, its output and its exit code" "$($ssh "$host" 'echo out; echo err >&2; exit 42' 2>"$work/err" </dev/null; echo $?) $(cat "$work/err")" "out
42 err"
is "it runs as the agent, behind the walls" "$($ssh "$host" 'id -u; grep -c "^Seccomp:.2" /proc/self/status; ls -d /host /run/openshell 2>/dev/null' </dev/null)" "1000
1"
is "a command that a signal ends" "$($ssh "$host" 'kill -9 $$' </dev/null; echo $?)" 137
is "bytes in are exact" "$($ssh "$host" sha256sum <"$work/blob")" "$sum"
is "bytes out are exact" "$($ssh "$host" 'cat > data; cat data' <"$work/blob" | sha256sum)" "$sum"
is "a script on a shell's standard input" "$(printf 'cd /tmp\npwd\nexit 3\n' | $ssh -T "$host"; echo $?)" "/tmp
3"

# terminals
is "a terminal" "$(TERM=vt220 $ssh -tt "$host" 'tty | cut -c 1-9; stty size; echo $TERM' </dev/null 2>/dev/null | tr -d '\r' | tr '\n' ' ')" "/dev/pts/ 24 80 vt220 "
terminal new-session -d -x 100 -y 30 "$ssh $host"
wait_for 10 shows '[$#] *$' || not_ok "a shell's prompt" "$(terminal capture-pane -p -t 0)"
terminal send-keys -t 0 'stty size' Enter
if wait_for 10 shows '^30 100'; then ok "a shell in a terminal has its size"; else not_ok "a shell in a terminal has its size" "$(terminal capture-pane -p -t 0)"; fi
terminal resize-window -t 0 -x 120 -y 40
terminal send-keys -t 0 'while ! stty size | grep "^40 120"; do sleep 0.1; done' Enter
if wait_for 10 shows '^40 120'; then ok "and follows it"; else not_ok "and follows it" "$(terminal capture-pane -p -t 0)"; fi
terminal send-keys -t 0 'less data' Enter
if wait_for 10 shows 'may be a binary file'; then ok "a full-screen program asks"; else not_ok "a full-screen program asks" "$(terminal capture-pane -p -t 0)"; fi
terminal send-keys -t 0 n
terminal send-keys -t 0 'exit 7' Enter
if wait_for 10 eval '! terminal has-session 2>/dev/null'; then ok "the shell ends, and the client with it"; else not_ok "the shell ends, and the client with it"; fi

# files
mkdir -p "$work/tree/sub"
cp "$work/blob" "$work/tree/sub/file"
ln -s sub/file "$work/tree/link"
$ssh "$host" 'rm -rf tree copy' </dev/null
succeeds "scp takes a tree in" scp -q -r -F "$work/ssh_config" "$work/tree" "$host:"
succeeds "and a file out" scp -q -F "$work/ssh_config" "$host:tree/sub/file" "$work/back"
is "as it was" "$(sha256sum <"$work/back")" "$sum"
printf 'put %s sftp-in\nget sftp-in %s\nls -l sftp-in\n' "$work/blob" "$work/sftp-out" >"$work/batch"
succeeds "sftp in and out" sftp -q -b "$work/batch" -F "$work/ssh_config" "$host"
is "as it was" "$(sha256sum <"$work/sftp-out")" "$sum"
like "the file is the agent's" "$out" '1000 +1000 +5000000|sandbox +sandbox +5000000'
succeeds "rsync in" rsync -a -e "$ssh" "$work/tree/" "$host:copy/"
succeeds "rsync out" rsync -a -e "$ssh" "$host:copy/" "$work/tree-back/"
succeeds "with links and all" diff -r --no-dereference "$work/tree" "$work/tree-back"

# sessions that share one connection
$ssh -M -N -S "$work/control" "$host" 2>/dev/null &
master=$!
wait_for 10 $ssh -S "$work/control" -O check "$host"
sshd=$(pgrep -x sshd -P "$(supervisor_of box)")
field() { awk -v f="$1:" '$1 == f { print $2 }' "/proc/$sshd/task/"*/status | sort -u | tr '\n' ' '; }
is "the SSH server: no capability, a filter, no way up" "$(field CapPrm)$(field CapEff)$(field CapInh)$(field CapAmb)$(field Seccomp)$(field NoNewPrivs)" \
	"0000000000000000 0000000000000000 0000000000000000 0000000000000000 2 1 "
if [ "$(id -u)" = 0 ]; then
	mine=$(field Uid)
	is "its user is its own" "$(for pid in $(pgrep -P "$(supervisor_of box)"); do awk '$1 == "Uid:" { print $2 " " }' "/proc/$pid/status"; done | grep -cx "$mine")" 1
	is "its root is empty" "$(find "/proc/$sshd/root/" -mindepth 1 | wc -l)" 0
	unlike "its files are not its own: it is not dumpable" "$(stat -c %u "/proc/$sshd/environ") " "^$mine"
fi
for i in 1 2 3; do $ssh -S "$work/control" "$host" "cat >$i; sha256sum <$i" <"$work/blob" >"$work/sum$i" & pids[i]=$!; done
wait "${pids[@]}"
is "three sessions on one connection" "$(cat "$work"/sum[123] | sort -u)" "$sum"

# ports
serve='import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    d = b""
    while (b := c.recv(65536)): d += b
    c.sendall(d)
    c.close()'
exec 7< <($ssh -S "$work/control" "$host" "python3 -c '$serve'" </dev/null)
read -r -t 30 -u 7 inside
here_port=$(free_port)
socks_port=$(free_port)
$ssh -S "$work/control" -O forward -L "127.0.0.1:$here_port:127.0.0.1:$inside" "$host" >/dev/null
send='import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
import threading
def pour():
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(1)
threading.Thread(target=pour).start()
while (b := s.recv(65536)): sys.stdout.buffer.write(b)'
is "a port forwarded in (-L)" "$(python3 -c "$send" 127.0.0.1 "$here_port" <"$work/blob" | sha256sum)" "$sum"
is "standard input and output forwarded (-W)" "$($ssh -W "localhost:$inside" "$host" <"$work/blob" | sha256sum)" "$sum"
fails_with "nothing but loopback is reached" 255 $ssh -W "10.200.0.1:3128" "$host"
exec 8< <(exec python3 -c "$serve")
server=$!
read -r -t 30 -u 8 back_port
outer=$($ssh -S "$work/control" -O forward -R "0:127.0.0.1:$back_port" "$host" 2>/dev/null)
is "a port forwarded back (-R)" "$($ssh -S "$work/control" "$host" "python3 -c '$send' 127.0.0.1 $outer" <"$work/blob" | sha256sum)" "$sum"
kill $server

# how an editor starts: a script on a shell's standard input installs and starts a server, whose port is reached by -D
$ssh -T -D "127.0.0.1:$socks_port" "$host" bash >"$work/editor" 2>&1 <<'SCRIPT' &
set -e
mkdir -p ~/.editor-server
cat >~/.editor-server/server <<'SERVER'
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"editor " + self.path.encode())
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print("listeningOn==%d==" % server.server_port, flush=True)
server.serve_forever()
SERVER
cd ~/.editor-server
setsid nohup python3 server >log 2>&1 </dev/null &
while ! grep -q listeningOn log; do sleep 0.05; done
cat log
sleep 1000
SCRIPT
editor=$!
wait_for 10 grep -q listeningOn "$work/editor"
inside=$(sed -n 's/.*listeningOn==\([0-9]*\)==.*/\1/p' "$work/editor")
is "an editor's server, through SOCKS (-D)" "$(curl -s --max-time 30 --socks5-hostname "127.0.0.1:$socks_port" "http://localhost:$inside/hello")" "editor /hello"
kill $editor
is "which goes on when the editor has left" "$(printf 'GET /again HTTP/1.0\r\n\r\n' | $ssh -W "127.0.0.1:$inside" "$host" | tail -n 1)" "editor /again"
$ssh -S "$work/control" -O exit "$host" 2>/dev/null
wait $master
no_sshd() { ! pgrep -x sshd -P "$(supervisor_of box)"; }
wait_for 10 no_sshd

# as many at a time as a sandbox takes, and one more
mkfifo "$work/quiet"
exec 9<>"$work/quiet"
doors=()
for i in $(seq 20); do "$bin/openshell" ssh-proxy --name box <&9 >"$work/door$i" 2>&1 & doors+=($!); done
greeted() { [ "$(cat "$work"/door* | grep -ac '^SSH-2.0-')" = 20 ]; }
if wait_for 20 greeted; then ok "20 connections at a time"; else not_ok "20 connections at a time" "$(head -c 300 "$work"/door*)"; fi
is "the 21st is told why" "$($ssh "$host" true 2>&1 </dev/null | grep -a '^Error')" "Error: sandbox box: 20 connections are open to this sandbox, which is the most"
fails_with "... by its exit code, too" 1 openshell ssh-proxy --name box
kill "${doors[0]}"
again() { $ssh "$host" true </dev/null; }
if wait_for 10 again; then ok "a place is free again as soon as one has gone"; else not_ok "a place is free again as soon as one has gone"; fi
kill "${doors[@]:1}"
exec 9>&-
if wait_for 10 no_sshd; then ok "no SSH server is left"; else not_ok "no SSH server is left"; fi
plan
