#!/bin/bash
# kill -9 while the storage key is rotated, and while secrets are created, changed and renewed: each secret is there afterwards, as it
# was or as it was to be; none is left over; and what uses secrets meanwhile notices nothing. With EVERY_INSTANT=1, as ./soak calls
# it, each process is killed at every instant, without it at some of them.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
openshell() { timeout 60 "$bin/openshell" "$@"; }
secret() { echo "tok-$(od -An -tx1 -N12 /dev/urandom | tr -d ' \n')"; }
types="1 2 3 4 5 6 7 8" each=$(seq 25) # 200 secrets
cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  forge:
    endpoints: [{host: api.forge.test, port: 443, protocol: rest, enforcement: enforce, access: full}]
    binaries: [{path: /usr/bin/curl}]
P
# profile NAME CREDENTIALS: a type whose secrets may all go to one place
profile() {
	printf 'id: %s\ndisplay_name: %s\ncategory: other\ncredentials:\n%s\nendpoints:\n  - {host: api.forge.test, port: 443, protocol: rest, access: full, enforcement: enforce}\nbinaries: [/usr/bin/curl]\n' "$1" "$1" "$2" >"$work/$1.yaml"
	openshell provider profile import -f "$work/$1.yaml"
}
serves() { openshell provider list --names </dev/null; }
mkdir "$work/tokens"
python3 "$here/tests/e2e/world/tokens.py" "$work/tokens" &
tokens=$!
wait_for 5 test -s "$work/tokens/port"
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; kill $tokens; exit 1; }

# ---- many secrets, and one sandbox that uses them all the time ----
attach=() failed=0
for i in $types; do
	names="" with=()
	for j in $each; do
		value=$(secret)
		names="$names  - {name: k$j, env_vars: [P${i}_K$j]}"$'\n'
		with+=(--credential "P${i}_K$j=$value")
		echo "$i x-k$j $value" >>"$work/values"
	done
	{ profile "p$i" "$names" && openshell provider create --name "p$i" --type "p$i" "${with[@]}"; } >"$work/made" 2>&1 </dev/null || { failed=1; sed 's/^/# /' "$work/made"; }
	attach+=(--provider "p$i")
done
is "providers with 200 secrets are made" "$failed $(wc -l <"$work/values")" "0 200"
succeeds "a sandbox with all of them" openshell sandbox create --name demo --policy "$work/policy.yaml" "${attach[@]}" --detach -- sleep infinity
fields() { local j; for j in $each; do printf ' -H "X-K%s: $P%s_K%s"' "$j" "$1" "$j"; done; }
for i in $types; do echo "curl -sS -m 20 -o /dev/null$(fields "$i") https://api.forge.test/all/$i || exit"; done >"$work/all.sh"
LC_ALL=C sort -o "$work/values" "$work/values"
# all_arrive WHAT NAME: each secret, from a sandbox
all_arrive() {
	world_forget
	timeout 60 "$bin/openshell" sandbox exec -n "$2" --timeout 50 -- sh -s <"$work/all.sh" >"$work/all.out" 2>&1
	jq -r 'select((.target // "") | startswith("/all/")) | .target[5:] as $i | .fields | to_entries[] | select(.key | startswith("x-k")) | "\($i) \(.key) \(.value)"' "$WORLD/seen" |
		LC_ALL=C sort >"$work/came"
	if cmp -s "$work/came" "$work/values"; then ok "$1"; else not_ok "$1" "$(wc -l <"$work/came") came; $(cat "$work/all.out"); $(diff "$work/came" "$work/values" | head -n 5)"; fi
}
all_arrive "each arrives" demo
uses_begin() {
	timeout 900 "$bin/openshell" sandbox exec -n demo --timeout 900 -- sh -c "curl -sS --rate 20/s -m 20 -o /dev/null -w '%{stderr}%{http_code}\n' $(fields 5) 'https://api.forge.test/held?n=[1-1000000]'" >"$work/held" 2>&1 </dev/null &
	holder=$!
}
uses_end() {
	kill $holder; wait $holder 2>/dev/null
	is "meanwhile no call failed" "$(grep -v '^200$' "$work/held" | sort | uniq -c)" ""
	[ "$(wc -l <"$work/held")" -gt 100 ] && ok "... of many ($(wc -l <"$work/held"))" || not_ok "... of many" "$(wc -l <"$work/held")"
	succeeds "the sandbox is deleted" openshell sandbox delete demo
}
uses_begin

# ---- rotation ----
ring=$data/keys/credentials.ring
ring_bytes=$(stat -c %s "$ring") retired_bytes=72 retired=0 # one storage key; each master key that demo's claim may be of
keys_in_use() { sql "select encode(storage_key, 'hex') from provider_secrets group by 1 order by 1" | paste -sd ' '; }
check=0
# rotated WHAT BEFORE: all records are under one key that is not the one before, the ring has no other but one more retired master
# key, and new sandboxes get them all
rotated() {
	local now
	now=$(keys_in_use) retired=$((retired + 1))
	if [ "${#now}" = 16 ] && [ "$now" != "$2" ] && [ "$(stat -c %s "$ring")" = $((ring_bytes + retired * retired_bytes)) ] && [ "$(sql 'select count(*) from provider_secrets')" = 200 ]; then
		ok "$1: every record is under the new key alone"
	else
		not_ok "$1: every record is under the new key alone" "before: $2, now: $now, the ring $(stat -c %s "$ring") of $((ring_bytes + retired * retired_bytes)) bytes, $(sql 'select count(*) from provider_secrets') records"
	fi
	check=$((check + 1))
	openshell sandbox create --name "new$check" --policy "$work/policy.yaml" "${attach[@]}" --detach -- sleep infinity >"$work/new" 2>&1 </dev/null || sed 's/^/# /' "$work/new"
	all_arrive "... and each is opened for a new sandbox, and arrives" "new$check"
	openshell sandbox delete "new$check" >/dev/null 2>&1 </dev/null
}
before=$(keys_in_use)
succeeds "rotate-key" gateway rotate-key
rotated "rotate-key" "$before"

spin() { local end=$((SECONDS + 10)); until "$@"; do [ $SECONDS -lt $end ] || return 1; done; }
ring_grew() { [ "$(stat -c %s "$ring")" != $((ring_bytes + retired * retired_bytes)) ]; }
all_sealed() { grep -q ' old=0 ' "$data/keys/rotation"; }
runs() { [ -n "$(pid_of "$1")" ]; }
# kill_during VICTIM INSTANT
kill_during() {
	local before
	before=$(keys_in_use)
	[ "$2" != middle ] || hold_row P5_K7
	"$bin/openshell-gateway" rotate-key --data-dir "$data" >"$work/rotate" 2>&1 </dev/null &
	rotating=$!
	spin ring_grew || echo "# the ring did not grow"
	case $2 in
	middle) wait_for 10 somebody_waits || echo "# nobody waits for the row" ;;
	end) spin all_sealed || echo "# the records were not sealed again" ;;
	esac
	case $1 in rotate-key) victim_pid=$rotating ;; *) wait_for 5 runs "$1"; victim_pid=$(pid_of "$1") ;; esac
	kill -KILL "$victim_pid"
	[ "$2" != middle ] || let_row
	wait $rotating 2>/dev/null
	code=$?
	wait_for 10 serves
	[ $code = 0 ] || succeeds "$1 killed ($2), rotate-key ends with $code: a second run" gateway rotate-key
	rotated "$1 killed ($2)$([ $code != 0 ] || echo ', which the same run outlives')" "$before"
}
if [ -n "${EVERY_INSTANT:-}" ]; then
	for victim in rotate-key credentials state postgres; do
		for instant in ring middle end; do kill_during $victim $instant; done
		# no more than seven master keys are retired while one sandbox runs
		uses_end
		succeeds "the gateway stops" gateway stop --sandboxes
		start_gateway && retired=0
		is "with no sandbox of older master keys they are forgotten" "$(stat -c %s "$ring")" "$ring_bytes"
		succeeds "a sandbox again" openshell sandbox create --name demo --policy "$work/policy.yaml" "${attach[@]}" --detach -- sleep infinity
		uses_begin
	done
	changing="asking writing 0.02 0.04" making="asking 0.02 0.04" renewing="asking minting writing"
else
	kill_during rotate-key ring
	kill_during rotate-key middle
	kill_during credentials middle
	kill_during state end
	kill_during postgres middle
	changing="asking writing" making="asking 0.02" renewing="minting writing"
fi
uses_end

# ---- create, change, renew ----
profile forge '  - {name: token, env_vars: [FORGE_TOKEN]}' >/dev/null
profile minted "  - {name: token, env_vars: [MINTED_TOKEN], refresh: {strategy: oauth2_refresh_token, token_url: 'http://127.0.0.1:$(cat "$work/tokens/port")/token', material: [{name: client_id, required: true}, {name: refresh_token, required: true, secret: true}]}}" >"$work/made" 2>&1 || sed 's/^/# /' "$work/made"
now=$(secret)
FORGE_TOKEN=$now succeeds "a provider" openshell provider create --name forge --type forge --credential FORGE_TOKEN
succeeds "one whose secret is minted" openshell provider create --name minted --type minted --runtime-credentials
REFRESH_TOKEN=rt-0 succeeds "... from a secret" openshell provider refresh configure minted --credential-key MINTED_TOKEN --strategy oauth2-refresh-token --material client_id=me --secret-material-env refresh_token
succeeds "... which is minted" openshell provider refresh rotate minted --credential-key MINTED_TOKEN
succeeds "a sandbox with both" openshell sandbox create --name both --policy "$work/policy.yaml" --provider forge --provider minted --detach -- sleep infinity
call() { world_forget; timeout 60 "$bin/openshell" sandbox exec -n "$1" --timeout 50 -- sh -c 'curl -sS -m 20 -o /dev/null -H "X-Forge: $FORGE_TOKEN" -H "X-Minted: $MINTED_TOKEN" https://api.forge.test/one' >"$work/call" 2>&1 </dev/null; }
came() { call "${2:-both}"; jq -r ".fields[\"$1\"] // empty" "$WORLD/seen" | tail -n 1; }
is "both are used" "$(came x-forge) $(came x-minted)" "$now $(tail -n 1 "$work/tokens/minted")"
# listed: what the API shows is what the database holds, and nothing else is there
listed() {
	local told kept
	told=$( { openshell provider list -o json | jq -r '.[] | .name as $n | .credential_keys[]? | "\($n)  \(.)"'; [ "$(openshell provider refresh status minted -o json 2>/dev/null | grep -c MINTED_TOKEN)" = 0 ] || echo "minted MINTED_TOKEN refresh_token"; } | LC_ALL=C sort)
	kept=$(sql "select p.name || ' ' || s.owner || ' ' || regexp_replace(s.key, '.*/', '') from provider_secrets s join providers p on p.id = s.provider" | LC_ALL=C sort)
	if [ "$told" = "$kept" ]; then ok "$1"; else not_ok "$1" "$(diff <(echo "$told") <(echo "$kept"))"; fi
}
listed "what is listed is what is stored"

attempts() { sql "select count(*) from secret_drops where attempt is not null and due_ms > extract(epoch from now()) * 1000"; }
more_attempts() { [ "$(attempts)" -gt "$1" ]; }
asked() { [ "$(wc -l <"$work/tokens/asked")" -gt "$1" ]; }
# until_there INSTANT COMMAND...: begins it, and comes back when it is there: credentials was asked; the token server was; a row is written
until_there() {
	local instant=$1 n=0 stopped
	shift
	stopped=$(pid_of credentials)
	case $instant in
	asking) n=$(attempts); kill -STOP "$stopped" ;;
	minting) n=$(wc -l <"$work/tokens/asked"); touch "$work/tokens/hold" ;;
	writing) hold_row "$row_key" ;;
	esac
	"$@" >"$work/done" 2>&1 </dev/null &
	running=$!
	case $instant in
	asking) wait_for 10 more_attempts "$n" || echo "# credentials was not asked" ;;
	minting) wait_for 10 asked "$n" || echo "# the token server was not asked" ;;
	writing) wait_for 10 somebody_waits || echo "# nothing was written" ;;
	*) sleep "$instant" ;; # any instant
	esac
}
# cut_off VICTIM INSTANT: and lets all go on
cut_off() {
	local pid stopped
	wait_for 5 runs "$1"
	pid=$(pid_of "$1") stopped=$(pid_of credentials)
	kill -KILL "$pid"
	case $2 in asking) [ "$1" = credentials ] || kill -CONT "$stopped" ;; minting) rm -f "$work/tokens/hold" ;; writing) let_row ;; esac
	wait $running
	code=$?
	wait_for 15 serves
	wait_for 10 runs credentials
}
for victim in credentials state api postgres; do
	for instant in $changing; do
		what="$victim killed ($instant) while a secret is changed"
		next=$(secret) row_key=FORGE_TOKEN
		FORGE_TOKEN=$next until_there $instant openshell provider update forge --credential FORGE_TOKEN
		cut_off $victim $instant
		is_next() { [ "$(came x-forge)" = "$next" ]; }
		[ $code != 0 ] || wait_for 5 is_next
		got=$(came x-forge)
		if [ "$got" = "$next" ] || { [ $code != 0 ] && [ "$got" = "$now" ]; }; then ok "$what (it ends with $code): one of them is used"; else not_ok "$what: one of them is used" "code $code, now $now, next $next, got: $got
$(cat "$work/done" "$work/call")"; fi
		now=$got
	done
	for instant in $making; do
		what="$victim killed ($instant) while a provider is made"
		value=$(secret)
		echo "made-$victim-$instant $value" >>"$work/made-values"
		FORGE_TOKEN=$value until_there $instant openshell provider create --name "made-$victim-$instant" --type forge --credential FORGE_TOKEN
		cut_off $victim $instant
		if openshell provider get "made-$victim-$instant" >/dev/null 2>&1 </dev/null; then ok "$what (it ends with $code): it is there"; else is "$what: it is not there, and the command says so" "$((code != 0))" 1; fi
	done
	for instant in $renewing; do
		what="$victim killed ($instant) while one is renewed"
		old=$(came x-minted) row_key=MINTED_TOKEN
		until_there $instant openshell provider refresh rotate minted --credential-key MINTED_TOKEN
		cut_off $victim $instant
		renewed() { [ "$(came x-minted)" = "$(tail -n 1 "$work/tokens/minted")" ]; }
		[ $code != 0 ] || wait_for 5 renewed
		got=$(came x-minted)
		if { [ $code = 0 ] && renewed; } || { [ $code != 0 ] && { [ "$got" = "$old" ] || grep -qxF "$got" "$work/tokens/minted"; }; }; then ok "$what (it ends with $code): one of them is used"; else not_ok "$what: one of them is used" "code $code, old $old, got: $got
$(cat "$work/done" "$work/call")"; fi
		rotates() { openshell provider refresh rotate minted --credential-key MINTED_TOKEN; }
		sql "update provider_refreshes set lease_until_ms = 0" # which a state that is gone holds for a minute
		wait_for 10 rotates; is "... and it can be renewed again" $? 0
	done
	listed "$victim killed: what is listed is what is stored"
done
is "no token server was ever shown a secret that it does not know, or has replaced" "$(grep -c refused "$work/tokens/minted")" 0
succeeds "the first is detached" openshell sandbox provider detach both forge
whole=0 torn=""
while read -r name value; do
	openshell provider get "$name" >/dev/null 2>&1 </dev/null || continue
	is_whole() { [ "$(came x-forge </dev/null)" = "$value" ]; }
	openshell sandbox provider attach both "$name" >/dev/null 2>&1 </dev/null
	wait_for 5 is_whole && whole=$((whole + 1)) || torn="$torn $name"
	openshell sandbox provider detach both "$name" >/dev/null 2>&1 </dev/null
done <"$work/made-values"
is "all that were made are whole ($whole)" "$torn" ""
sql "update secret_drops set due_ms = 0" # what is left of attempts goes after two minutes
FORGE_TOKEN=$now succeeds "one more change" openshell provider update forge --credential FORGE_TOKEN
no_drops() { [ "$(sql 'select count(*) from secret_drops')" = 0 ]; }
wait_for 40 no_drops; is "nothing that was begun is left" "$(sql 'select count(*) from secret_drops')" 0
is "no record is without its provider" "$(sql 'select count(*) from provider_secrets where provider not in (select id from providers)')" 0
kill $tokens
plan
