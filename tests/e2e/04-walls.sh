#!/bin/bash
# The walls, from inside, each beside a control run of the same program outside that succeeds.
. "$(dirname "$0")/lib.sh"

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
openshell sandbox create --name walls --detach -- sleep infinity >/dev/null 2>"$work/create.log" </dev/null ||
	{ not_ok "the sandbox starts" "$(cat "$work/create.log")"; plan; exit 1; }
inside() { openshell sandbox exec -n walls -- "$@" </dev/null; }
# The probe program is brought in through the workspace's standard input: there is no upload yet.
openshell sandbox exec -n walls -- sh -c 'cat > /sandbox/probe && chmod 755 /sandbox/probe' <"$probe"

# refused WHAT PROBE-ARGUMENTS...: possible outside, refused inside
refused() {
	local what=$1 control got
	shift
	if ! control=$("$probe" "$@" 2>&1 </dev/null); then
		not_ok "$what: control run outside" "$control"
		return
	fi
	got=$(inside /sandbox/probe "$@" 2>&1)
	case $? in
	1) ok "$what: possible outside, refused inside (${got//$'\n'/ })" ;;
	*) not_ok "$what" "inside: $got" ;;
	esac
}

is "id" "$(inside id)" "uid=1000(sandbox) gid=1000(sandbox) groups=1000(sandbox)"
is "hostname is the sandbox's name" "$(inside cat /proc/sys/kernel/hostname)" walls
unlike "ls / shows no home, no run, no host data" "$(inside ls -a /)" '^(home|root|run|boot|mnt|media|srv)$'
inside cat /etc/shadow >"$work/shadow" 2>&1 && not_ok "/etc/shadow" "$(cat "$work/shadow")" || ok "/etc/shadow cannot be read"
inside touch /usr/bin/x 2>"$work/usr" && not_ok "writing below /usr" || ok "nothing below /usr can be written ($(cat "$work/usr"))"
inside touch /etc/x 2>/dev/null && not_ok "writing below /etc" || ok "nothing below /etc can be written"
inside sh -c 'echo x > /sandbox/x && echo x > /tmp/x' && ok "workspace and /tmp can be written" || not_ok "workspace and /tmp can be written"
if [ "$(id -u)" = 0 ]; then
	[ -r /etc/shadow ] && ok "control: /etc/shadow is readable outside"
	touch /usr/.openshell-control && rm /usr/.openshell-control && ok "control: /usr is writable outside"
fi

status=$(inside cat /proc/self/status)
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	is "$set is empty" "$(printf '%s\n' "$status" | awk -v s="$set:" '$1 == s { print $2 }')" 0000000000000000
done
is "NoNewPrivs" "$(printf '%s\n' "$status" | awk '$1 == "NoNewPrivs:" { print $2 }')" 1
is "Seccomp" "$(printf '%s\n' "$status" | awk '$1 == "Seccomp:" { print $2 }')" 2
is "one interface" "$(inside sh -c 'tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "')" lo
is "no descriptor beyond 0 to 2 (and ls's own)" "$(inside sh -c 'exec ls /proc/self/fd' | tr '\n' ' ')" "0 1 2 3 "
is "only its own processes" "$(inside sh -c 'for p in /proc/[0-9]*; do u=$(stat -c %u $p 2>/dev/null) && [ "$u" != 1000 ] && echo $p; done; true')" ""
unlike "no sandbox process is visible" "$(inside sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " "')" 'supervisor|spawner|link|launcher|openshell'
unlike "the environment tells nothing of the gateway" "$(inside env)" 'TOKEN|KEY|RELAY|STATE_HOME'

# The gateway's files: planted outside where the test can find them, looked for inside.
find "$data" "$XDG_STATE_HOME" "$XDG_CONFIG_HOME" -type f -size -64k 2>/dev/null | head -n 200 >"$work/files"
seen=0
while read -r file; do inside test -e "$file" && { seen=$((seen + 1)); echo "# visible: $file"; }; done < <(grep -E 'key|tls|json|sock' "$work/files" | head -n 12)
is "no file of the gateway can be reached by its path" "$seen" 0
is "... and there are such files outside" "$([ -s "$work/files" ] && echo yes)" yes
find=$(inside sh -c 'find / -xdev \( -name "*.key" -o -name "*token*" -o -name "bus" -o -name "*.sock" \) -readable 2>/dev/null | grep -vE "^/(usr|etc|proc|opt)/"')
is "no key, token or socket outside the read-only system" "$find" ""

# The network, and other ways out. A host Unix socket of the same user listens outside.
socket_path=/tmp/osh-control.$$.sock
python3 -c '
import socket, sys, os
u = socket.socket(socket.AF_UNIX); u.bind(sys.argv[1]); u.listen()
t = socket.socket(); t.bind(("127.0.0.1", 0)); t.listen()
def greet():
    while True: c, _ = all4.accept(); c.sendall(b"hello\n"); c.close()
all4 = socket.create_server(("0.0.0.0", 0)); __import__("threading").Thread(target=greet, daemon=True).start()
six = socket.socket(socket.AF_INET6); six.bind(("::1", 0)); six.listen()
print(t.getsockname()[1], six.getsockname()[1], all4.getsockname()[1], flush=True)
__import__("signal").pause()' "$socket_path" </dev/null >"$work/ports" &
listener=$!
wait_for 5 test -s "$work/ports"
read -r tcp_port tcp6_port all_port <"$work/ports"
refused "TCP over IPv4 to a listener on the host" tcp 127.0.0.1 "$tcp_port"
refused "TCP over IPv6 to a listener on the host" tcp ::1 "$tcp6_port"
for address in $(ip -4 -o addr show scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4; exit }'); do
	refused "TCP to a listener on the host's own address" hear "$address" "$all_port"
done
refused "a host Unix socket of the same user" unix "$socket_path"
kill "$listener" 2>/dev/null
rm -f "$socket_path"
# Every connection is taken by the proxy; without network rules it ends without a byte, and nothing else leaves.
for address in 1.1.1.1 10.0.0.1 169.254.169.254 2606:4700:4700::1111; do
	inside /sandbox/probe hear $address 443 >"$work/p" 2>&1 && not_ok "TCP to $address" "$(cat "$work/p")" || ok "TCP to $address: $(tr '\n' ' ' <"$work/p")"
	inside /sandbox/probe udp $address 443 >"$work/p" 2>&1 && not_ok "UDP to $address" "$(cat "$work/p")" || ok "UDP to $address: $(tr '\n' ' ' <"$work/p")"
done
inside /sandbox/probe raw >"$work/p" 2>&1 && not_ok "a raw socket" || ok "a raw socket: $(tr '\n' ' ' <"$work/p")"
if [ "$(id -u)" = 0 ]; then "$probe" raw >/dev/null 2>&1 && ok "control: a raw socket is possible outside" || not_ok "control: a raw socket outside"; fi

refused "a user namespace" userns
refused "io_uring, bpf or the like" memfd
refused "tracing a child" ptrace
inside /sandbox/probe mount >/dev/null 2>&1 && not_ok "a mount" || ok "a mount is refused"
inside /sandbox/probe kill 1 >"$work/p" 2>&1 && not_ok "signal to process 1" || ok "signal to process 1: $(cat "$work/p")"

# Two commands of one sandbox see each other, and nothing else.
openshell sandbox exec -n walls -- sh -c 'echo $$ > /sandbox/pid; exec sleep 1000' </dev/null >/dev/null 2>&1 &
first=$!
wait_for 5 openshell sandbox exec -n walls -- test -s /sandbox/pid
is "a second command inspects the first" "$(inside sh -c 'tr "\0" " " < /proc/$(cat /sandbox/pid)/cmdline')" "sleep 1000 "
is "... and may trace what the first is (same domain)" "$(inside sh -c 'readlink /proc/$(cat /sandbox/pid)/exe')" "$(inside sh -c 'readlink -f $(command -v sleep)')"
inside sh -c 'kill -TERM $(cat /sandbox/pid)' && ok "a second command signals the first" || not_ok "a second command signals the first"
wait $first
is "... which ends with 143" "$?" 143

# What the walls say of themselves.
walls=$(openshell sandbox get walls 2>&1)
for wall in user_namespace mount_view pid_namespace ipc_namespace uts_namespace network binary_identity capabilities no_new_privs seccomp landlock rlimits; do
	like "wall $wall is enforced" "$walls" "$wall.*[Ee]nforced"
done
like "cgroups are reported, whatever they are" "$walls" "cgroup_pids.*([Ee]nforced|[Pp]artial|[Aa]bsent)"
plan
