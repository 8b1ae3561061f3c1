#!/bin/bash
# The agent's network: what it reaches, what is captured and by whom it is decided; policyd and the proxy as processes.
# A server outside, on an address that is no loopback address, stands for the world.
. "$(dirname "$0")/lib.sh"
openshell() { timeout 60 "$bin/openshell" "$@"; }

# An address of this machine that a sandbox can be let reach: its own, not of lo.
address=$(ip -4 -o addr show scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4; exit }')
[ -n "$address" ] || { skip_ok "the agent's network" "this machine has no address but loopback"; plan; exit 0; }
cat >"$work/server.py" <<'PY'
import select, socket, sys, threading
servers = [socket.create_server((sys.argv[1], 0), backlog=64) for _ in range(2)]
print(*[server.getsockname()[1] for server in servers], flush=True)
def serve(c):
    try:
        c.sendall(b"hello\n")
        while c.recv(65536): pass
    except OSError: pass
    c.close()
while True:
    c, _ = select.select(servers, [], [])[0][0].accept()
    with open(sys.argv[2], "a") as log: log.write("connection\n")
    threading.Thread(target=serve, args=(c,), daemon=True).start()
PY
: >"$work/served"
python3 "$work/server.py" "$address" "$work/served" >"$work/port" </dev/null &
server=$!
trap 'kill $server 2>/dev/null; finish' EXIT
wait_for 5 test -s "$work/port"
read -r port_out port_two <"$work/port"

policy() {
	cat <<-END
		version: 1
		filesystem_policy:
		  include_workdir: true
		  read_only: [/usr, /lib, /lib64, /bin, /sbin, /etc, /proc]
		  read_write: [/tmp, /dev/null]
		landlock: {compatibility: best_effort}
		process: {run_as_user: sandbox, run_as_group: sandbox}
		network_policies:
		  outside:
		    name: outside
		    endpoints:
		      - {host: $address, port: $port_out, allowed_ips: ["$address/32"], tls: skip}
		      - {host: $address, port: $port_two, allowed_ips: ["$address/32"], tls: skip}
		    binaries:
		      - {path: $1}
	END
}
start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
policy /sandbox/probe >"$work/policy.yaml"
openshell sandbox create --name net --policy "$work/policy.yaml" --detach -- sleep infinity >"$work/create.log" 2>&1 </dev/null ||
	{ not_ok "a sandbox with a network policy starts" "$(cat "$work/create.log")"; plan; exit 1; }
ok "a sandbox with a network policy starts"
inside() { openshell sandbox exec -n net -- "$@" </dev/null; }
openshell sandbox exec -n net -- sh -c 'cat > /sandbox/probe && cp /sandbox/probe /sandbox/other && chmod 755 /sandbox/probe /sandbox/other' <"$probe"
supervisor=$(supervisor_of net)
policyd_of() { pgrep -x policyd -P "$(supervisor_of "$1")"; }
proxy_of() { pgrep -x proxy -P "$(supervisor_of "$1")"; }
heard() { is "$1" "$(inside "${@:2}" 2>&1 | tr '\n' ' ')" "hello possible "; }
# unheard WHAT ARGUMENTS...: whatever answers, it is not the server
unheard() {
	local what=$1 got
	shift
	got=$(inside "$@" 2>&1)
	case $got in *hello*|*possible*) not_ok "$what" "$got" ;; *) ok "$what (${got//$'\n'/ })" ;; esac
}

# ---- what it has
is "one interface" "$(inside sh -c 'tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "')" lo
is "a resolver that reaches us, and no one's search list" "$(inside sh -c 'grep -v ^options /etc/resolv.conf')" "nameserver 127.0.0.1"
like "the CA, and the system's trust anchors with it" "$(inside sh -c 'openssl x509 -noout -subject -in $NODE_EXTRA_CA_CERTS 2>/dev/null || head -n 1 $NODE_EXTRA_CA_CERTS; grep -c BEGIN $SSL_CERT_FILE')" \
	"$(($(grep -c BEGIN /etc/ssl/certs/ca-certificates.crt) + 1))"
for variable in https_proxy HTTP_PROXY ALL_PROXY grpc_proxy; do is "$variable" "$(inside printenv $variable)" "http://10.200.0.1:3128"; done
is "no key of the CA in sight" "$(inside sh -c 'grep -rl "PRIVATE KEY" /etc/openshell-tls /sandbox /tmp 2>/dev/null')" ""

# ---- where it gets
"$probe" hear "$address" "$port_out" >/dev/null && ok "control: the server outside answers" || not_ok "control: the server outside answers"
heard "what the policy allows, it reaches without knowing of a proxy" /sandbox/probe hear "$address" "$port_out"
is "two ports of it at once, from one port of the agent's" "$(inside /sandbox/probe hear-from-one "$address" "$port_out,$port_two" 2>&1 | tr '\n' ' ')" "hello hello possible "
before=$(wc -l <"$work/served")
unheard "another program does not" /sandbox/other hear "$address" "$port_out"
unheard "another port neither" /sandbox/probe hear "$address" 9
unheard "the host's loopback neither" /sandbox/probe hear 127.0.0.1 "$port"
for far in 1.1.1.1 169.254.169.254 10.0.0.1 2606:4700:4700::1111 ::ffff:1.1.1.1; do unheard "TCP to $far" /sandbox/probe hear $far 443; done
is "... and nothing of all this came to the server" "$(wc -l <"$work/served")" "$before"
for far in "1.1.1.1 443" "1.1.1.1 123" "2606:4700:4700::1111 53" "10.200.0.1 53123"; do unheard "UDP to $far" /sandbox/probe udp $far; done
for way in "raw" "packet" "netlink-diag" "fast-open $address $port_out" "fast-open-connect" "mptcp" "tcp 127.0.0.1 15001" "tcp ::1 15001"; do
	# shellcheck disable=SC2086
	fails_with "$way" 1 inside /sandbox/probe $way
done
"$probe" fast-open-connect >/dev/null && ok "control: fast open is possible outside" || not_ok "control: fast open is possible outside"
unheard "the DNS listener is no way to anything else" /sandbox/probe hear "$address" 53

# Every address is local to the agent's network, so the agent can listen at any; nothing but ours is ever reached there.
is "a server of the agent's at a far address is not what its own connections reach" "$(inside python3 -c '
import socket
server = socket.create_server(("192.0.2.77", 8081))
client = socket.socket()
client.connect(("192.0.2.77", 8081))
server.settimeout(0.5)
try: server.accept(); print("reached")
except TimeoutError: print("not reached")' 2>&1)" "not reached"
is "... and a socket does not meet itself there" "$(inside python3 -c '
import socket
for family, far in (socket.AF_INET, "192.0.2.78"), (socket.AF_INET6, "fd23:6f70:656e::1"):
    s = socket.socket(family)
    s.bind((far, 8082))
    try: s.connect((far, 8082)); print("met")
    except ConnectionRefusedError: print("refused")
s = socket.socket()
s.bind(("127.0.0.1", 8082))
s.connect(("127.0.0.1", 8082)); print("control: met")' 2>&1 | tr '\n' ' ')" "refused refused control: met "

# ---- what the fence refuses is told: where to, by whom, and what to do instead; how many more there were
said() { openshell logs net -n 2000 </dev/null | grep -c -- "$1"; }
told() { said "$1" >"$work/said"; [ "$(cat "$work/said")" -gt 0 ]; }
inside /sandbox/probe udp 192.0.2.9 4433 >/dev/null 2>&1
wait_for 5 told 'NET:REFUSE \[MED\] DENIED BYPASS_DETECT 192.0.2.9:4433 proto=udp binary=' && ok "a refused datagram is an event" ||
	not_ok "a refused datagram is an event" "$(openshell logs net -n 20 </dev/null)"
inside /sandbox/probe tcp 127.0.0.1 15001 >/dev/null 2>&1
wait_for 5 told 'BYPASS_DETECT 127.0.0.1:15001 proto=tcp' && ok "so is a connect past the rules" || not_ok "so is a connect past the rules"
inside /sandbox/probe udp 2001:db8::9 53 >/dev/null 2>&1
wait_for 5 told 'BYPASS_DETECT \[2001:db8::9\]:53 proto=udp .*resolv.conf' && ok "over IPv6, too, with a hint" || not_ok "over IPv6, too, with a hint"
inside python3 -c '
import os, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(300):
    try: s.sendto(b"x", ("192.0.2.10", 7))
    except OSError: pass
while not os.path.exists("/sandbox/told"): time.sleep(0.05) # who has sent is found as long as it is there' >/dev/null 2>&1 &
flood=$!
wait_for 8 told 'refused packets not told' && ok "a flood is counted" || not_ok "a flood is counted"
like_soon "the program is named" 'BYPASS_DETECT 192.0.2.10:7 proto=udp binary=[^ ]*python3' openshell logs net -n 2000
inside touch /sandbox/told
wait $flood
as_json() { openshell logs net -n 2000 -o json | grep 192.0.2.10 | head -n 1; }
like_soon "... as JSON, too" 'python3' as_json

# ---- the two that decide
jail() { cat /proc/"$1"/task/*/status 2>/dev/null | awk -v key="$2:" '$1 == key { print $2 }' | sort -u | tr '\n' ' ' | sed 's/ $//'; }
policyd=$(policyd_of net) proxy=$(proxy_of net)
is "proxy: no capability, no new privileges, a filter" "$(jail "$proxy" CapPrm) $(jail "$proxy" NoNewPrivs) $(jail "$proxy" Seccomp)" "0000000000000000 1 2"
is "policyd: sys_ptrace alone, no new privileges, a filter" "$(jail "$policyd" CapPrm) $(jail "$policyd" NoNewPrivs) $(jail "$policyd" Seccomp)" "0000000000080000 1 2"
if [ "$(id -u)" = 0 ]; then
	is "proxy: its root is empty" "$(ls -A "/proc/$proxy/root/" | wc -l)" 0
	uids=$(for pid in "$supervisor" "$policyd" "$proxy" "$(link_of net)" "$(spawner_of net)"; do jail "$pid" Uid; echo; done | sort -u | grep -c .)
	is "no two of a sandbox's processes share a user" "$uids" 5
	for pid in "$policyd" "$proxy"; do
		is "$(cat "/proc/$pid/comm"): no environment but an empty time zone" "$(tr '\0' ' ' <"/proc/$pid/environ")" "TZ=: "
		unlike "$(cat "/proc/$pid/comm"): maps nothing from outside the bundle" "$(awk '$6 ~ /^\// { print $6 }' "/proc/$pid/maps" | sort -u)" '^/(usr|lib|sandbox|etc)'
	done
fi
unlike "neither is seen inside" "$(inside sh -c 'cat /proc/[0-9]*/comm')" 'policyd|proxy|supervisor|link'
is "they live in the box's network, the agent in its own" \
	"$([ "$(readlink "/proc/$proxy/ns/net")" = "$(readlink "/proc/$supervisor/ns/net")" ] && [ "$(readlink "/proc/$policyd/ns/net")" != "$(readlink "/proc/$(spawner_of net)/ns/net")" ] && echo apart)" apart

# ---- one of them is killed: back within a second, deny in between, the same policy
# whoever asks meanwhile is kept waiting, and asks once
asked_once() {
	local from
	kill -9 "$("${1}_of" net)"
	from=$(now_ms)
	inside /sandbox/probe hear "$address" "$port_out" >"$work/after" 2>&1
	took=$(($(now_ms) - from))
	[ $took -lt 1000 ] && grep -q hello "$work/after"
}
killed() {
	thrice "$1 killed: what is allowed works again within a second" asked_once "$1"
	unheard "... and what is not still does not" /sandbox/other hear "$address" "$port_out"
	like_soon "... and it is logged" "$1 ended with code 137" openshell logs net -n 2000
}
for round in 1 2; do
	killed policyd
	killed proxy
done
kill -9 "$(policyd_of net)" "$(proxy_of net)"
hears() { [ "$(inside /sandbox/probe hear "$address" "$port_out" 2>&1 | tr '\n' ' ')" = "hello possible " ]; } # while they are away: denied
wait_for 2 hears; is "both at once" $? 0
inside /sandbox/probe unix /sandbox/none >"$work/p" 2>&1
like "a connect to a Unix socket is let go on" "$(cat "$work/p")" "No such file"
kill -STOP "$(policyd_of net)"
timeout 1 "$bin/openshell" sandbox exec -n net -- /sandbox/probe hear "$address" "$port_out" >"$work/p" 2>&1 </dev/null
is "policyd stands still: nothing is admitted" "$(grep -c hello "$work/p")" 0
is "... and commands that connect nowhere do not notice" "$(inside echo served)" served
kill -CONT "$(policyd_of net)"
heard "... and it goes on when policyd does" /sandbox/probe hear "$address" "$port_out"

# ---- a sandbox without network rules: captured all the same, and nothing is admitted
openshell sandbox create --name none --detach -- sleep infinity >/dev/null 2>&1 </dev/null
openshell sandbox exec -n none -- sh -c 'cat > /sandbox/probe && chmod 755 /sandbox/probe' <"$probe"
before=$(wc -l <"$work/served")
got=$(openshell sandbox exec -n none -- /sandbox/probe hear "$address" "$port_out" 2>&1 </dev/null)
unlike "without network rules nothing is reached" "$got" hello
is "... and nothing came to the server" "$(wc -l <"$work/served")" "$before"
plan
