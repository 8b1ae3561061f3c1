#!/bin/bash
# kill -9 of every gateway and sandbox process during create, exec and delete: nothing is lost, doubled or left hanging.
. "$(dirname "$0")/lib.sh"
openshell() { timeout 30 "$bin/openshell" "$@"; }
gateway() { timeout 60 "$bin/openshell-gateway" "$@" --data-dir "$data"; }
services="api state relay credentials driver-local postgres"
insides="supervisor link spawner policyd proxy"

phase() { openshell sandbox get "$1" -o json 2>/dev/null </dev/null | jq -r .phase; }
id_of() { openshell sandbox get "$1" -o json 2>/dev/null </dev/null | jq -r .id; }
names() { openshell sandbox list --names </dev/null 2>&1; }
gone() { ! openshell sandbox list -o json </dev/null | jq -e --arg name "$1" 'any(.[]; .name == $name)'; }
answers() { openshell sandbox exec -n "$1" -- true </dev/null; }

# The supervisors that run on this gateway's data, whoever their parent is by now, by the log that they write: one line a
# process, its sandbox's id.
supervisors() {
	local pid
	for pid in $(pgrep -f '^/opt/openshell/bin/supervisor$'); do
		readlink "/proc/$pid/fd/2" 2>/dev/null
	done | sed -n "s|^$data/sandboxes/boxes/\([0-9a-f-]*\)/log\$|\1|p" | sort
}
# exactly NAME...: these sandboxes and no others, all ready, one supervisor and one directory for each
exactly() {
	local wanted
	wanted=$(printf '%s\n' "$@" | sort | sed '/^$/d; s/$/=Ready/')
	[ "$(openshell sandbox list -o json </dev/null 2>/dev/null | jq -r '.[] | "\(.name)=\(.phase)"' | sort)" = "$wanted" ] &&
		[ "$(supervisors)" = "$(openshell sandbox list --ids </dev/null 2>/dev/null | grep -E '^[0-9a-f]{8}-' | sort)" ] &&
		[ "$(ls "$data/sandboxes/boxes" | sort)" = "$(supervisors)" ]
}
none_lost() {
	local what=$1
	shift
	if wait_for 8 exactly "$@"; then ok "$what"; else
		not_ok "$what" "wanted: $*
listed: $(openshell sandbox list -o json 2>&1 </dev/null | jq -c '[.[] | .name + "=" + .phase]')
supervisors: $(supervisors | paste -sd' ')
directories: $(ls "$data/sandboxes/boxes" | paste -sd' ')"
		tail -n 25 "$data/gateway.log" | sed 's/^/#   /'
	fi
}

# pid_in NAME PROCESS: the supervisor, link or spawner of a sandbox
box_pid() { awk '$1 == "started" { print $3 }' "$data/sandboxes/boxes/$1/box" 2>/dev/null; }
pid_in() {
	local top
	top=$(box_pid "$1")
	case $2 in
	supervisor) echo "$top" ;;
	link | policyd | proxy) pgrep -P "${top:-0}" -x "$2" ;;
	spawner) pgrep -P "${top:-0}" -f 'supervisor --spawner' ;;
	esac
}
# victim PROCESS ID: the pid of a service, or of a process of that sandbox; nothing (never 0) while there is none
victim() { case " $services " in *" $1 "*) pid_of "$1" ;; *) pid_in "$2" "$1" ;; esac | grep -E '^[1-9][0-9]*$'; }
kill_now() { local pid; pid=$(victim "$1" "${2:-}") && kill -KILL "$pid"; }

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox that is to outlive it all" openshell sandbox create --name steady --detach -- sleep infinity
steady=$(id_of steady)
succeeds "with a file" openshell sandbox exec -n steady -- sh -c 'echo kept >/sandbox/note'

# ---- during exec ----

# Goes on: byte for byte to the end. Else: what came is a beginning of it, and words on standard error and a code say so.
seq 120 >"$work/wanted"
exec_begin() {
	: >"$work/got"
	timeout 20 "$bin/openshell" sandbox exec -n steady -- sh -c 'for i in $(seq 120); do echo $i; sleep 0.01; done' >"$work/got" 2>"$work/err" </dev/null &
	running=$!
	wait_for 5 test -s "$work/got"
}
exec_end() {
	local code
	wait $running
	code=$?
	if [ $code = 0 ] && cmp -s "$work/got" "$work/wanted"; then
		ok "$1 killed during exec: the command goes on, byte for byte"
		[ "$2" = on ] || echo "# (it was not bound to)"
	elif [ "$2" != on ] && [ $code != 0 ] && [ $code != 124 ] && grep -q '^Error: ' "$work/err" && [ "$(wc -l <"$work/err")" = 1 ] &&
		cmp -s "$work/got" <(head -c "$(stat -c %s "$work/got")" "$work/wanted"); then
		ok "$1 killed during exec: code $code after $(wc -l <"$work/got") lines: $(cut -c1-140 "$work/err")"
	else
		not_ok "$1 killed during exec" "code $code, $(wc -l <"$work/got") lines, said: $(cat "$work/err")"
	fi
}
changed() { local now; now=$(victim "$process" "$steady"); [ -n "$now" ] && [ "$now" != "$before" ] && openshell sandbox list </dev/null && answers steady; }
back() { # the first time it has been killed already
	[ -n "$since" ] || { before=$(victim "$process" "$steady"); since=$(now_ms); kill -KILL "$before"; }
	within 1000 changed
	local soon=$?
	since=
	return $soon
}
for process in $services $insides; do
	ends=on
	case $process in api | relay | link | spawner | supervisor) ends=ends ;; esac
	before=$(victim "$process" "$steady")
	exec_begin
	kill -KILL "$before"
	since=$(now_ms)
	[ $ends = on ] || exec_end "$process" $ends
	thrice "... and all is back within a second" back
	[ $ends != on ] || exec_end "$process" $ends
	none_lost "... no sandbox is lost or doubled" steady
	is "... its workspace is the same" "$(openshell sandbox exec -n steady -- cat /sandbox/note </dev/null)" kept
done
like_soon "the log says that instances died" "start 1 ended: .*started again" openshell logs steady -n 2000

# ---- during create and delete ----

# A create that was cut off is whole or not at all; a delete is finished.
during() {
	local process=$1 delay=$2 name=k${3:-} code id
	case " $services " in *" $process "*) wait_for 8 victim "$process" ;; esac
	openshell sandbox create --name "$name" --detach -- sleep infinity >"$work/create" 2>&1 </dev/null &
	running=$!
	case " $insides " in
	*" $process "*)
		box_comes() { id=$(ls -t "$data/sandboxes/boxes" | grep -v "$steady" | head -n 1); [ -n "$id" ] && [ -n "$(pid_in "$id" "$process")" ]; }
		local end=$((SECONDS + 5))
		until box_comes || [ $SECONDS -ge $end ]; do :; done
		sleep "$delay"
		kill_now "$process" "$id"
		;;
	*)
		sleep "$delay"
		kill_now "$process"
		;;
	esac
	wait $running
	code=$?
	wait_for 5 openshell sandbox list </dev/null
	if [ $code = 0 ]; then
		none_lost "$process killed ${delay} s into create, which succeeds: it is ready" steady "$name"
	elif gone "$name" >/dev/null; then
		none_lost "$process killed ${delay} s into create, which fails: nothing of it is there ($(tail -n 1 "$work/create" | cut -c1-110))" steady
	else
		none_lost "$process killed ${delay} s into create, which loses sight of it: it is ready ($(tail -n 1 "$work/create" | cut -c1-110))" steady "$name"
	fi
	gone "$name" >/dev/null && { openshell sandbox create --name "$name" --detach -- sleep infinity >/dev/null 2>&1 </dev/null; }
	id=$(id_of "$name")
	openshell sandbox delete "$name" >"$work/delete" 2>&1 </dev/null &
	running=$!
	sleep "$delay"
	kill_now "$process" "$id" 2>/dev/null
	wait $running
	code=$?
	wait_for 5 openshell sandbox list </dev/null
	if [ $code != 0 ]; then
		like "$process killed ${delay} s into delete, which says so" "$(cat "$work/delete")" "^Error: "
		gone "$name" >/dev/null || openshell sandbox delete "$name" >/dev/null 2>&1 </dev/null
	fi
	none_lost "$process killed ${delay} s into delete: it is gone, and it alone" steady
}
count=0
for delay in 0.012 0.03; do
	for process in $services $insides; do
		count=$((count + 1))
		during "$process" "$delay" $count
	done
done

# A start whose ticket was lost with the database: its writer of the log stands still until both are killed.
wait_for 8 victim postgres
database=$(victim postgres)
writer_comes() { writer=$(ps -o pid=,args= --ppid "$database" | awk '/walwriter/ { print $1 }') && [ -n "$writer" ]; }
wait_for 5 writer_comes
kill -STOP "$writer"
openshell sandbox create --name ticket --detach -- sleep infinity >/dev/null 2>&1 </dev/null &
running=$!
end=$((SECONDS + 5))
until [ "$(ls "$data/sandboxes/boxes" | wc -l)" = 2 ] || [ $SECONDS -ge $end ]; do :; done
kill -KILL "$database" "$writer"
wait $running
none_lost "a start that the killed database forgot ends, and another takes its place" steady ticket
openshell sandbox delete ticket >/dev/null 2>&1 </dev/null
none_lost "... and can be deleted" steady

# ---- the parent ----

before=$(pid_in "$steady" supervisor)
pids=$(gateway status -o json | jq -r '.processes[].pid')
exec_begin
kill -KILL "$(gateway status -o json | jq -r .pid)"
exec_end gateway ends
dead() { ! ps -o pid= -p "$(echo $pids | tr ' ' ,)"; }
if wait_for 3 dead; then ok "the gateway's processes end with their parent"; else not_ok "the gateway's processes end with their parent" "$(ps -p "$(echo $pids | tr ' ' ,)")"; fi
gateway status >/dev/null 2>&1 </dev/null
is "status says that none runs" "$?" 3
is "the sandbox runs on" "$(supervisors)" "$steady"
start_gateway && ok "the gateway starts again" || not_ok "the gateway starts again"
none_lost "the sandbox is there again" steady
is "... the same instance" "$(pid_in "$steady" supervisor)" "$before"
is "... which answers" "$(openshell sandbox exec -n steady -- cat /sandbox/note </dev/null)" kept
succeeds "delete" openshell sandbox delete steady
none_lost "nothing is left" ""
plan
