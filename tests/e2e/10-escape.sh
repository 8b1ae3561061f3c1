#!/bin/bash
# Attacks from inside a sandbox and on what it leaves outside, each beside a control run where this machine allows one.
. "$(dirname "$0")/lib.sh"
openshell() { timeout 60 "$bin/openshell" "$@"; }
escape=$(dirname "$probe")/escape
root=$([ "$(id -u)" = 0 ] && echo yes)

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
# A variable that would load code into any program that trusted it.
openshell sandbox create --name one --detach --env LD_PRELOAD=/sandbox/evil.so --env LD_AUDIT=/sandbox/evil.so \
	--env GLIBC_TUNABLES=glibc.malloc.check=3 --env OPENSSL_CONF=/sandbox/evil.cnf -- sleep infinity >"$work/one" 2>&1 </dev/null ||
	{ not_ok "a sandbox starts" "$(cat "$work/one")"; plan; exit 1; }
openshell sandbox create --name two --detach -- sleep infinity >"$work/two" 2>&1 </dev/null ||
	{ not_ok "another sandbox starts" "$(cat "$work/two")"; plan; exit 1; }
id_of() { openshell sandbox get "$1" -o json </dev/null | jq -r '.id // .metadata.id'; }
in_one() { openshell sandbox exec -n one --env LD_PRELOAD= --env LD_AUDIT= -- "$@" </dev/null; }
in_two() { openshell sandbox exec -n two -- "$@" </dev/null; }
bring() { openshell sandbox exec -n "$1" --env LD_PRELOAD= --env LD_AUDIT= -- sh -c "cat > /sandbox/$2 && chmod 755 /sandbox/$2" <"$3"; }
bring one escape "$escape"
bring one probe "$probe"
bring two escape "$escape"

# refused WHAT PROGRAM ARGUMENTS...: refused inside; whether it is possible outside is said
refused() {
	local what=$1 program=$2 got control="refused outside as well"
	shift 2
	timeout 20 "$(dirname "$escape")/$program" "$@" >/dev/null 2>&1 </dev/null && control="possible outside"
	got=$(in_one "/sandbox/$program" "$@" 2>&1)
	case $? in
	1) ok "$what ($control): ${got//$'\n'/ }" ;;
	*) not_ok "$what ($control)" "inside: $got" ;;
	esac
}

# ---- the kernel's side doors
for family in 0 3 5 9 11 15 17 21 29 30 31 38 39 40 42 43 44 45; do refused "a socket of family $family" escape family $family; done
for protocol in 4 6 9 12 15 16; do refused "netlink $protocol" escape netlink $protocol; done
refused "a line discipline" escape line-discipline
refused "512 terminals: they are the whole machine's" escape terminals 512
for flags in 0x20000 0x80 0x02000000 0x04000000 0x08000000 0x10000000 0x20000000 0x40000000; do refused "namespace $flags" escape unshare $flags; done
refused "entering its own namespace" escape setns /proc/self/ns/user
refused "reading a child's memory" escape read-memory
refused "tracing a child" escape seize
refused "a program that is only a descriptor" escape nameless
refused "opening by handle" escape handle /etc/hostname
refused "x32 numbers" escape x32
refused "the I/O priority of a user" escape io-priority

# ---- files of the kernel and of others
for file in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/self/oom_score_adj /proc/self/uid_map \
	/proc/sys/kernel/hostname /proc/irq/default_smp_affinity; do
	refused "writing $file" probe write "$file"
done
for file in /proc/1/mem /proc/1/environ /proc/1/maps /proc/1/root/etc/shadow /proc/1/fd/0 /proc/kcore /proc/kmsg /proc/timer_list \
	/dev/mem /dev/kvm /dev/fuse /dev/net/tun /sys/kernel/uevent_helper /sys/fs/cgroup/cgroup.procs /run/openshell/relay/relay; do
	refused "reading $file" probe read "$file"
done
for place in /usr/bin/env /etc/passwd /etc/hostname /dev/null; do
	for way in truncate link move mode; do # no control outside: it would do it
		[ $way$place != truncate/dev/null ] || continue # emptying a device is nothing
		fails_with "$way $place" 1 in_one /sandbox/escape $way "$place"
	done
done
in_one sh -c 'printf x > /sandbox/own' && in_one /sandbox/escape move /sandbox/own >/dev/null && in_one /sandbox/escape truncate /sandbox/own >/dev/null &&
	ok "control: its own files can be moved and emptied" || not_ok "control: its own files can be moved and emptied"
refused "a device node in the workspace" probe device /sandbox
refused "a device node in /tmp" probe device /tmp
is "a setuid program gives nothing" "$(in_one sh -c 'cp /bin/sh /sandbox/sh && chmod 6755 /sandbox/sh && /sandbox/sh -pc "id -u; grep NoNewPrivs /proc/self/status | cut -f2" | tr "\n" " "')" "1000 1 "

# ---- its own guardians
for number in 9 15 17 19 11; do in_one /sandbox/escape async $number >/dev/null 2>&1; done
is "process 1 outlives signals by descriptor" "$(in_one echo served)" served
in_one sh -c 'kill -STOP -1' >/dev/null 2>&1 # all but itself, and it has ended when the next one begins
is "a command that stops all others stops no guardian" "$(in_one echo served)" served
in_one sh -c 'kill -CONT -1' >/dev/null 2>&1
in_one /sandbox/escape stop-next 10 >"$work/stopped" 2>&1 &
stopper=$!
sleep 0.3 # it has to be at it; a stopped command says nothing
for i in 1 2 3; do timeout 2 "$bin/openshell" sandbox exec -n one -- true >/dev/null 2>&1 </dev/null; done
wait $stopper
wait_for 40 in_one true && ok "a command that is stopped before it begins stops no others ($(cat "$work/stopped"))" ||
	not_ok "a command that is stopped before it begins stops no others" "$(cat "$work/stopped")"
like "/dev/shm is bounded" "$(in_one sh -c 'head -c 80000000 /dev/zero > /dev/shm/x; stat -c %s /dev/shm/x; rm /dev/shm/x' 2>&1 | tail -n 1)" '^[0-6][0-9]{0,7}$'
timeout 60 "$bin/openshell" sandbox exec -n one --env LD_PRELOAD= --env LD_AUDIT= -- sh -c 'b() { b | b & }; b; sleep 30' </dev/null >/dev/null 2>&1 &
bomb=$!
is "while one bursts of processes, another is served" "$(in_two echo served)" served
kill $bomb 2>/dev/null
succeeds "... which ends with its sandbox" timeout 60 "$bin/openshell" sandbox stop one
succeeds "... and it starts anew" timeout 60 "$bin/openshell" sandbox start one

# ---- another sandbox of the same gateway (and, for an ordinary user, of the same user outside)
openshell sandbox exec -n two -- sh -c '/sandbox/escape shm-make; echo x > /dev/shm/two; echo x > /tmp/two; echo $$ > /sandbox/pid; exec sleep 1000' </dev/null >/dev/null 2>&1 &
wait_for 10 openshell sandbox exec -n two -- test -s /sandbox/pid </dev/null
openshell sandbox create --name three --detach -- sleep infinity >/dev/null 2>&1 </dev/null
in_three() { openshell sandbox exec -n three -- "$@" </dev/null; }
bring three escape "$escape" 2>/dev/null || openshell sandbox exec -n three -- sh -c 'cat > /sandbox/escape && chmod 755 /sandbox/escape' <"$escape"
is "control: a sandbox finds its own shared memory" "$(in_two /sandbox/escape shm)" possible
like "another does not" "$(in_three /sandbox/escape shm)" '^refused'
is "nor its files in memory" "$(in_three ls /dev/shm /tmp 2>&1 | grep -x two)" ""
unlike "nor its processes" "$(in_three sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "')" 'sleep 1000'
like "and nothing of it is in its mounts" "$(in_three cat /proc/self/mountinfo | grep -c "$(id_of two)")" '^0$'

# ---- what a sandbox leaves outside
boxes=$data/sandboxes/boxes
is "no other user enters the directory of sandboxes" "$(stat -c %a "$boxes")" 700
is "nobody but PostgreSQL enters the gateway's own" "$(stat -c '%a %G' "$data")" "$([ -n "$root" ] && echo 710 postgres || stat -c '700 %G' "$data")"
[ -z "$root" ] || fails_with "... so that another user of this machine reaches none of its sockets" 1 setpriv --reuid 65534 --regid 65534 --clear-groups stat "$data/run/state/bus"
is "all that a sandbox is shown of the gateway is one socket" "$(ls "$data/run/sandboxes" | tr '\n' ' ')" "relay "
is "... which the relay serves to nobody else" "$(ls "$data/run/relay" | tr '\n' ' ')" "bus "
mkdir -p "$work/canary/kept"
echo kept >"$work/canary/kept/file"
openshell sandbox exec -n two -- sh -c "cd /sandbox && ln -s $work/canary out && ln -s / all && mkdir -p locked/in && touch locked/in/x && chmod 000 locked/in locked &&
	mkfifo fifo && touch -- -rf \$(printf 'a\\nb') && i=0 && while [ \$i -lt 60 ]; do mkdir -p ddddd/ln && ln -s $work/canary ddddd/ln/c && cd ddddd || exit 1; i=\$((i + 1)); done" </dev/null
two=$(id_of two)
[ -d "$boxes/$two/workspace/ddddd/ddddd" ] && ok "control: the tree to be removed is there" || not_ok "control: the tree to be removed is there"
openshell sandbox delete two >/dev/null 2>&1 </dev/null
wait_for 20 test ! -e "$boxes/$two" && ok "a hostile workspace is removed" || not_ok "a hostile workspace is removed" "$(ls -la "$boxes/$two")"
is "... and nothing that it pointed to" "$(cat "$work/canary/kept/file")" kept

# ---- the sandbox's own processes and the gateway's services
# KEY of every thread of a process, each value once
threads() { cat /proc/"$1"/task/*/status 2>/dev/null | awk -v key="$2:" '$1 == key { print $2 }' | sort -u | tr '\n' ' '; }
for service in state credentials relay api; do
	pid=$(pid_of $service)
	is "$service: no capability, no new privileges, a filter, on each thread" "$(threads "$pid" CapEff)$(threads "$pid" CapPrm)$(threads "$pid" CapBnd)$(threads "$pid" NoNewPrivs)$(threads "$pid" Seccomp)" \
		"0000000000000000 0000000000000000 0000000000000000 1 2 "
	is "$service: no core" "$(awk '/core file/ { print $5 $6 }' "/proc/$pid/limits")" 00
	is "$service: nothing in its command line but its name" "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$service --foreground "
	[ -n "$root" ] || continue
	is "$service: no environment" "$(wc -c <"/proc/$pid/environ")" 0
	is "$service: its root" "$(readlink "/proc/$pid/root")" "$data/run"
	unlike "$service: its settings are closed" "$(ls -l "/proc/$pid/fd")" memfd
done
pid=$(pid_of driver-local)
is "driver-local: capabilities as its README says" "$(threads "$pid" CapEff)" "$([ -n "$root" ] && echo 00000000000000eb || echo 0000000000000000) "
is "driver-local: no new privileges, a filter" "$(threads "$pid" NoNewPrivs)$(threads "$pid" Seccomp)" "1 2 "
# The processes below the box of sandbox one: link is its supervisor's child.
supervisor=$(awk '$1 == "started" { print $3 }' "$boxes/$(id_of one)/box")
link=$(pgrep -P "$supervisor" -x link)
is "link: no capability, no new privileges, a filter, on each thread" "$(threads "$link" CapEff)$(threads "$link" CapBnd)$(threads "$link" NoNewPrivs)$(threads "$link" Seccomp)" \
	"0000000000000000 0000000000000000 1 2 "
is "supervisor: one capability of its own namespace in force, five held for those it starts again, a filter" \
	"$(threads "$supervisor" CapEff)$(threads "$supervisor" CapPrm)$(threads "$supervisor" NoNewPrivs)$(threads "$supervisor" Seccomp)" "0000000000000020 00000000000c01e0 1 2 "
if [ -n "$root" ]; then
	for pid in "$supervisor" "$link"; do
		is "$(cat "/proc/$pid/comm"): no environment but an empty time zone, so that of the sandbox is not its own" "$(tr '\0' ' ' <"/proc/$pid/environ")" "TZ=: "
		unlike "$(cat "/proc/$pid/comm"): maps nothing from outside the bundle" "$(awk '$6 ~ /^\// { print $6 }' "/proc/$pid/maps" | sort -u)" '^/(usr|lib|sandbox|etc)'
	done
	is "link: its root holds one socket" "$(ls "/proc/$link/root" | tr '\n' ' ')" "relay "
fi

# ---- secrets and strangers' words in what people read
leaks=0
for key in "$data"/keys/*; do
	for form in "$(od -An -v -tx1 "$key" | tr -d ' \n')" "$(base64 -w0 "$key")" "$(tr -d '\0\n' <"$key")"; do
		[ ${#form} -lt 20 ] || ! grep -rqaF -- "$form" "$data/gateway.log" "$data/status.json" "$boxes" 2>/dev/null || { leaks=$((leaks + 1)); echo "# leaked: $key"; }
	done
done
is "no key of the gateway in any log" "$leaks" 0
evil=$(printf '\033]0;owned\007')
openshell sandbox create --name four --detach -- "/bin/$evil" >"$work/said" 2>&1 </dev/null
for words in "sandbox get four" "sandbox get $evil" "sandbox list" "logs four" "sandbox delete $evil"; do openshell $words >>"$work/said" 2>&1 </dev/null; done
is "no control byte of a stranger on the terminal" "$(tr -d '\n\t -~\200-\377' <"$work/said" | wc -c)" 0
like "... where its words are shown" "$(cat "$work/said")" 'owned'

# ---- what a sandbox prepares for its own next start. /tmp is never shared, so that only root has a place to try it
if [ -n "$root" ]; then
	shared=$(mktemp -d /var/lib/osh-escape.XXXXXX)
	mkdir "$shared/work" "$shared/work/sub" "$shared/victim"
	chmod 777 "$shared" "$shared"/* "$shared/work/sub"
	echo private >"$shared/victim/file"
	cat >"$work/policy.yaml" <<-END
		version: 1
		filesystem_policy:
		  include_workdir: true
		  read_only: [/usr, /lib, /lib64, /bin, /sbin, /etc]
		  read_write: [/tmp, $shared/work, $shared/work/sub]
		landlock: {compatibility: best_effort}
		process: {run_as_user: sandbox, run_as_group: sandbox}
	END
	openshell sandbox create --name five --policy "$work/policy.yaml" --detach -- sleep infinity >/dev/null 2>&1 </dev/null
	in_five() { openshell sandbox exec -n five -- "$@" </dev/null; }
	is "control: it writes what its policy shares" "$(in_five sh -c "echo x > $shared/work/sub/x && cat $shared/work/sub/x")" x
	fails_with "what it does not share is not there" 1 in_five cat "$shared/victim/file"
	in_five sh -c "cd $shared/work && mv sub old && ln -s $shared/victim sub"
	openshell sandbox stop five >/dev/null 2>&1 </dev/null
	openshell sandbox start five >"$work/five" 2>&1 </dev/null
	unlike "a link of its making leads nowhere at the next start" "$(in_five cat "$shared/victim/file" 2>/dev/null)" private
	like "... which says why" "$(openshell sandbox get five 2>&1 </dev/null)" 'is a symbolic link below'
	rm -rf "$shared"
fi
plan
