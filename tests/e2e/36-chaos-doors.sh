#!/bin/bash
# kill -9 of link, relay, api and state while every door into a sandbox is open at once: each goes on byte for byte, or what came is a
# beginning of what was sent and one defined error follows within a second. usage: 36-chaos-doors.sh [ROUNDS]
. "$(dirname "$0")/lib.sh"
rounds=${1:-${ROUNDS:-1}}
openshell() { timeout 30 "$bin/openshell" "$@"; }
victims=${VICTIMS:-link relay api state}
[ -n "${VICTIMS:-}" ] || [ "$(id -u)" = 0 ] || victims="link api" # all of it as root

. "$here/tests/e2e/doors.sh"
victim() { case $1 in link) link_of box ;; supervisor) supervisor_of box ;; *) pid_of "$1" ;; esac | grep -E '^[1-9][0-9]*$'; }
back() { local now; now=$(victim "$1") && [ "$now" != "$2" ] && openshell sandbox exec -n box -- true </dev/null; }

# one_round PROCESS: all doors at once, and the outcome of each
one_round() {
	local door words
	begin
	before=$(victim "$1")
	kill -KILL "$before"
	killed=$(ms)
	if wait_for 6 back "$1" "$before" && took=$(($(ms) - killed)) && [ $took -lt "${BACK_MS:-2000}" ]; then good "$1" back "after $took ms"; else bad "$1" back "after $(($(ms) - killed)) ms"; fi
	wait_for 10 ended
	for door in $doors; do
		if words=$(outcome "$door" "$killed"); then good "$1" "$door" "$words"; else bad "$1" "$door" "$words"; fi
	done
	wait $(jobs -p | grep -vx "$forward")
}
declare -A well
good() { well[$1 $2]=$((${well[$1 $2]:-0} + 1)); [ "$rounds" != 1 ] || ok "$1 killed, $2: $3"; }
bad() { if [ "$rounds" = 1 ]; then not_ok "$1 killed, $2" "$3"; else echo "# $1 killed, $2: $3"; fi; }

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
serve
like "a sandbox that serves" "$(openshell sandbox exec -n box -- cat /sandbox/said </dev/null)" serves
succeeds "its service has a name" openshell service expose box 7002 web
service_url=$(printf '%s\n' "$out" | grep -oE 'https?://[^ ]+')
openshell sandbox ssh-config box >"$work/ssh_config" </dev/null
forward

for round in $(seq "$rounds"); do
	for process in $victims; do one_round "$process"; done
	# Without the supervisor the instance is over, and with it every door; the next start has no service in it.
	one_round supervisor
	kill $forward
	wait $forward 2>/dev/null
	if [ "$round" != "$rounds" ]; then
		openshell sandbox delete box >/dev/null 2>&1 </dev/null
		serve
		openshell service expose box 7002 web >/dev/null 2>&1 </dev/null
		forward
	fi
done
[ "$rounds" = 1 ] || for process in $victims supervisor; do
	for door in back $doors; do is "$rounds kills of $process, $door" "${well[$process $door]:-0}" "$rounds"; done
done
like "the log says that the instance ended" "$(openshell logs box -n 100 </dev/null)" "start 1 ended: .*started again"

# ---- a newer release ----

# What an older one has started is started anew, with its files. (Which one started it is written in the box's record.)
id=$(openshell sandbox get box -o json </dev/null | jq -r .id)
before=$(supervisor_of box)
openshell sandbox exec -n box -- sh -c 'echo kept >/sandbox/note' </dev/null
gateway stop >/dev/null 2>&1
sed -i 's/ [0-9]*$/ 1/' "$data/sandboxes/boxes/$id/box"
start_gateway && ok "a newer gateway starts" || not_ok "a newer gateway starts"
anew() { [ "$(supervisor_of box)" != "$before" ] && [ "$(openshell sandbox exec -n box -- cat /sandbox/note </dev/null)" = kept ]; }
if wait_for 10 anew; then ok "the sandbox is started anew, with its files"; else not_ok "the sandbox is started anew" "$(openshell sandbox get box 2>&1 </dev/null | head -n 12)"; fi
like "... and its log says why" "$(openshell logs box -n 100 </dev/null)" "another release"
before=$(supervisor_of box)
gateway stop >/dev/null 2>&1
cp -aL "$(dirname "$bin")/libexec/openshell/bundle" "$work/bundle"
start_gateway --bundle "$work/bundle"
wait_for 5 openshell sandbox exec -n box -- true </dev/null
is "one of this release runs on" "$(supervisor_of box)" "$before"

# What stands where the programs of a running sandbox were is not run beside them.
openshell sandbox create --name other --detach -- sleep infinity >/dev/null 2>&1 </dev/null
before=$(supervisor_of other)
kill -KILL "$(link_of other)"
wait_for 10 openshell sandbox exec -n other -- true </dev/null
is "a link that dies is started again" "$(supervisor_of other)" "$before"
cp "$work/bundle/bin/link" "$work/bundle/bin/link.new" && mv "$work/bundle/bin/link.new" "$work/bundle/bin/link"
kill -KILL "$(link_of other)"
renewed() { now=$(supervisor_of other) && [ -n "$now" ] && [ "$now" != "$before" ] && openshell sandbox exec -n other -- true </dev/null; }
if wait_for 10 renewed; then ok "... one whose programs were replaced is not: the sandbox is started anew"; else not_ok "the sandbox is started anew" "$(openshell sandbox get other 2>&1 </dev/null | head -n 12)"; fi
like "... and its log says that the instance ended" "$(openshell logs other -n 100 </dev/null)" "start 1 ended: .*started again"
plan
