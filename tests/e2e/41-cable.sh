#!/bin/bash
# A cut cable between a sandbox and its gateway, in the middle of every door: nothing arrives, nobody is told. A short cut loses no byte; after
# a long one each door goes on or has ended with one defined error; the session is back within 2 s of the repair, and nothing hangs.
# In a network namespace of its own: the sandbox dials the relay by TCP there, and the cable is cut by a rule that drops both directions.
if [ -z "${CABLE:-}" ]; then
	if [ "$(id -u)" = 0 ]; then CABLE=here exec unshare -n "$0" "$@"; fi
	# An ordinary user is root of a user namespace for the network and the cable, and in one beneath it as before.
	CABLE=$(mktemp -u /tmp/osh-cable.XXXXXX) exec unshare -rn "$0" "$(id -u)" "$(id -g)"
fi
if [ $# = 2 ]; then
	mkfifo "$CABLE" "$CABLE.done"
	ip link set lo up
	while read -r command; do nft "$command" 2>&1; echo done >"$CABLE.done"; done <>"$CABLE" &
	unshare -U --map-user="$1" --map-group="$2" "$0"
	code=$?
	kill $!
	rm -f "$CABLE" "$CABLE.done"
	exit $code
fi
. "$(dirname "$0")/lib.sh"
openshell() { timeout 60 "$bin/openshell" "$@"; }
nft_do() { if [ "$CABLE" = here ]; then nft "$1"; else echo "$1" >"$CABLE"; read -r _ <"$CABLE.done"; fi; }
relay_port=$(free_port)
cable_cut() { nft_do "table inet cable { chain in { type filter hook input priority 0; tcp dport $relay_port drop; tcp sport $relay_port drop; }; }"; }
cable_heal() { nft_do "delete table inet cable"; }
[ "$CABLE" != here ] || ip link set lo up
gateway_args=(--relay-endpoint "tcp://127.0.0.1:$relay_port" --relay-endpoint-only)

DRIP_LINES=300 BIG=40M # three seconds and more
. "$here/tests/e2e/doors.sh"
# More doors: the main process that somebody is attached to, and the log as it comes. Each round has its own.
doors="$doors attached followed"
file_upload() { "$bin/openshell" sandbox upload box "$work/big" "up$round" </dev/null >&2 && wait_for 10 fetched && copied "$work/up"; } # (what is looked at is not the door)
fetched() { "$bin/openshell" sandbox exec -n box -- cat "up$round" >"$work/up" </dev/null 2>/dev/null; }
attached() {
	openshell sandbox exec -n "main$round" -- touch go </dev/null
	"$bin/openshell" sandbox connect "main$round" </dev/null
}
followed() {
	openshell sandbox exec -n box -- bash -c "setsid bash -c '$knock' $round >/dev/null 2>&1 </dev/null &" </dev/null
	sed -u "${lines}q" < <("$bin/openshell" logs box --tail -n 2000 -o json </dev/null 2>/dev/null |
		jq --unbuffered -r --argjson from $((round * 1000)) '.fields.port // empty | tonumber - $from | select(. > 0)')
}
cat >"$work/policy.yaml" <<'YAML'
version: 1
network_policies:
  one:
    endpoints: [{host: allowed.test, port: 443}]
    binaries: [{path: /usr/bin/curl}]
YAML
box_args=(--policy "$work/policy.yaml")
# Inside: lines of log, one for each connection that is refused.
knock='for port in $(seq $(($0 * 1000 + 1)) $(($0 * 1000 + '"$lines"'))); do (exec 3<>/dev/tcp/192.0.2.1/$port) 2>/dev/null; sleep 0.01; done'

# one_round SECONDS LONG: all doors, the cable cut so long in the middle of them; LONG: they need not go on, but files
back() { openshell sandbox exec -n box -- true </dev/null; }
idle_cut() {
	local healed
	cable_cut
	sleep "$1"
	cable_heal
	healed=$(now_ms)
	since=$healed within 2000 back
}
one_round() {
	local door words cut_ms healed
	openshell sandbox create --name "main$round" --detach -- sh -c "until [ -e go ]; do sleep 0.02; done; $drip" >/dev/null 2>&1 </dev/null
	begin
	cable_cut
	cut_ms=$(ms)
	sleep "$1" # what is tested is how long nothing arrives
	cable_heal
	healed=$(ms)
	if since=$healed within 2000 back; then ok "cut for $1 s: a new command runs $took ms after the repair"; else thrice "cut for $1 s: a new command runs soon after the repair" idle_cut "$1"; fi
	wait_for 10 ended
	sort -n -o "$work/followed.out" "$work/followed.out" # connections are judged side by side: one that is looked at again is told behind the next
	for door in $doors; do
		if ! words=$(outcome "$door" "$healed") || [[ $2 = short || $door = file_* ]] && [ "$words" != "goes on" ]; then not_ok "cut for $1 s, $door" "$words"; else ok "cut for $1 s, $door: $words"; fi
	done
	[ -z "${SHOW:-}" ] || for door in $doors; do echo "# $door ended $(($(cat "$work/$door.ended") - cut_ms)) ms after the cut"; done
}

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
serve
like "a sandbox that serves, over TCP" "$(openshell sandbox exec -n box -- cat /sandbox/said </dev/null)" serves
openshell service expose box 7002 web >"$work/expose" 2>&1 </dev/null
service_url=$(grep -oE 'https?://[^ ]+' "$work/expose")
openshell sandbox ssh-config box >"$work/ssh_config" </dev/null
forward
round=1
one_round 1.5 short
round=2
LATE_MS=${LATE_MS:-10000} # it ends: how soon depends on who else runs here
one_round 5 long
is_soon "nothing runs on inside that nobody waits for" 0 openshell sandbox exec -n box -- pgrep -cxf 'sleep 0.01'
plan
