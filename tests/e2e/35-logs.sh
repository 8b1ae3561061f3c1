#!/bin/bash
# Logs: their filters, watching, and that none of a sandbox's lines is lost, doubled or out of order whatever of the gateway dies.
. "$(dirname "$0")/lib.sh"
openshell() { timeout 30 "$bin/openshell" "$@"; }
logs() { openshell logs box "$@" </dev/null 2>&1; }
victims=${VICTIMS:-state relay api postgres} count=${COUNT:-400} pause=${PAUSE:-0.01}

# The main process makes one line of the log after the other: the port that it may not connect to is the line's number.
cat >"$work/policy.yaml" <<'YAML'
version: 1
network_policies:
  one:
    endpoints: [{host: allowed.test, port: 443}]
    binaries: [{path: /usr/bin/curl}]
YAML
main='until [ -e /sandbox/go ]; do sleep 0.02; done
for port in $(seq 10001 $((10000 + $0))); do (exec 3<>/dev/tcp/192.0.2.1/$port) 2>/dev/null; sleep "$1"; done
until [ -e /sandbox/on ]; do sleep 0.02; done
for port in $(seq 20001 20400); do (exec 3<>/dev/tcp/192.0.2.1/$port) 2>/dev/null; done
touch /sandbox/waiting; sleep infinity'
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox" openshell sandbox create --name box --policy "$work/policy.yaml" --detach -- bash -c "$main" "$count" "$pause"
# ports: of JSON lines, what was numbered; DROPPED n for lines that say how many are missing
ports() { jq -r 'if .fields.port then .fields.port elif (.message | test("log lines before this were dropped")) then "DROPPED " + (.message | split(" ")[0]) else empty end'; }

# ---- filters ----

is "-n counts before the filters" "$(logs -n 1 --source gateway --level debug | wc -l) $(logs -n 2000 --source gateway | grep -c .)" \
	"$(logs -n 1 | grep -c '\[gateway') $(logs -n 2000 | grep -c '\[gateway')"
unlike "--source sandbox" "$(logs --source sandbox)" '\[gateway'
is "--source all is all" "$(logs --source all)" "$(logs)"
is "--level error" "$(logs --level error)" ""
is "--since: what is younger" "$(sleep 1.1; logs --since 1s)" ""
like "... than that" "$(logs --since 1h)" "the main process runs"
fails_with "a level that is none" 2 openshell logs box --level loud
fails_with "a time that is none" 2 openshell logs box --since yesterday

# ---- the gateway's processes die ----

"$bin/openshell" logs box --tail -n 1 -o json >"$work/tail" 2>"$work/tail.err" </dev/null &
tail=$!
wait_for 5 test -s "$work/tail"
openshell sandbox exec -n box -- touch /sandbox/go </dev/null
came() { [ "$(ports <"$work/tail" | wc -l)" -ge "$1" ]; }
back() { local now; now=$(pid_of "$1") && [ -n "$now" ] && [ "$now" != "$2" ] && openshell sandbox list </dev/null; }
n=0
for process in $victims; do
	n=$((n + 20))
	wait_for 10 came $n || echo "# only $(ports <"$work/tail" | wc -l) lines after 10 s"
	pid=$(pid_of "$process")
	kill -KILL "$pid"
	wait_for 10 back "$process" "$pid"
	n=$(ports <"$work/tail" | wc -l)
done
# whole FILE: each line once, in order; or exactly as many missing as it says
whole() {
	ports <"$1" | awk -v last=$((10000 + count)) '
		BEGIN { next_one = 10001 }
		$1 == "DROPPED" { said += $2; next }
		{ if ($1 < next_one) { print "again: " $1; bad = 1 } missing += $1 - next_one; next_one = $1 + 1 }
		END {
			if (next_one != last + 1) print "ends with " next_one - 1
			if (missing > said) print missing " missing, " said + 0 " said"
			exit bad || next_one != last + 1 || missing > said
		}'
}
stored() { logs -n 2000 -o json >"$work/stored" && whole "$work/stored"; }
wait_for 30 stored
is "$count lines, while $victims were killed: each once and in order" "$(whole "$work/stored")" ""
is "... none dropped" "$(ports <"$work/stored" | grep DROPPED)" ""
same() { cmp -s <(ports <"$work/tail") <(ports <"$work/stored"); }
wait_for 5 same
is "--tail showed the same" "$(diff <(ports <"$work/tail") <(ports <"$work/stored"))" ""
like "... and said that the gateway was away" "$(cat "$work/tail.err")" "The gateway went away"

# ---- link dies while they wait for a gateway that is not there ----

link=$(link_of box) supervisor=$(supervisor_of box)
openshell sandbox exec -n box -- sh -c '(sleep 0.5; touch /sandbox/on) >/dev/null 2>&1 &' </dev/null
gateway stop >/dev/null 2>&1
new_link() { pid=$(pgrep -x link -P "$supervisor") && [ "$pid" != "$link" ]; }
for at in 0.6 0.4 0.4; do
	sleep "$at" # somewhere in the middle of them
	kill -KILL "$link"
	wait_for 10 new_link
	link=$pid
done
start_gateway >/dev/null
is_soon "the sandbox runs on" made openshell sandbox exec -n box -- sh -c 'until [ -e /sandbox/waiting ]; do sleep 0.05; done; echo made'
waited() { logs -n 2000 -o json | ports | awk '$1 > 20000 || $1 == "DROPPED"' | sort >"$work/waited"; cmp -s "$work/waited" <(seq 20001 20400); }
wait_for 20 waited
is "400 lines waited while link was killed three times: each once" "$(diff "$work/waited" <(seq 20001 20400) | head -n 5)" ""

# ---- a database that is slow to write down, and dies ----

# Nothing but what somebody waits for reaches its disk while its writer stands still.
post=$(pid_of postgres) writer=$(pgrep -P "$(pid_of postgres)" -f walwriter)
kill -STOP "$writer"
openshell sandbox exec -n box -- bash -c 'for port in $(seq 30001 30020); do (exec 3<>/dev/tcp/192.0.2.1/$port) 2>/dev/null; done; true' </dev/null
wait_for 10 eval '[ "$(ports <"$work/tail" | tail -n 1)" = 30020 ]' || not_ok "--tail goes on" "$(tail -n 2 "$work/tail")"
until_here=$(sql 'select pg_current_wal_insert_lsn()')
on_disk() { [ "$(sql "select pg_current_wal_flush_lsn() >= '$until_here'")" = t ]; }
wait_for 10 on_disk # the sandbox asks a second after the last one, and is answered when it is
kill -KILL "$post" "$writer"
wait_for 10 back postgres "$post"
forgotten() { diff <(logs -n 2000 -o json | ports | awk '$1 > 30000 || $1 == "DROPPED"') <(seq 30001 30020); }
wait_for 20 eval '[ -z "$(forgotten)" ]'
is "20 lines, and a database that had written none down dies: each once" "$(forgotten | head -n 5)" ""

succeeds "delete" openshell sandbox delete box
wait $tail
is "--tail ends well with its sandbox" "$?" 0
plan
