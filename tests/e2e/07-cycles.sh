#!/bin/bash
# A hundred sandboxes made and deleted: no process, mount, namespace, cgroup or file is left.
. "$(dirname "$0")/lib.sh"
hold=${OPENSHELL_TEST_HOLD:-$here/build/tests/bench/hold}

# Root's sandboxes have users of their own; an ordinary user's are that user's.
if [ "$(id -u)" = 0 ]; then whose=; else whose="-u $(id -u)"; fi
processes() { pgrep -x 'supervisor|link|launcher|driver-local' $whose | wc -l; }
mounts() { wc -l </proc/self/mountinfo; }
namespaces() { find /proc/[0-9]*/ns -maxdepth 1 -name "$1" -printf '%l\n' 2>/dev/null | sort -u | wc -l; }
all_namespaces() { for kind in net mnt pid user ipc uts; do printf '%s=%s ' $kind "$(namespaces $kind)"; done; }
cgroups() { find /sys/fs/cgroup -type d 2>/dev/null | grep -c openshell; }
files() { find "$data/sandboxes/boxes" "$data/sandboxes/uids" -mindepth 1 2>/dev/null | wc -l; }
all() { echo "processes $(processes | tr '\n' ' ')mounts $(mounts) namespaces $(all_namespaces)cgroups $(cgroups) files $(files)"; }
same() { [ "$(all)" = "$1" ]; }

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
"$hold" cycle first 2 >/dev/null
wait_for 5 sh -c '! pgrep -x link' # what other tests left behind is theirs
before=$(all)
timeout 150 "$hold" cycle cycle 100 >"$work/times" 2>"$work/error"
is "100 cycles of create, exec and delete" "$(wc -l <"$work/times") $(cat "$work/error")" "100 "
wait_for 5 same "$before"
is "nothing is left of them" "$(all)" "$before"
is "no row is left" "$(openshell sandbox list --names)" ""

# The same when they are many at a time, with programs running in them and files in their workspaces.
"$hold" fill crowd 10 >/dev/null
for i in $(seq 0 9); do
	openshell sandbox exec -n crowd-$i -- sh -c 'mkdir -p a/b/c; ln -s /etc/passwd a/link; mkfifo a/pipe; (sleep 1000 &) ; true' </dev/null >/dev/null 2>&1
done
"$hold" empty crowd 10
wait_for 5 same "$before"
is "nothing is left of ten at a time" "$(all)" "$before"
plan
