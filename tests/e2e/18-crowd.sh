#!/bin/bash
# A crowd of bad clients and bad upstreams, names without end, and the deaths of the proxy and policyd in the middle of all
# kinds of connections: memory and descriptors stay bounded, who behaves does not notice, nobody gets more than the policy allows.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  one:
    endpoints:
      - {host: static.acme.test, ports: [80, 443], protocol: rest, enforcement: enforce, access: read-write}
      - {host: api.forge.test, ports: [80, 443], protocol: rest, enforcement: enforce, rules: [{allow: {method: "*", path: "/open/**"}}, {allow: {method: GET, path: "/{silent,endless}"}}]}
      - {host: mute.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: hole.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: "*.pub.acme.test", port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: any.acme.test, port: 22}
    binaries: [{path: /usr/bin/python3}, {path: /usr/bin/curl}]
P
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox" openshell sandbox create --name demo --policy "$work/policy.yaml" --detach -- sleep infinity
openshell sandbox exec -n demo -- sh -c 'cat >/sandbox/crowd.py' <"$here/tests/e2e/clients/crowd.py"
client() { timeout 60 "$bin/openshell" sandbox exec -n demo --timeout 50 -- /usr/bin/python3 /sandbox/crowd.py "$@" 2>&1; }
one_of() { pgrep -x "$1" -P "$(supervisor_of demo)"; }
# KiB of a process: its share, or what is resident where that is not shown to us
memory() { awk '$1 == "Pss:" { print $2; found = 1; exit } END { exit !found }' "/proc/$1/smaps_rollup" 2>/dev/null || awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }
descriptors() { ls "/proc/$1/fd" 2>/dev/null | wc -l; }
# at_most WHAT GOT LIMIT
at_most() { if [ -n "$2" ] && [ "$(printf '%.0f' "$2" 2>/dev/null)" -le "$3" ]; then ok "$1: $2 of at most $3"; else not_ok "$1" "$2 of at most $3"; fi; }
# word FILE LINE NAME: what follows that name in the line that begins so
word() { awk -v line="$2" -v name="$3" '$1 == line { for (i = 1; i < NF; i++) if ($i == name) print $(i + 1) }' "$1" | tail -n 1; }

# ---- the crowd ----
client control 1 </dev/null >"$work/alone"
proxy=$(one_of proxy) policyd=$(one_of policyd)
before_proxy=$(memory "$proxy") before_policyd=$(memory "$policyd")
before_fds="$(descriptors "$proxy") $(descriptors "$policyd")"
client crowd 17 </dev/null >"$work/crowd" &
crowd=$!
if wait_for 30 grep -q ^standing "$work/crowd"; then ok "$(grep ^standing "$work/crowd") that do as little as they can"; else not_ok "a thousand connections stand" "$(cat "$work/crowd")"; fi
client control 12 </dev/null >"$work/control" &
control=$!
wait_for 10 grep -q ^begun "$work/control"
client burst 200 </dev/null >"$work/burst"
like "two hundred requests at once are all answered" "$(tail -n 3 "$work/burst")" "answered 200 of 200"
grep -q 'answered 200' "$work/burst" || openshell logs demo -n 3000 | grep -vE 'ALLOWED|not HTTP|the agent ended it' | tail -n 20 | sed 's/^/#   /'
grew_proxy=$(($(memory "$proxy") - before_proxy)) grew_policyd=$(($(memory "$policyd") - before_policyd))
at_most "... the proxy grew by KiB" $grew_proxy 65536
at_most "... policyd grew by KiB" $grew_policyd 8192
fds="$(descriptors "$proxy") $(descriptors "$policyd")"
wait $control
echo "# alone: $(grep ^control "$work/alone")"
echo "# crowd: $(grep ^control "$work/control"); $(grep ^answered "$work/burst")"
is "a client that behaves got all its answers" "$(word "$work/control" control wrong)" 0
at_most "... the median of them in ms" "$(word "$work/control" control median)" 50
at_most "... the slowest in ms" "$(word "$work/control" control worst)" 2000
wait $crowd
left=$(grep ^left "$work/crowd")
like "the crowd has been seen to its end" "$left" "^left"
unlike "slow heads, half a greeting, silent and unreachable upstreams are ended" "$left" " (slow|slow_explicit|half_hello|mute|hole)="
like "... what may wait still stands" "$left" " kept=100( |$)"
grep -E '^(#|left)' "$work/crowd" | sed 's/^#* */# /'
settled() { [ "$(descriptors "$proxy")" -le $((${before_fds% *} + 40)) ]; }
if [ "$(descriptors "$proxy")" != 0 ]; then
	if wait_for 5 settled; then ok "descriptors are given back (before $before_fds, then $fds)"; else not_ok "descriptors are given back" "before $before_fds, then $fds, now $(descriptors "$proxy") $(descriptors "$policyd")"; fi
fi
is "... it is the same proxy and the same policyd" "$(one_of proxy) $(one_of policyd)" "$proxy $policyd"

# ---- as many as may be, and more, that say nothing ----
client fill 8600 </dev/null >"$work/fill"
is "past 8,192 silent connections, who asks is answered" "$(word "$work/fill" filled good)" 10
at_most "... the slowest in ms" "$(word "$work/fill" filled worst)" 8000
sed 's/^/# /' "$work/fill"
told() { openshell logs demo -n 2000 >"$work/told" && grep -qE "$1" "$work/told"; }
if wait_for 5 told "FINDING:LIMIT.*idle connections ended for new ones"; then ok "... those that were silent for the longest made room, which is told"; else not_ok "... those that were silent for the longest made room"; fi
if wait_for 5 told "CLOSE.*python3.*idle before the first request for longer than all others"; then ok "... and whose they were, of those that were admitted already"; else not_ok "... and whose they were"; fi
is "... it is the same proxy and the same policyd" "$(one_of proxy) $(one_of policyd)" "$proxy $policyd"

# ---- deaths ----
for victim in proxy policyd; do
	world_forget
	: >"$work/hold" # not what the one before has said
	client hold $victim </dev/null >"$work/hold" &
	holding=$!
	wait_for 10 grep -q ^ready "$work/hold" || not_ok "connections of each kind" "$(cat "$work/hold")"
	pid=$(one_of $victim) revision=$(openshell policy list demo | awk 'NR == 2 { print $1, $2 }')
	kill -9 "$pid"
	another() { local now; now=$(one_of $victim); [ -n "$now" ] && [ "$now" != "$pid" ]; }
	within 1000 another
	at_most "$victim is killed: another is there after ms" "${took#never}" 1000
	openshell sandbox exec -n demo -- touch /sandbox/go-$victim </dev/null
	wait $holding
	at_most "... for so long nothing passed, in ms" "$(awk '$1 == "back" { print $2 }' "$work/hold")" 1000
	for kind in kept raw connect upload; do unlike "... $kind: an end that the client sees" "$(grep "^over $kind" "$work/hold" || echo NOTHING)" NOTHING; done
	sed 's/^/# /' "$work/hold"
	unlike "... what is forbidden stays so" "$(awk '/^back/ { sub(/open.*/, ""); print }' "$work/hold")" "'200'"
	unlike "... and was never sent" "$(world_seen)" '"target": "/closed'
	like "... control: what is allowed was" "$(world_seen)" '"target": "/open/'
	is "... with the same policy" "$(openshell policy list demo | awk 'NR == 2 { print $1, $2 }')" "$revision"
	like_soon "... the log tells" "$victim.*(ended|started again)" openshell logs demo -n 2000
done

# ---- names ----
policyd=$(one_of policyd) proxy=$(one_of proxy)
before_proxy=$(memory "$proxy") before_policyd=$(memory "$policyd")
client names 65000 </dev/null >"$work/names"
like "65,000 names are asked, all are answered" "$(cat "$work/names")" "^names 65000 "
unlike "... none is lost" "$(cat "$work/names")" "lost="
sed 's/^/# /' "$work/names"
at_most "... the proxy grew by KiB" $(($(memory "$proxy") - before_proxy)) 4096
at_most "... policyd grew by KiB" $(($(memory "$policyd") - before_policyd)) 4096
is "... names that were given are still answered" "$(openshell sandbox exec -n demo -- env -u ALL_PROXY -u HTTPS_PROXY -u https_proxy curl -sS -o /dev/null -w '%{http_code}' https://static.acme.test/small </dev/null)" 200
last_of_names() { openshell logs demo -n 2000 | grep DNS | tail -n 1; }
like_soon "... a full table is told" "FINDING:LIMIT.*DNS name without an address" last_of_names
unlike "... nothing of it went out" "$(world_seen)" 'n[0-9]+.pub.acme.test'
plan
