#!/bin/bash
# The broker of secrets in bad luck: away, or under a wrong master key. A secret anywhere but where it is bound, or taken back; and
# how soon a new value is used.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/forge.sh"
openshell() { timeout 60 "$bin/openshell" "$@"; }
secret() { echo "tok-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')"; }
first=$(secret)
cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  forge:
    endpoints:
      - {host: api.forge.test, ports: [443, 8443], protocol: rest, enforcement: enforce, access: full}
      - {host: rw.acme.test, port: 443, protocol: rest, enforcement: enforce, access: full}
    binaries: [{path: /usr/bin/curl}]
P
forge_profile "/open/**"
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a profile" openshell provider profile import -f "$work/profile.yaml"
FORGE_TOKEN=$first succeeds "a provider" openshell provider create --name forge --type forge --credential FORGE_TOKEN
succeeds "a sandbox with it" openshell sandbox create --name demo --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity

in_box() { local name=$1; shift; timeout 60 "$bin/openshell" sandbox exec -n "$name" --timeout 50 -- "$@" 2>&1 </dev/null; }
token=$(in_box demo printenv FORGE_TOKEN)
like "the agent has a placeholder" "$token" '^openshell:resolve:env:v[0-9]+_FORGE_TOKEN$'
# call NAME: what a command of that sandbox gets, and what arrived
call() { in_box "$1" sh -c 'curl -sS -m 20 -o /dev/null -w "%{http_code}" -H "Authorization: Bearer $FORGE_TOKEN" "https://api.forge.test/open/'"$1-$RANDOM"'"'; }
arrived() { tail -n 1 "$WORLD/seen" | jq -r .fields.authorization; }
called() { echo "$(call "$1") $(arrived)"; }
is "a call" "$(called demo)" "200 Bearer $first"

is "2,000 calls on one connection of HTTP/2" "$(in_box demo sh -c 'curl -sS --http2 -m 45 -o /dev/null -w "%{http_code}\n" -H "Authorization: Bearer $FORGE_TOKEN" "https://api.forge.test/open/many?n=[1-2000]"' | sort | uniq -c | tr -s ' ')" " 2000 200"

# ---- elsewhere ----
world_forget
with=(-H "Authorization: Bearer $token")
is "another port of its host: refused" "$(status "${with[@]}" https://api.forge.test:8443/open/a)" 403
is "another path: refused" "$(status "${with[@]}" https://api.forge.test/other/a)" 403
is "a path that leaves the prefix: refused" "$(status --path-as-is "${with[@]}" https://api.forge.test/open/../other/a)" 403
is "... written otherwise" "$(status --path-as-is "${with[@]}" https://api.forge.test/open/%2e%2e/other/a)" 403
is "in a query to a host that is allowed, but not its own: refused" "$(status "https://rw.acme.test/open/a?key=$token")" 403
is "... in a field" "$(status "${with[@]}" https://rw.acme.test/open/a)" 403
is "... with the name of its host in the Host field" "$(status "${with[@]}" -H "Host: api.forge.test" https://rw.acme.test/open/a)" 403
is "none of these arrived" "$(jq -c 'select(.method != null)' "$WORLD/seen")" ""
is "... though both are reached without" "$(status https://api.forge.test:8443/open/a) $(status "https://rw.acme.test/open/a?key=1")" "200 200"

# ---- a new value, and none, for a process that lives on ----
# One process, one connection, one placeholder; a line for each call: its status.
held() {
	timeout 300 "$bin/openshell" sandbox exec -n demo --timeout 300 -- sh -c 'curl -sS --rate 40/s -m 20 -o /dev/null -w "%{stderr}%{http_code}\n" -H "Authorization: Bearer $FORGE_TOKEN" "https://api.forge.test/open/held?n=[1-1000000]"' >"$work/held" 2>&1 </dev/null &
	holder=$!
	wait_for 5 test -s "$work/held"
}
others() { sed '$d' "$work/held" | sort | uniq -c | grep -v ' 200$'; } # the last one may be half written
held
changes() { # the command's own time counts
	local since
	first=$second second=$(secret) since=$(now_ms)
	FORGE_TOKEN=$second openshell provider update forge --credential FORGE_TOKEN >"$work/said" 2>&1 && within 1000 grep -qF "$second" "$WORLD/seen"
}
second=$first
thrice "a new value is used within a second by a process that runs" changes
world_forget
more() { [ "$(wc -l <"$work/held")" -gt $(($1 + 20)) ]; }
wait_for 5 more "$(wc -l <"$work/held")"
is "... and the old one no longer" "$(grep -c "$first" "$WORLD/seen")" 0
is "... and no call failed" "$(others)" ""
succeeds "it is detached" openshell sandbox provider detach demo forge
refused() { [ "$(tail -n 1 "$work/held")" = 403 ]; }
wait_for 5 refused; is "... the process that still holds the placeholder is refused, on the connection that it has" $? 0
world_forget
wait_for 5 more "$(wc -l <"$work/held")"
is "... and nothing of it arrives" "$(grep -c -e "$second" -e openshell:resolve "$WORLD/seen")" 0
succeeds "it is attached again" openshell sandbox provider attach demo forge
kill $holder; wait $holder 2>/dev/null
back() { [ "$(called demo)" = "200 Bearer $second" ]; }
wait_for 5 back; is "... and new commands have it" $? 0

# ---- the broker away ----
ring=$data/keys/credentials.ring
router_of() { pgrep -x router -P "$(supervisor_of "$1")"; }
reason() { openshell sandbox get "$1" -o json | jq -r '[.. | strings] | join("\n")' | grep -i credentials; }
is_ready() { [ "$(openshell sandbox get "$1" -o json | jq -r .phase)" = Ready ]; }
# away HOW NAME: what is the same, however it is away
away() {
	local how=$1 name=$2 before
	before=$(wc -l <"$work/held")
	fails_with "$how: no provider is created" 1 openshell provider create --name late --type forge --credential "FORGE_TOKEN=$first"
	like "... it is unavailable" "$out" 'credentials'
	FORGE_TOKEN=$first fails_with "... nor updated" 1 openshell provider update forge --credential FORGE_TOKEN
	like "... it is unavailable" "$out" 'credentials'
	openshell sandbox create --name "$name" --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity >"$work/create" 2>&1 </dev/null &
	creating=$!
	wait_for 20 reason "$name"; like "... a new sandbox waits, and says for what" "$(reason "$name")" 'credentials'
	is_ready "$name" && not_ok "... it is not ready" || ok "... it is not ready"
	is "... what runs keeps what it has" "$(called demo)" "200 Bearer $second"
	kill -KILL "$(router_of demo)"
	wait_for 5 back; is "... a router that is started again, too" $? 0
	wait_for 5 more "$before"; is "... and works on" $? 0
}
# returned NAME: what was waited for comes
returned() {
	wait "$creating"; is "it is back: the sandbox is made" $? 0
	wait_for 15 is_ready "$1"; is "... ready" $? 0
	is "... with its secret" "$(called "$1")" "200 Bearer $second"
	fails_with "... nothing was made meanwhile" 1 openshell provider get late
	FORGE_TOKEN=$second succeeds "... and providers can be updated" openshell provider update forge --credential FORGE_TOKEN
}
held
kill -STOP "$(pid_of credentials)"
stopped=$(pid_of credentials)
away "it hangs" one
kill -CONT "$stopped"
returned one
chmod 644 "$ring"
kill -KILL "$(pid_of credentials)"
away "it cannot start" two
like "... the log says why" "$(tail -n 200 "$data/gateway.log")" 'name=credentials .*lets other users at it'
chmod 400 "$ring"
returned two
runs_again() { pid=$(pid_of credentials); [ -n "$pid" ] && kill -KILL "$pid"; }
for killed in 1 2 3 4; do wait_for 10 runs_again || not_ok "it is killed over and over" "$killed times"; done
ok "it is killed over and over ($killed times)"
serves() { [ -n "$(pid_of credentials)" ]; }
wait_for 5 serves; is "... and is back" $? 0
succeeds "... a sandbox can be made" openshell sandbox create --name three --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity
is "... with its secret" "$(called three)" "200 Bearer $second"
kill $holder; wait $holder 2>/dev/null
is "in all that time no call of the process that runs failed, but for those that a killed router had" "$(sort "$work/held" | uniq -c | awk '$2 != 200 && !($2 == 503 && $1 <= 20)')" ""
succeeds "sandboxes are deleted" openshell sandbox delete one two three

# ---- a wrong master key ----
rows() { sql "select md5(string_agg(s::text, ' ' order by key)) || ' ' || (select encode(fingerprint, 'hex') from storage_key) from provider_secrets s"; }
files() { (cd "$data" && find keys postgres -type f -exec sha256sum {} + | sort -k 2 | sha256sum); }
master=$data/keys/credentials.master
before=$(rows)
succeeds "the gateway stops" gateway stop
cp -p "$master" "$work/master"; cp -p "$ring" "$work/ring"
right() { cp -pf "$work/master" "$master"; cp -pf "$work/ring" "$ring"; }
# refuses WHAT WORDS: says so in a sentence, and has changed nothing
refuses() {
	local sums
	sums=$(files)
	fails_with "$1: the gateway does not start" 1 gateway start --port "$port"
	like "... says what is wrong" "$out" "$2"
	is "... in one sentence" "$(printf '%s\n' "$out" | grep -c '^Error: \|^openshell-gateway: ')" 1
	[ "${3:-}" = late ] || is "... and has touched nothing" "$(files)" "$sums"
	right
}
head -c 32 /dev/urandom >"$master"; refuses "another master key" 'credentials.ring.*master'
head -c 31 "$work/master" >"$master"; refuses "a truncated one" 'credentials.master has 31 bytes'
chmod 644 "$master"; refuses "one that others can read" 'credentials.master: mode 644'
rm "$master"; refuses "none" 'credentials.master is not there'
chmod 600 "$ring"; head -c 60 /dev/urandom >"$ring"; refuses "a ring that is none" 'credentials.ring'
"$bin/openshell-gateway" start --data-dir "$work/other" --port "$(free_port)" >"$work/other.log" 2>&1 || cat "$work/other.log"
"$bin/openshell-gateway" stop --data-dir "$work/other" >>"$work/other.log" 2>&1
cp -pf "$work/other/keys/credentials.ring" "$ring"; refuses "the ring of another master key" 'credentials.ring.*master'
cp -pf "$work/other/keys/credentials.ring" "$ring"; cp -pf "$work/other/keys/credentials.master" "$master"
refuses "both of another gateway" 'master|storage key' late
rm "$ring"; refuses "no ring" 'credentials.ring|storage key' late
start_gateway && ok "with the right ones it starts" || not_ok "with the right ones it starts"
is "... no row was touched" "$(rows)" "$before"
wait_for 10 back; is "... what runs works on" $? 0
succeeds "... and the store is opened for new ones" openshell sandbox create --name four --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity
is "... with its secret" "$(called four)" "200 Bearer $second"
plan
