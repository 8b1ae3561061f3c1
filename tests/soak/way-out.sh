#!/bin/bash
# The way out for long: deaths of proxy and policyd, WebSockets, inspected requests, changes of the policy under traffic.
# usage: way-out.sh SHARE [RESULTS]: a SHARE-th of it; TAP, and lines of docs/soak.md's table into RESULTS.
. "$(dirname "$0")/../e2e/world.sh"
. "$(dirname "$0")/../e2e/lib.sh"
share=${1:-100} rows=${2:-/dev/null}
kills=$((100 / share)) seconds=$((600 / share)) requests=$((100000 / share)) changes=$((1000 / share))
result() { echo "| $1 | $2 | $3 |" >>"$rows"; }
# policy PATH: one that allows it
policy() {
	cat >"$work/$1.yaml" <<YAML
version: 1
network_policies:
  one:
    endpoints:
      - {host: static.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: api.forge.test, port: 443, protocol: rest, enforcement: enforce, rules: [{allow: {method: GET, path: "/$1/**"}}]}
      - {host: ws.acme.test, port: 443, protocol: websocket, enforcement: enforce, access: read-write}
    binaries: [{path: /usr/bin/python3}, {path: /usr/bin/curl}]
YAML
	echo "$work/$1.yaml"
}
start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox" openshell sandbox create --name way --policy "$(policy one)" --detach -- sleep infinity
openshell sandbox exec -n way -- sh -c 'cat >/sandbox/ws.py' <"$here/tests/e2e/clients/websocket_client.py"
run() { "$bin/openshell" sandbox exec -n way --timeout 900 -- "$@" 2>&1 </dev/null; }
code() { run curl -sS --max-time 5 -o /dev/null -w '%{http_code}' "$1"; }
through() { [ "$(code https://static.acme.test/small)" = 200 ]; }
one_of() { pgrep -x "$1" -P "$(supervisor_of way)"; }
memory() { awk '$1 == "Pss:" { print $2; found = 1; exit } END { exit !found }' "/proc/$1/smaps_rollup" 2>/dev/null || awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }
descriptors() { ls "/proc/$1/fd" 2>/dev/null | wc -l; }
used() { echo "$(descriptors "$1") $(memory "$1")"; }

# The other connections stay open while requests go on.
for how in idle busy; do run /usr/bin/python3 /sandbox/ws.py wss://ws.acme.test/live/chat "$seconds" $how >"$work/$how" & sockets+=($!); done
ask() { run sh -c "curl -sS --fail-early -o /dev/null -w '%{http_code}\n' 'https://static.acme.test/small?[1-$1]' | sort | uniq -c" | awk '{ print $2 "=" $1 }'; }
ask 500 >/dev/null
before_proxy=$(used "$(one_of proxy)") before_policyd=$(used "$(one_of policyd)")
is "$requests inspected requests" "$(ask $requests)" "200=$requests"
after_proxy=$(used "$(one_of proxy)") after_policyd=$(used "$(one_of policyd)")
# flat WHO BEFORE AFTER: descriptors within 4, memory within 2 MiB
flat() { if [ $((${3% *} - ${2% *})) -le 4 ] && [ $((${3#* } - ${2#* })) -le 2048 ]; then ok "... leak nothing in $1 (descriptors KiB: $2, then $3)"; else not_ok "... leak nothing in $1" "$2, then $3"; fi; }
flat proxy "$before_proxy" "$after_proxy"
flat policyd "$before_policyd" "$after_policyd"
result "inspected request" "$requests" "descriptors and KiB of the proxy $before_proxy, then $after_proxy; of policyd $before_policyd, then $after_policyd"
wait "${sockets[@]}"
for how in idle busy; do
	is "a WebSocket, $how for $seconds s" "$(cat "$work/$how")" "open to the end, $how"
	result "WebSocket, $how" "$seconds s" "open to the end"
done

run sh -c 'while :; do curl -sS -o /dev/null --max-time 5 https://static.acme.test/small; done' >"$work/traffic" 2>&1 &
traffic=$!
good=0
for i in $(seq $changes); do
	path=$([ $((i % 2)) = 0 ] && echo one || echo two)
	other=$([ $path = one ] && echo two || echo one)
	openshell policy set way --policy "$(policy $path)" --wait >/dev/null 2>&1 </dev/null || continue
	[ "$(code https://api.forge.test/$path/x) $(code https://api.forge.test/$other/x)" = "200 403" ] && good=$((good + 1))
done
is "$changes changes of the policy under traffic: each decides at once" "$good" "$changes"
result "policy set --wait under traffic" "$changes" "decided at once $good times"
kill $traffic 2>/dev/null

for name in proxy policyd; do
	good=0
	for i in $(seq $kills); do
		pid=$(one_of $name)
		[ -n "$pid" ] && kill -9 "$pid" && wait_for 10 through && [ "$(one_of $name)" != "$pid" ] && good=$((good + 1))
	done
	is "$kills kills of a sandbox's $name: a request passes again each time" "$good" "$kills"
	result "kill -9 of a sandbox's $name" "$kills" "requests pass again $good times"
done
plan
