#!/bin/bash
# The storage key and the master key are replaced while the gateway runs, whatever is killed meanwhile: no secret is lost, none stays
# under an old key, and a sandbox that was there before goes on.
# And a gateway with keys that are not its store's does not start, says which file is wrong, and has changed nothing.
. "$(dirname "$0")/lib.sh"
secrets=30

newest() { sed -n 's/^newest=\([0-9a-f]*\) .*/\1/p' "$data/keys/rotation"; }
under() { sql "select coalesce(string_agg(distinct encode(storage_key, 'hex'), ' '), '') from provider_secrets"; }
count() { sql "select count(*) from provider_secrets"; }
retired() { od -An -tu1 -j6 -N1 "$data/keys/credentials.ring" | tr -d ' '; } # master keys that claims are still of
ring_keys() { echo $((($(stat -c %s "$data/keys/credentials.ring") - 8) / 72 - $(retired))); }
master=$data/keys/credentials.master
# Every secret can be opened: a sandbox that is given all of them starts only then.
usable() {
	succeeds "$2" openshell sandbox create --name "use$1" --provider many --detach -- sleep infinity
	succeeds "... and runs" openshell sandbox exec -n "use$1" -- sh -c 'env | grep -c openshell:resolve:env:'
	is "... with a placeholder for each" "$out" $secrets
}

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
{
	echo "id: many
display_name: Many
category: other
credentials:"
	for i in $(seq $secrets); do echo "  - {name: s$i, env_vars: [SECRET_$i], required: true, auth_style: bearer, header_name: authorization}"; done
	echo "endpoints:
  - {host: api.many.test, port: 443, protocol: rest, access: read-write, enforcement: enforce}"
} >"$work/many.yaml"
succeeds "a profile of many secrets" openshell provider profile import -f "$work/many.yaml"
flags=()
for i in $(seq $secrets); do
	export "SECRET_$i=value-$i-$RANDOM$RANDOM"
	flags+=(--credential "SECRET_$i")
done
succeeds "a provider with all of them" openshell provider create --name many --type many "${flags[@]}"
is "the secrets are there" "$(count)" $secrets
first=$(newest)
is "all under the first key" "$(under)" "$first"
succeeds "a sandbox that was there before" openshell sandbox create --name before --provider many --detach -- sleep infinity
cp -p "$master" "$work/master.first"

succeeds "rotate-key" gateway rotate-key
like "... says what it did" "$out" "All stored secrets are sealed under a new storage key"
second=$(newest)
unlike "another key is the newest" "$second" "^($first)?$"
is "all secrets are under it" "$(under)" "$second"
is "... and the old key is gone" "$(ring_keys)" 1
like "the master key is another one" "$out" "The master key is a new one"
fails_with "... in the file of the first" 1 cmp -s "$master" "$work/master.first"
fails_with "... and no other is beside it" 1 test -e "$master.next"
is "the first is kept in the ring" "$(retired)" 1

# Whoever is not the gateway's user would leave it a ring that it cannot read.
if [ "$(id -u)" = 0 ]; then
	chown 12345 "$data/keys"
	fails_with "rotate-key of another user's keys is refused" 1 gateway rotate-key
	like "... and says whose they are" "$out" "belong to user 12345: run rotate-key as that user"
	chown 0 "$data/keys"
	is "the ring is as it was" "$(ring_keys) $(newest)" "1 $second"
fi

# Killed while it waits for a row: the ring has two keys until another run finishes it.
hold_row SECRET_7
"$bin/openshell-gateway" rotate-key --data-dir "$data" >"$work/rotate.log" 2>&1 & rotation=$!
wait_for 10 eval '[ $(ring_keys) = 2 ] && somebody_waits'
kill -9 $rotation 2>/dev/null; wait $rotation 2>/dev/null
is "killed: both keys are in the ring" "$(ring_keys)" 2
kill -9 "$(cat "$data/gateway.pid")"
# The same death between the ring and the master key: the files as they were then.
cp -p "$master" "$master.next"; cp -p "$work/master.first" "$master"
let_row
fails_with "without a gateway it says what to do" 1 gateway rotate-key
like "... in words" "$out" "start it (first|and run rotate-key again)"
start_gateway && ok "the gateway starts again after kill -9" || not_ok "the gateway starts again after kill -9"
fails_with "the next master key has taken its place" 1 cmp -s "$master" "$work/master.first"
fails_with "... and is not beside it" 1 test -e "$master.next"
succeeds "the next run goes on" gateway rotate-key
like "... and says so" "$out" "Going on with a rotation that was interrupted"
third=$(newest)
is "all secrets are under the third key" "$(under)" "$third"
is "the ring has one key" "$(ring_keys)" 1

# Deaths of the two that do the work, over and over, while it runs.
"$bin/openshell-gateway" rotate-key --data-dir "$data" >"$work/rotate.log" 2>&1 & rotation=$!
deaths=0
while kill -0 $rotation 2>/dev/null && [ $deaths -lt 8 ]; do
	kill -9 "$(pid_of $([ $((deaths % 2)) = 0 ] && echo credentials || echo state))" 2>/dev/null && deaths=$((deaths + 1))
	wait_for 20 eval '[ -n "$(pid_of state)" ] && [ -n "$(pid_of credentials)" ]'
done
if wait $rotation; then ok "a rotation with $deaths deaths in it ends well"; else not_ok "a rotation with $deaths deaths in it ends well" "$(cat "$work/rotate.log")"; fi
wait_for 20 eval '[ "$(newest)" != "$third" ]'
is "all secrets are under the fourth key" "$(under)" "$(newest)"
is "no secret was lost" "$(count)" $secrets
wait_for 20 openshell status
usable 1 "a sandbox gets all of them"
settled() { sql "select revision = applied from sandbox_secrets where sandbox = (select id from sandboxes where name = 'before')"; }
wait_for 20 openshell sandbox exec -n before -- true && ok "the sandbox from before goes on" || not_ok "the sandbox from before goes on"
succeeds "a new value of a secret" openshell provider update many --credential SECRET_1=other-value
is_soon "... is taken by the sandbox from before, with a claim of a master key that is gone" t settled

# Keys that are not the store's.
gateway stop >/dev/null
before=$(sha256sum "$data/keys/audit.key" "$data/keys/relay.bus")
cp -p "$data/keys/credentials.ring" "$work/ring"; cp -p "$data/keys/credentials.master" "$work/master"
cp -p "$work/master.first" "$master"
fails_with "the master key of before opens nothing: the gateway does not start" 1 gateway start --port "$port"
head -c 32 /dev/urandom >"$data/keys/credentials.master"
fails_with "a wrong master key: the gateway does not start" 1 gateway start --port "$port"
like "... and says why" "$out" "credentials.ring: the master key is not the one it was sealed with"
rm -f "$data/keys/credentials.ring"
fails_with "a wrong master key without its ring, too" 1 gateway start --port "$port"
like "... as the database remembers it" "$out" "credentials could not start: the database belongs to another master key"
cp -p "$work/master" "$data/keys/credentials.master"; rm -f "$data/keys/credentials.ring"
fails_with "the right one without the ring" 1 gateway start --port "$port"
like "... names the key that is missing" "$out" "$secrets stored secrets are sealed under the storage key [0-9a-f]{16}, which .*credentials.ring does not have"
cp -pf "$work/ring" "$data/keys/credentials.ring"
is "nothing else was touched" "$(sha256sum "$data/keys/audit.key" "$data/keys/relay.bus")" "$before"
# From here on the master key is the configuration's, and another one is to come.
mv "$work/master" "$work/given.first"; rm "$master"; head -c 32 /dev/urandom >"$work/given.next"; chmod 600 "$work/given.next"
given=(--master-key-file "$work/given.first" --master-key-next-file "$work/given.next")
start_gateway "${given[@]}" && ok "with its own keys it starts" || not_ok "with its own keys it starts"
is "and has all secrets" "$(count)" $secrets
succeeds "rotate-key with the next master key" gateway rotate-key "${given[@]}"
like "... says what to do" "$out" "given.next is the master key now: name it in master_key_file"
is "it writes neither file, nor one of its own" "$(stat -c %s "$work/given.first" "$work/given.next" | xargs) $(ls "$data/keys" | grep -c master)" "32 32 0"
wait_for 20 openshell status
usable 2 "which can be used"
for name in before use1 use2; do openshell sandbox delete "$name" >/dev/null; done
claims() { sed -n 's/.* claims=\([0-9]*\) .*/\1/p' "$data/keys/rotation"; }
is_soon "nobody is left with a claim of an older one" 0 claims
gateway stop >/dev/null
fails_with "the one before alone opens nothing" 1 gateway start --port "$port" --master-key-file "$work/given.first"
start_gateway --master-key-file "$work/given.next" && ok "the next one alone does" || not_ok "the next one alone does"
is "... and those before are forgotten" "$(retired)" 0
usable 3 "the secrets are still there"
plan
