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
is "all walls but those of the driver are enforced" "$(grep -c '^WALL.*=enforced' "$work/out")" 11

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
box --read /usr --read /nowhere --hard </dev/null | grep -q '^FAILED PolicyInvalid.*/nowhere' &&
	ok "hard_requirement: a missing path stops the start" || not_ok "hard_requirement: a missing path stops the start"
is "best_effort: it is skipped" "$(inside 'echo here' --read /usr --read /nowhere)" "0 here"
box --read /usr -- /nowhere/main </dev/null | grep -q '^FAILED CommandNotFound: /nowhere/main: command not found' &&
	ok "the main command is not there" || not_ok "the main command is not there"

# Ends.
is "the main process ends, and with it the rest" "$(printf 'sleep\t30\n@main\n' | timeout 10 "$try" "$bundle" "${as[@]}" -- sh -c 'sleep 0.2; exit 7' 2>&1 | grep -E '^(MAIN|RUN)' | sort | tr '\n' ' ')" "MAIN 7 RUN 137  "
is "link dies: a new one is told again" "$(printf '@die\n' | timeout 3 "$try" "$bundle" "${as[@]}" 2>&1 | grep -c '^AGAIN able')" 1
printf '@bench 200\ttrue\n' | box | sed -n 's/^BENCH \(.*\)/# \1 us to start true and see it end, through three processes/p'
echo "1..$n"
[ $bad = 0 ]
