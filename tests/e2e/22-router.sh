#!/bin/bash
# The router in a whole system: secrets go where they are bound and nowhere else, new ones are in use within a second, and no death
# on the way (router, proxy, link, gateway) loses or changes what a running sandbox has.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/forge.sh"
first=one-$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n') second=two-$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
forge_policy static.acme.test
forge_profile "/bytes/**"
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a profile" openshell provider profile import --file "$work/profile.yaml"
FORGE_TOKEN=$first succeeds "a provider" openshell provider create --name forge --type forge --credential FORGE_TOKEN
succeeds "a sandbox without it" openshell sandbox create --name demo --policy "$work/policy.yaml" --detach -- sleep infinity
router_of() { pgrep -x router -P "$(supervisor_of "$1")"; }
with() { status -H "Authorization: Bearer $placeholder" "https://${2:-api.forge.test}${1:-/bytes/256}"; }
works() { [ "$(with)" = 200 ]; }
is "no secrets, no router" "$(router_of demo)" ""
succeeds "it is attached" openshell sandbox provider attach demo forge
has() { run printenv FORGE_TOKEN | grep -q ^openshell:; }
wait_for 5 has; is "commands find a placeholder from then on" $? 0
placeholder=$(run printenv FORGE_TOKEN)
like "... of a revision" "$placeholder" '^openshell:resolve:env:v[0-9]+_FORGE_TOKEN$'
is "a call with it" "$(with)" 200
is "... arrives with the secret" "$(sent)" "Bearer $first"
router=$(router_of demo)

# ---- its walls ----
field() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$router/status"; }
is "the router has no capability" "$(field CapPrm) $(field CapEff) $(field CapBnd)" "0000000000000000 0000000000000000 0000000000000000"
is "... a list of system calls, no new privileges" "$(field Seccomp) $(field NoNewPrivs)" "2 1"
is "... may not dump core" "$(awk '/Max core/ { print $5 $6 }' "/proc/$router/limits")" "00"
[ "$(id -u)" != 0 ] || is "... no file but an empty root" "$(ls -A "/proc/$router/root/" 2>&1)" ""

echo "# an idle router: $(awk '$1 == "Pss:" || $1 == "Private_Dirty:" { printf "%s %s KiB ", $1, $2 }' "/proc/$router/smaps_rollup")"

# ---- only there ----
is "at another host: refused" "$(with /bytes/256 static.acme.test)" 403
is "at another path: refused" "$(with /open/x)" 403
is "in a query of where it is not bound: refused" "$(status "https://static.acme.test/bytes/256?k=$placeholder")" 403
is "another's placeholder is refused" "$(status -H "Authorization: Bearer openshell:resolve:env:v1_OTHER" https://api.forge.test/bytes/256)" 403
is "none of it was sent" "$(world_seen | grep -cE 'static.acme.test.*one-|openshell:resolve|"/open/x"')" 0
is "what holds no placeholder goes its way" "$(status https://api.forge.test/bytes/256)" 200
for n in 1 2 3 4 5; do with "/bytes/256?n=$n" >/dev/null; done
is "calls in the query too" "$(status "https://api.forge.test/bytes/256?key=$placeholder")" 200
like "... with the secret there" "$(world_seen | jq -r .target | tail -n 1)" "key=$first"

# ---- deaths ----
kill -KILL "$router"
wait_for 3 works; is "after a death of the router calls go on" $? 0
is "... in another process" "$([ "$(router_of demo)" != "$router" ] && echo yes)" yes
is "... with the same secret" "$(sent)" "Bearer $first"
kill -KILL "$(pgrep -x proxy -P "$(supervisor_of demo)")"
wait_for 3 works; is "after a death of the proxy too" $? 0
kill -KILL "$(link_of demo)"
wait_for 5 works; is "after a death of the link too" $? 0

# ---- a new value ----
newest() { [ "$(with)" = 200 ] && [ "$(sent)" = "Bearer $second" ]; }
changes() {
	second=$second-
	FORGE_TOKEN=$second openshell provider update forge --credential FORGE_TOKEN >"$work/said" 2>&1 && within 1000 newest
}
thrice "a new value is in use within a second, by the placeholder that was there" changes
kill -KILL "$(router_of demo)"
wait_for 3 newest; is "a router that is started again has the new one" $? 0

# ---- the broker away ----
stopped=$(pid_of credentials)
kill -STOP "$stopped"
FORGE_TOKEN=$first timeout 5 "$bin/openshell" provider update forge --credential FORGE_TOKEN >/dev/null 2>&1
is "the broker is away: what runs keeps what it has" "$(with)" 200
(timeout 60 "$bin/openshell" sandbox create --name late --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity >"$work/late.log" 2>&1; echo $? >"$work/late.code") &
late() { openshell sandbox get late -o json 2>/dev/null | jq -r '"\(.phase) " + ([.conditions[]? | .message] | join("; "))'; }
waits() { late | grep -qE 'Provisioning .*(credentials|broker|secrets|claim)'; }
wait_for 20 waits; like "... what is new waits, and says for what" "$(late)" 'Provisioning .*(credentials|broker|secrets|claim)'
kill -CONT "$stopped"
starts() { [ -f "$work/late.code" ]; }
wait_for 30 starts; is "... and starts when it is back" "$(cat "$work/late.code")" 0
is "... with its secret" "$(box=late; has && placeholder=$(run printenv FORGE_TOKEN) && with)" 200
succeeds "the late one is deleted" openshell sandbox delete late
succeeds "it is detached" openshell sandbox provider detach demo forge
gone() { [ "$(with)" = 403 ]; }
wait_for 5 gone; is "detached, its placeholder is refused" $? 0
plan
