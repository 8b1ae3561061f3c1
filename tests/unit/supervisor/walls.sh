#!/bin/bash
# The walls of a sandbox with no gateway: every probe inside, beside a run of the same program outside that succeeds.
#
# usage: walls.sh BOX_TRY BUNDLE PROBE [--user UID]      (TAP)
set -u
try=$1 bundle=$2 probe=$3
shift 3
work=$(mktemp -d)
trap 'kill $listener 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
cp "$probe" "$work/probe"
# Whoever runs the sandbox must be able to reach the bundle, also when this tree lies in a private directory.
cp -aL "$bundle" "$work/bundle" && chmod -R go+rX "$work/bundle"
bundle=$work/bundle
n=0 bad=0
ok() { n=$((n + 1)); echo "ok $n - $*"; }
not_ok() { n=$((n + 1)); bad=$((bad + 1)); echo "not ok $n - $*"; }
is() { [ "$2" = "$3" ] && ok "$1" || { not_ok "$1"; printf '# wanted: %s\n# got:    %s\n' "$3" "$2"; }; }
box() { timeout 60 "$try" "$bundle" "${as[@]}" "$@" 2>"$work/err"; }
as=("$@")

# Listeners of the host, for whoever runs the sandbox.
cat >"$work/listen.py" <<'PY'
import os, signal, socket, sys
if len(sys.argv) > 2: os.setresgid(*[int(sys.argv[2])] * 3); os.setresuid(*[int(sys.argv[2])] * 3)
four, six, udp = socket.socket(), socket.socket(socket.AF_INET6), socket.socket(type=socket.SOCK_DGRAM)
four.bind(("127.0.0.1", 0)); four.listen(); six.bind(("::1", 0)); six.listen(); udp.bind(("127.0.0.1", 0))
unix, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[1] + "/sock/s"); unix.listen(); abstract.bind("\0openshell-" + str(os.getpid())); abstract.listen()
print(four.getsockname()[1], six.getsockname()[1], udp.getsockname()[1], os.getpid(), flush=True)
signal.pause()
PY
mkdir -m 777 "$work/sock"
python3 "$work/listen.py" "$work" ${as[1]:-} </dev/null >"$work/ports" &
listener=$!
while [ ! -s "$work/ports" ]; do kill -0 $listener || exit 1; read -rt 0.01 <> <(:); done
read -r tcp tcp6 udp pid <"$work/ports"

# name of the probe and its arguments; "root": outside it is possible for root alone
probes="
read /etc/shadow#root
write /etc/passwd#root
create /usr#root
create /etc#root
tcp 127.0.0.1 $tcp
tcp ::1 $tcp6
udp 127.0.0.1 $udp#datagram
unix $work/sock/s
abstract openshell-$pid
raw#root
packet#root
packet-wide#root
netlink-diag
interface
capability#root
new-privileges
root#root
mount#root
open-tree#root
userns
userns-clone
userns-clone3
ptrace
kill 1#root
kill1-wide#root
tgkill1#root
prlimit1#root
priority1#root
tiocsti#root
tiocsti-wide#root
memfd
io-uring
keyctl
pidfd
filter
personality
other-machine
hostname#root
device /tmp#root
process launcher#absent
process supervisor#absent
process link#absent
descriptor#absent
"
echo "$probes" | sed -n 's/^\([a-z].*\)$/\1/p' >"$work/list"
sed 's/#.*//; s/ /\t/g; s|^|/sandbox/probe\t|' "$work/list" >"$work/commands"
box --copy "$work/probe" <"$work/commands" >"$work/out"
grep '^WALL' "$work/out" | sed 's/^/# /'
grep -E '^(RUN|REFUSED)' "$work/out" >"$work/results"
while read -r line <&3 && read -r code result <&4; do
	name=${line%%#*} kind=${line#"$name"}
	if [ "$kind" = "" ] || { [ "$kind" = "#root" ] && [ "$(id -u)" = 0 ]; }; then
		# shellcheck disable=SC2086
		setsid -w "$probe" $name >"$work/control" 2>&1 </dev/null
		is "outside: $name" "$?" 0
	fi
	[ "$kind" = "#datagram" ] && continue # the sandbox's own lo takes it, and no one is there
	case $result in "1 refused"*) ok "inside: $name: ${result#1 refused: }" ;; *) not_ok "inside: $name: $code $result" ;; esac
done 3<"$work/list" 4< <(sed 's/\\x0a$//' "$work/results")
is "all probes were run" "$(wc -l <"$work/results")" "$(wc -l <"$work/list")"
is "all walls but those of the driver are enforced" "$(grep -c '^WALL.*=enforced' "$work/out")" 12

# What is there, and what it may be called.
look() { sed -n 's/^RUN //p' | sed 's/\\x0a/;/g; s/;$//'; }
inside() { # text of /bin/sh, then options of box_try
	local text=$1
	shift
	printf 'sh\t-c\t%s\n' "$text" | box "$@" | look
}
is "user and group" "$(inside id)" "0 uid=1000(sandbox) gid=1000(sandbox) groups=1000(sandbox)"
is "another user by policy" "$(inside 'id -u; id -g' --as 4242)" "0 4242;4242"
is "workspace and /tmp may be written, nothing else" \
	"$(inside 'touch /sandbox/a /tmp/a /dev/shm/a && for d in / /dev /etc /usr /var /proc/sys/kernel; do touch $d/a 2>/dev/null && echo $d; done; echo done')" "0 done"
is "environment" "$(inside 'echo $HOME $GREETING $OPENSHELL_SANDBOX [$OPENSHELL_TOKEN] $LD_PRELOAD $OPENSHELL_PYFUNC_B64')" "0 /sandbox hello 1 [] code"
is "default signals, none blocked" "$(inside 'grep -E "Sig(Blk|Ign)" /proc/self/status | tr -d "\t"')" "0 SigBlk:0000000000000000;SigIgn:0000000000000000"
is "a limit of time ends a command and all it started" \
	"$(printf '@time 100\tsh\t-c\tsleep 77 & setsid sleep 77 & sleep 77\nsh\t-c\tsleep 0.05; pgrep -c -x -f "sleep 77"\n' | box | look | tr '\n' ' ')" "124  1 0 "
is "a command that is not there" "$(printf 'nothing-there\n' | box | sed -n 's/^REFUSED //p')" "ERR_NOT_FOUND nothing-there: command not found"
is "a terminal" "$(printf '@tty\tsh\t-c\ttty; stty size\n' | box | look)" '0 /dev/pts/0\x0d;24 80\x0d'

# Policies that are refused, each with the path.
mkdir -p "$work/secret"
chmod 755 "$work/secret"
ln -s /home "$work/way"
for path in /run /var/run /home /root/x /sys / /dev/vda /dev/kmsg; do
	box --read /usr --read "$path" </dev/null | grep -q "^FAILED PolicyInvalid: filesystem path $path" &&
		ok "refused: $path" || not_ok "refused: $path"
done
box --read /usr --read /var/lib/dpkg --never /var/lib </dev/null | grep -q '^FAILED PolicyInvalid.*/var/lib is private' &&
	ok "refused: below what the driver never shares" || not_ok "refused: never"
is "hidden: what the driver never shares, below what is shared" \
	"$(inside 'ls /usr/share/doc | wc -l; ls /usr/share | wc -l' --read /usr --never /usr/share/doc | cut -d';' -f1)" "0 0"
# Of the bundle the agent has what it may execute, wherever that must stand.
ours='ls /opt/openshell; for d in /opt/openshell /opt/openshell/agent /opt/openshell/agent/lib; do touch $d/x 2>/dev/null && echo $d; done; /opt/openshell/agent/pack 2>&1 | head -c 11; echo'
is "of the bundle the agent sees what it may execute, and changes nothing" "$(inside "$ours")" "0 agent;usage: pack"
is "... in a container's root too" "$(inside "$ours" --container)" "0 agent;usage: pack"
is "... laid over /opt where that is shared, which keeps the rest" \
	"$(inside "$ours; ls /opt | grep -vc openshell" --read /usr --read /lib --read /lib64 --read /bin --read /opt)" "0 agent;usage: pack;$(ls /opt | grep -vc openshell)"
is "... and nothing where /opt may be written" "$(inside 'ls /opt/openshell 2>&1 | grep -c "No such"; ls /opt | wc -l' --read /usr --read /lib --read /lib64 --read /bin --write /opt)" "0 1;$(ls /opt | wc -l)"
box --read /usr --read /nowhere --hard </dev/null | grep -q '^FAILED PolicyInvalid.*/nowhere' &&
	ok "hard_requirement: a missing path stops the start" || not_ok "hard_requirement: a missing path stops the start"
is "best_effort: it is skipped" "$(inside 'echo here' --read /usr --read /nowhere)" "0 here"
box --read /usr -- /nowhere/main </dev/null | grep -q '^FAILED CommandNotFound: /nowhere/main: command not found' &&
	ok "the main command is not there" || not_ok "the main command is not there"

# Ends.
is "the main process ends, and with it the rest" "$(printf 'sleep\t30\n@main\n' | timeout 10 "$try" "$bundle" "${as[@]}" -- sh -c 'sleep 0.2; exit 7' 2>&1 | grep -E '^(MAIN|RUN)' | sort | tr '\n' ' ')" "MAIN 7 RUN 137  "
is "link dies: a new one is told again" "$(printf '@die\n' | timeout 3 "$try" "$bundle" "${as[@]}" 2>&1 | grep -c '^AGAIN able')" 1
# The way out, with a policyd and a proxy that judge nothing (fake_way.c).
heard() { printf '%s\n' "$@" | sed 's/ /\t/g; s|^@kill\t|@kill |; s|^@push\t|@push |' | box --copy "$work/probe" --network | tee "$work/heard" | look | tr '\n' '|'; }
is "TCP to any address, over IPv4 and IPv6, comes to the proxy with its destination" \
	"$(heard '/sandbox/probe hear 1.1.1.1 443' '/sandbox/probe hear 2606:4700::1111 8443' '/sandbox/probe hear 10.0.0.1 22')" \
	"0 transparent 1.1.1.1 443;possible|0 transparent 2606:4700::1111 8443;possible|0 transparent 10.0.0.1 22;possible|"
for hosts in 1.1.1.1,10.0.0.1 2606:4700::1111,2001:db8::1; do # two destinations never need one port of the agent's
	wanted=; for host in ${hosts/,/ }; do for to in 53 80 443 15001; do wanted+="transparent $host $to;"; done; done
	[ $hosts = 1.1.1.1,10.0.0.1 ] && wanted=${wanted//transparent 1.1.1.1 53/names} && wanted=${wanted//transparent 10.0.0.1 53/names}
	is "from one port to eight destinations of $hosts" "$(heard "/sandbox/probe hear-from-one $hosts 53,80,443,15001")" "0 ${wanted}possible|"
done
is "... and again to one of them, while the first connection is hardly forgotten" \
	"$(heard '/sandbox/probe hear-from-one 1.1.1.1 80' '/sandbox/probe hear-from-one 1.1.1.1 80' '/sandbox/probe hear-from-one 1.1.1.1 80' | tr '|' '\n' | sort | uniq -c | tr -s ' ')" \
	" 3 0 transparent 1.1.1.1 80;possible"
is "the explicit proxy's address" "$(heard '/sandbox/probe hear 10.200.0.1 3128')" "0 explicit;possible|"
is "DNS to any server over IPv4, the resolver's own included, is ours" \
	"$(heard '/sandbox/probe hear-udp 8.8.8.8 53' '/sandbox/probe hear-udp 127.0.0.1 53' '/sandbox/probe hear-udp 127.0.0.53 53' '/sandbox/probe hear 8.8.8.8 53')" \
	"0 name;possible|0 name;possible|0 name;possible|0 names;possible|"
is "port 53 of a made-up address is not DNS" "$(heard '/sandbox/probe hear 198.18.7.7 53')" "0 transparent 198.18.7.7 53;possible|"
for line in "udp 1.1.1.1 123" "udp 2606:4700::1111 53" "udp 10.200.0.1 99" "tcp 10.200.0.1 99" "tcp 127.0.0.1 15001" "tcp ::1 15001" "tcp 127.0.0.1 22" \
	"fast-open 1.1.1.1 443" "fast-open-connect" "mptcp"; do
	result=$(heard "/sandbox/probe $line")
	case $result in "1 refused"*) ok "inside: $line: ${result#1 refused: }" ;; *) not_ok "inside: $line: $result" ;; esac
done
is "what a name resolves to is asked of us" "$(printf 'sh\t-c\tgrep -v "^options" /etc/resolv.conf; grep hosts: /etc/nsswitch.conf\n' | box | look)" "0 nameserver 127.0.0.1;hosts: files dns"
is "the CA and the system's trust anchors with it" \
	"$(inside 'cat $NODE_EXTRA_CA_CERTS | tr "\n" " "; tail -n 2 $SSL_CERT_FILE | head -n 1; grep -c BEGIN $CURL_CA_BUNDLE')" \
	"0 -----BEGIN CERTIFICATE----- ours -----END CERTIFICATE----- ours;$(($(grep -c BEGIN /etc/ssl/certs/ca-certificates.crt) + 1))"
is "... also where the policy names single files of /etc" \
	"$(inside 'ls /etc | tr "\n" " "; cat $NODE_EXTRA_CA_CERTS | sed -n 2p' --read /usr --read /lib --read /lib64 --read /bin --read /etc/hosts --read /etc/ld.so.cache)" \
	"0 group hostname hosts ld.so.cache nsswitch.conf openshell-tls passwd resolv.conf ours"
is "in a container's root /etc is its own, with the CA laid over it" \
	"$(inside 'sed -n 2p $NODE_EXTRA_CA_CERTS; ls /etc | wc -l' --container)" "0 ours;$(($(ls /etc | wc -l) + 1))"
if [ "$(id -u)" = 0 ]; then # as in a container, whose engine mounts files there
	echo "127.0.0.1 engine" >"$work/hosts" && printf 'mounted\n' >"$work/motd" && chmod 644 "$work/hosts" "$work/motd"
	mounted=$(printf 'sh\t-c\tsed -n 2p $NODE_EXTRA_CA_CERTS; cat /etc/machine-id; ls /etc | wc -l; grep -c engine /etc/hosts; readlink /etc/mtab\n' |
		unshare -m sh -c 'mount --make-rprivate / && mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/machine-id && shift 2 && exec "$@"' - \
			"$work/hosts" "$work/motd" timeout 60 "$try" "$bundle" "${as[@]}" 2>"$work/err" | tee "$work/mounted" | look)
	is "with mounts below /etc: what is mounted there, and ours" "$mounted" "0 ours;mounted;$(($(ls /etc | wc -l) + 1));0;$(readlink /etc/mtab)"
	is "... and every wall" "$(grep -c '^WALL.*=enforced' "$work/mounted")" 12
fi
is "the environment of a way out" "$(inside 'echo $https_proxy $HTTP_PROXY $ALL_PROXY $NO_PROXY $NODE_USE_ENV_PROXY')" \
	"0 http://10.200.0.1:3128 http://10.200.0.1:3128 http://10.200.0.1:3128 127.0.0.1,localhost,::1 1"

# One of the two is killed: what is begun meanwhile waits for its next life, which has what the first had.
is "policyd dies: a connect waits for the next" "$(heard '@kill policyd /sandbox/probe hear 1.1.1.1 443')" "0 transparent 1.1.1.1 443;possible|"
is "... which has the policy, and is introduced" "$(grep -c '^POLICY 1$' "$work/heard") $(grep -c '^GIVEN policyd' "$work/heard") $(grep -c '^GIVEN link policyd' "$work/heard")" "2 4 2"
is "the proxy dies: a connection waits for the next" "$(heard '@kill proxy /sandbox/probe hear 1.1.1.1 443')" "0 transparent 1.1.1.1 443;possible|"
is "... which has the CA and the names" "$(grep -c '^PROXY setup.*key=secret$' "$work/heard") $(sed -n 's/^PROXY listens //p' "$work/heard" | tail -n 1)" "1 fds=6 names=2"
again=()
for i in 1 2 3; do again+=('@kill proxy /sandbox/probe hear 1.1.1.1 1' '@kill policyd /sandbox/probe hear 1.1.1.1 1'); done
is "both again and again: back each time" "$(heard "${again[@]}" | tr '|' '\n' | sort | uniq -c | tr -s ' ')" " 6 0 transparent 1.1.1.1 1;possible"

# Another configuration while it runs.
push() { printf "$1" | box "${@:2}" | sed -n 's/^APPLIED //p; s/^POLICY /loaded /p' | tr '\n' '|'; }
is "a policy is loaded, and said to be; a bad one is not, and nothing is allowed" \
	"$(push '@push 7\ttrue\n@push 13\ttrue\n@push 8\ttrue\n')" \
	"loaded 1|loaded 7|7 1: |loaded closed by 13: 13 is no number|13 0: 13 is no number|loaded 8|8 1: |"
is "... by the next policyd neither" "$(push '@push 7\ttrue\n@push 13\ttrue\n@kill policyd\t/sandbox/probe\thear\t1.1.1.1\t443\n' --copy "$work/probe")" \
	"loaded 1|loaded 7|7 1: |loaded closed by 13: 13 is no number|13 0: 13 is no number|loaded closed by 13: 13 is no number|"
is "a bad one is not, and the good one stays, where that is wanted" \
	"$(push '@retain\t@push 7\ttrue\n@push 13\ttrue\n@push 8\ttrue\n')" "loaded 1|loaded 7|7 1: |13 0: 13 is no number|loaded 8|8 1: |"
is "the next policyd has the last good one" "$(push '@retain\t@push 7\ttrue\n@push 13\ttrue\n@kill policyd\t/sandbox/probe\thear\t1.1.1.1\t443\n' --copy "$work/probe")" "loaded 1|loaded 7|7 1: |13 0: 13 is no number|loaded 7|"
is "network rules that come later" "$(push '@network\t@push 7\ttrue\n')" "loaded 1|loaded 7|7 1: |"

# The sandbox's own processes are told the time zone, lest the image's /etc/localtime be read before the jail.
if command -v strace >/dev/null; then
	printf 'true\n' | timeout 60 strace -fvqq -o "$work/calls" -e trace=open,openat,execve,execveat "$try" "$bundle" "${as[@]}" >"$work/out" 2>"$work/err"
	is "every program of the bundle is told the time zone, and nothing else" "$(sed -n 's|.*execve("/opt/openshell/bin/\([a-z]*\)", [^]]*\], \(\[[^]]*\]\).*|\1 \2|p' "$work/calls" | grep -v '^launcher' | sort -u | tr '\n' '|')" \
		'fence ["TZ=:"]|link ["TZ=:"]|policyd ["TZ=:"]|proxy ["TZ=:"]|supervisor ["TZ=:"]|'
	is "... and none reads a file for it" "$(grep -cE 'localtime|zoneinfo' "$work/calls")" 0
else
	ok "... the time zone # SKIP no strace"
fi

# Without the fence the network stays closed; what it would be needed for is refused.
cp -a "$bundle" "$work/closed" && rm "$work/closed/bin/fence"
whole=$bundle bundle=$work/closed
is "no fence: the network is closed" "$(printf '/sandbox/probe\ttcp\t1.1.1.1\t443\n/sandbox/probe\ttcp\t2606:4700::1\t443\n/sandbox/probe\tudp\t127.0.0.1\t53\n' | box --copy "$work/probe" | look | tr '\n' '|')" \
	"1 refused: Network is unreachable|1 refused: Network is unreachable|0 possible|"
is "... and the wall stands" "$(printf 'true\n' | box | grep -c '^WALL network=enforced')" 1
is "... no proxy is named" "$(inside 'echo [$https_proxy] $(ls /etc/openshell-tls 2>/dev/null | wc -l)')" "0 [] 2"
box --network </dev/null | grep -q '^FAILED WallNotEnforced: the policy has network rules, which cannot be enforced here: the network cannot be fenced' &&
	ok "... a policy with network rules stops the start" || not_ok "... a policy with network rules stops the start"
like_push=$(push '@network\t@push 7\ttrue\n@push 8\ttrue\n')
case $like_push in "7 0: it has network rules, which cannot be enforced here"*"|8 1: |") ok "... and is refused later, with the reason" ;; *) not_ok "... and is refused later: $like_push" ;; esac
bundle=$whole
# an SSH server: what it may have and what it may not, and what becomes of its commands
ends='until [ -e hup ]; do sleep 0.05; done; cat hup; while pgrep -f "sleep 7[78]" >/dev/null; do sleep 0.05; done; echo all gone'
printf '@ssh\tsh\t-c\t%s\n' "$ends" | box >"$work/ssh"
is "an SSH server: its commands are hung up on, and what stays is killed" "$(look <"$work/ssh")" "0 hung up;all gone"
is "... what it is told and given" "$(sed -n 's/^SSH //p; s/^GIVEN link sshd/link knows it/p' "$work/ssh" | sort | tr '\n' '|')" "link knows it|started|"
is "... and gets" "$(grep -h ^SSHD "$work/ssh" "$work/err" | sort | tr '\n' '|')" "SSHD begins: 2 descriptors, in /sandbox|SSHD commands: 64 run, 1 are too many|SSHD connects: Operation now in progress|SSHD makes a socket: OK|SSHD signals a command of link's: ERR_NOT_FOUND|SSHD signals the main process: ERR_NOT_FOUND|"
cp -a "$bundle" "$work/blind" && rm "$work/blind/bin/proxy" "$work/blind/bin/sshd"
bundle=$work/blind
is "no SSH server in the bundle: that is said" "$(printf '@ssh\ttrue\n' | box | sed -n 's/^SSH //p')" "this sandbox has no SSH server"
box --network </dev/null | grep -q '^FAILED WallNotEnforced: .*there is no proxy in this bundle' && ok "no proxy: the same" || not_ok "no proxy: the same"
bundle=$whole
printf '@bench 200\ttrue\n' | box | sed -n 's/^BENCH \(.*\)/# \1 us to start true and see it end, through three processes/p'
echo "1..$n"
[ $bad = 0 ]
