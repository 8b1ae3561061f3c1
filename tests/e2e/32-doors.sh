#!/bin/bash
# Doors: ports of a sandbox, its main process, and SSH servers, while what carries them is slow, dies or is killed.
. "$(dirname "$0")/lib.sh"

cat >"$work/server.py" <<'PY'
import socket, sys, threading
def serve(c):
    try:
        kind = c.recv(1)
        if kind == b"e":                              # echo, to the end
            while data := c.recv(65536): c.sendall(data)
        elif kind == b"c":                            # count, then say
            n = 0
            while data := c.recv(65536): n += len(data)
            c.sendall(b"%d" % n)
        elif kind == b"f":                            # without end
            while True: c.sendall(b"x" * 65536)
        elif kind == b"r":                            # reset
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
    except OSError: pass
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, 8000 + (family == socket.AF_INET6))); s.listen(64)
    def accept(s=s):
        while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
    threading.Thread(target=accept).start()
print("serving", flush=True)
PY
cat >"$work/client.py" <<'PY'
import hashlib, os, socket, sys, threading, time
port, what = int(sys.argv[1]), sys.argv[2]
def dial(kind, timeout=30):
    s = socket.create_connection(("127.0.0.1", port), timeout); s.sendall(kind); return s
def all_of(s):
    data = b""
    while more := s.recv(65536): data += more
    return data
def echo(n):
    data, s = os.urandom(n), dial(b"e")
    def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)
    t = threading.Thread(target=send); t.start()
    back = all_of(s); t.join()
    return back == data
if what == "echo": print(echo(int(sys.argv[3])))
elif what == "count":
    s = dial(b"c"); s.sendall(b"y" * 100000); s.shutdown(socket.SHUT_WR); print(all_of(s).decode())
elif what == "many":
    good = []
    ts = [threading.Thread(target=lambda: good.append(echo(300000))) for _ in range(int(sys.argv[3]))]
    for t in ts: t.start()
    for t in ts: t.join()
    print(sum(good))
elif what == "reset":
    try: print(repr(all_of(dial(b"r"))))
    except ConnectionResetError: print("b''")
elif what == "stopped":                               # does not read, and says so
    s = dial(b"f"); s.recv(1, socket.MSG_PEEK); print("stopped", flush=True); time.sleep(300)
elif what == "held":                                  # until it ends, however it does
    s = dial(b"f"); s.recv(1); print("held", flush=True); began = None
    try:
        while s.recv(65536): pass
        print("end")
    except ConnectionResetError: print("end")
    except TimeoutError: print("nothing in 30 s")
PY

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
openshell sandbox create --name box --detach -- sh -c 'echo begin; while read -r line; do echo "heard $line"; done' >/dev/null 2>&1 </dev/null
openshell sandbox exec --name box -- sh -c 'cat >/tmp/server.py; nohup python3 /tmp/server.py >/tmp/served 2>&1 & until grep -qs serving /tmp/served; do sleep 0.05; done' <"$work/server.py"
forward() { # the one before has ended: it shares the file
	[ -z "${forward:-}" ] || { kill "$forward"; wait "$forward" 2>/dev/null; }
	: >"$work/forward.log"
	openshell forward service box --local 0 "$@" >"$work/forward.log" 2>&1 </dev/null & forward=$!
	wait_for 10 grep -q Forwarding "$work/forward.log"; port=$(grep -oE 'port [0-9]+' "$work/forward.log" | head -1 | cut -d' ' -f2); }
client() { exec timeout 60 python3 "$work/client.py" "$port" "$@"; }

# bytes
forward --target-port 8000
is "bytes both ways at once are exact" "$(client echo 2000000)" True
is "each way ends by itself" "$(client count)" 100000
is "ten at once" "$(client many 10)" 10
is "a server that resets ends the client" "$(client reset)" "b''"
forward --target-port 8001 --target-host ::1
is "IPv6" "$(client count)" 100000
forward --target-port 8001 --target-host localhost
is "localhost is either address" "$(client count)" 100000
forward --target-port 8002
(client count) >/dev/null 2>&1
if wait_for 5 grep -q 'nothing listens on port 8002' "$work/forward.log"; then ok "a port where nobody listens is said"; else not_ok "a port where nobody listens is said" "$(cat "$work/forward.log")"; fi
forward --target-port 15001
(client count) >"$work/refused" 2>&1
if wait_for 5 grep -q 'nothing listens on port 15001' "$work/forward.log"; then ok "the proxy's own port is none of these"; else not_ok "the proxy's own port is none of these" "$(cat "$work/forward.log" "$work/refused")"; fi
forward --target-port 8000

# who does not read stops whoever writes to it, and nobody else
memory() { for name in relay api; do awk '/^VmRSS/ { print $2 }' "/proc/$(pid_of $name)/status"; done; awk '/^VmRSS/ { print $2 }' "/proc/$(link_of box)/status"; }
before=$(memory | awk '{ n += $1 } END { print n }')
for i in 1 2 3 4 5; do client stopped >"$work/stopped.$i" & stopped="${stopped:-} $!"; done
for i in 1 2 3 4 5; do wait_for 10 grep -q stopped "$work/stopped.$i" || not_ok "a client that does not read ($i)"; done
is "five do not read: another door is as open as before" "$(client echo 2000000)" True
after=$(memory | awk '{ n += $1 } END { print n }')
if [ $((after - before)) -lt 24000 ]; then ok "and what carries them has not grown"; else not_ok "and what carries them has not grown" "$before KiB before, $after after"; fi
# shellcheck disable=SC2086
kill $stopped

victim_is() { if [ "$1" = link ]; then victim=$(link_of box); else victim=$(pid_of "$1"); fi; [ -n "$victim" ]; }

# what carries a door is killed: it ends, and the next one opens
for name in link relay; do
	: >"$work/held" # not what the one before has said
	client held >>"$work/held" &
	held=$!
	wait_for 10 grep -q held "$work/held" || not_ok "a door is held"
	victim=
	wait_for 10 victim_is $name || not_ok "$name runs"
	kill -9 "$victim" || not_ok "kill -9 $victim"
	wait $held
	is "$name is killed: the door ends" "$(tail -1 "$work/held")" end
	if wait_for 5 eval '[ "$(client count 2>/dev/null)" = 100000 ]'; then ok "and the next one opens"; else not_ok "and the next one opens"; fi
done

# a terminal that is cut off in the middle of a line: what is told of it has a line of its own
: >"$work/cut"
script -qefc "'$bin/openshell' sandbox exec -n box --tty -- sh -c 'printf prompt; exec sleep 300'" /dev/null </dev/null >"$work/cut" 2>&1 &
cut=$!
wait_for 10 grep -q prompt "$work/cut" || not_ok "a command runs on a terminal" "$(cat "$work/cut")"
victim=
wait_for 10 victim_is link && kill -9 "$victim"
wait $cut
is "link is killed: a terminal's command ends with one line behind its own" "$(tr -d '\r\000' <"$work/cut" | sed 's/\^@//; s/^\(Error: \).*/\1/' | tr '\n' '|')" "prompt|Error: |"
wait_for 10 openshell sandbox exec -n box -- true </dev/null

# the main process: replay outlives link, one writes, others watch, an end of input is not its end
openshell sandbox ssh-config box >"$work/ssh_config"
host=$(awk '/^Host / { print $2 }' "$work/ssh_config")
attach() { exec timeout 120 ssh -F "$work/ssh_config" -o LogLevel=error -s "$host" openshell-main; }
mkfifo "$work/first"
attach <"$work/first" >"$work/first.out" 2>&1 &
first=$!
exec 8>"$work/first"
wait_for 10 grep -q begin "$work/first.out" && ok "what it wrote before link was killed is there" || not_ok "what it wrote before link was killed is there" "$(cat "$work/first.out")"
echo one >&8
wait_for 10 grep -q 'heard one' "$work/first.out" && ok "who attaches writes its input" || not_ok "who attaches writes its input" "$(cat "$work/first.out")"
mkfifo "$work/second"
attach <"$work/second" >"$work/second.out" 2>&1 &
second=$!
exec 9>"$work/second"
wait_for 10 grep -q 'heard one' "$work/second.out" && ok "a second one watches" || not_ok "a second one watches" "$(cat "$work/second.out")"
like_soon "and is told that it may not write" 'already has an input owner' cat "$work/second.out"
echo two >&8
wait_for 10 grep -q 'heard two' "$work/second.out" && ok "and sees what follows" || not_ok "and sees what follows" "$(cat "$work/second.out")"
exec 8>&-
kill $first; wait $first 2>/dev/null
exec 9>&-
kill $second; wait $second 2>/dev/null
says() { # TEXT: whoever attaches writes it, and sees the answer
	mkfifo "$work/next"
	attach <"$work/next" >"$work/next.out" 2>&1 &
	exec 8>"$work/next"
	echo "$1" >&8
	wait_for 10 grep -q "heard $1" "$work/next.out"
	local r=$?
	kill $!; exec 8>&-; wait $! 2>/dev/null; rm "$work/next"
	return $r
}
if says three; then ok "whoever comes next may write: its input has not ended"; else not_ok "whoever comes next may write: its input has not ended" "$(cat "$work/next.out")"; fi

# an SSH server ends with its connection, and its commands with it
sshds() { pgrep -x sshd -P "$(supervisor_of box)"; }
wait_for 5 eval '! sshds' || not_ok "no SSH server is left" "$(sshds)"
ssh -F "$work/ssh_config" "$host" 'trap "" PIPE; trap "echo hung up >/tmp/hup; exit" HUP; echo ready; while :; do sleep 0.1; done' >"$work/ssh.out" 2>&1 </dev/null &
client=$!
wait_for 10 grep -q ready "$work/ssh.out" || not_ok "a command by ssh" "$(cat "$work/ssh.out")"
is "one connection, one server" "$(sshds | wc -l)" 1
kill -9 "$(sshds)"
wait $client
is "a server that is killed ends its connection" "$?" 255
if wait_for 5 openshell sandbox exec --name box -- grep -q 'hung up' /tmp/hup; then ok "and its command hears that"; else not_ok "and its command hears that"; fi
is "another connection opens" "$(ssh -F "$work/ssh_config" "$host" echo on </dev/null 2>&1)" on
if says four; then ok "the main process has not noticed"; else not_ok "the main process has not noticed" "$(cat "$work/next.out")"; fi
if wait_for 5 eval '! sshds'; then ok "and no server is left"; else not_ok "and no server is left" "$(sshds)"; fi
kill $forward
plan
