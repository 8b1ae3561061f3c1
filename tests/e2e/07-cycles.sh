#!/bin/bash
# A hundred sandboxes made and deleted: no process, mount, namespace, cgroup or file is left.
. "$(dirname "$0")/lib.sh"
hold=${OPENSHELL_TEST_HOLD:-$here/build/tests/bench/hold}

# Processes that are this gateway's: root sees them by what they have mounted (other gateways may be at work on this
# machine); an ordinary user those that descend from the gateway (what has lost its parent, root alone sees).
ours() {
	if [ "$(id -u)" = 0 ]; then
		grep -ls "$data/" /proc/[0-9]*/mountinfo 2>/dev/null | cut -d/ -f3
	else
		ps -u "$(id -u)" -o pid=,ppid=,comm= | awk -v mine="$(cat "$data/gateway.pid" 2>/dev/null)" '
			{ parent[$1] = $2; name[$1] = $3 }
			END {
				for (pid in name) {
					if (name[pid] != "supervisor" && name[pid] != "link") continue
					for (at = pid; at in name && name[at] != "openshell-gatew"; at = parent[at]) ;
					if (at == mine) print pid
				}
			}'
	fi
}
processes() { ours | wc -l; }
mounts() { grep -c "$data/" /proc/self/mountinfo; } # a neighbour mounts, too
namespaces() { for pid in $(ours) $(pid_of driver-local); do readlink /proc/$pid/ns/* 2>/dev/null; find /proc/$pid/fd -lname '*:\[*\]' -printf '%l\n' 2>/dev/null | grep -E '^(net|mnt|pid|user|ipc|uts|cgroup):'; done | sort -u | wc -l; }
groups_of_gone() { for id in $gone; do find /sys/fs/cgroup -type d -path "*$id*" 2>/dev/null; done | wc -l; }
files() { find "$data/sandboxes/boxes" "$data/sandboxes/uids" -mindepth 1 2>/dev/null | wc -l; }
gone=
all() { echo "processes $(processes) mounts $(mounts) namespaces $(namespaces) cgroups $(groups_of_gone) files $(files)"; }
same() { [ "$(all)" = "$1" ]; }

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
"$hold" cycle first 2 >/dev/null
none_is_left() { [ -z "$(ls "$data/sandboxes/boxes")" ] && ! pgrep -P "$(pid_of driver-local)"; }
wait_for 30 none_is_left
before=$(all)
timeout 300 "$hold" cycle cycle 100 >"$work/times" 2>"$work/error"
is "100 cycles of create, exec and delete" "$(wc -l <"$work/times") $(cat "$work/error")" "100 "
wait_for 5 same "$before"
is "nothing is left of them" "$(all)" "$before"
is "no row is left" "$(openshell sandbox list --names)" ""

# The same when they are many at a time, with programs running in them and files in their workspaces.
"$hold" fill crowd 10 >/dev/null
for i in $(seq 0 9); do
	openshell sandbox exec -n crowd-$i -- sh -c 'mkdir -p a/b/c; ln -s /etc/passwd a/link; mkfifo a/pipe; (sleep 1000 &) ; true' </dev/null >/dev/null 2>&1
done
gone=$(openshell sandbox list --ids)
groups=$(groups_of_gone)
"$hold" empty crowd 10
wait_for 5 same "$before"
is "nothing is left of ten at a time (they had $groups cgroups)" "$(all)" "$before"
plan
