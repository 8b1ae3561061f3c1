#!/bin/bash
# Token grants in a whole system: the sandbox's SPIFFE identity becomes a token of a token server, in a process that lives as long as
# that takes; the router puts it into requests of where it is bound, and nothing is sent without it when there is none.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/forge.sh"
world_name tokens.acme.test 93.184.216.46
mkfifo "$WORLD/spiffe-ready"
/usr/bin/python3 "$(dirname "$0")/world/spiffe.py" "$WORLD" >"$WORLD/spiffe.log" 2>&1 &
spiffe=$!
end() { kill "$spiffe" 2>/dev/null; finish; }
trap end EXIT
forge_policy pkgs.acme.test
forge_profile "/bytes/**" '  - name: token
    required: true
    auth_style: bearer
    header_name: authorization
    token_grant:
      token_endpoint: https://tokens.acme.test:8443/token
      audience: forge
      scopes: [read, write]
      audience_overrides:
        - {host: api.forge.test, path: "/bytes/512", audience: forge-deep, scopes: [deep]}'
read -r -t 30 _ <"$WORLD/spiffe-ready" || { echo "# the SPIFFE stand-in did not start" >&2; sed 's/^/# /' "$WORLD/spiffe.log" >&2; exit 1; }
start_gateway --spiffe-workload-socket "$WORLD/spiffe/api.sock" && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a profile with a token grant" openshell provider profile import --file "$work/profile.yaml"
succeeds "a provider, for which nothing is stored" openshell provider create --name forge --type forge --runtime-credentials
succeeds "a sandbox with it" openshell sandbox create --name demo --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity
asked() { [ -f "$WORLD/exchanged" ] && wc -l <"$WORLD/exchanged" || echo 0; }
last() { tail -n 1 "$WORLD/exchanged" | jq -r "$1"; }

# ---- a token is had, and kept ----
is "nothing was asked for before it is needed" "$(asked)" 0
is "a request without any credential" "$(status https://api.forge.test/bytes/256)" 200
is "... arrives with a token" "$(sent)" "Bearer tok-1.forge"
is "... that was had for the sandbox's identity" "$(last '"\(.grant_type) \(.audience) \(.scope) \(.client_id)"')" "client_credentials forge read write null"
is "... which was made out for the token server" "$(cat "$WORLD/fetched")" "https://tokens.acme.test:8443/token"
is "what the agent writes there is replaced" "$(status -H 'Authorization: Bearer mine' https://api.forge.test/bytes/256)" 200
is "... by the token that is known already" "$(sent) $(asked)" "Bearer tok-1.forge 1"
is "HTTP/1.1 and a body too" "$(status --http1.1 -d text https://api.forge.test/bytes/300)" 200
is "... the same" "$(sent) $(asked)" "Bearer tok-1.forge 1"
is "where another audience is wanted" "$(status https://api.forge.test/bytes/512)" 200
is "... it is another token" "$(sent) $(last .scope)" "Bearer tok-2.forge-deep deep"
like "where no grant goes" "$(status https://pkgs.acme.test/bytes/256)" '^(200|404)$' 
is "... no token goes either" "$(sent)" none
is "nor outside of its path" "$(status https://api.forge.test/open/x >/dev/null; sent)" none
is_soon "the processes that fetched are gone" 0 pgrep -c -x grant -P "$(supervisor_of demo)"
is "the agent sees neither the socket nor a variable" "$(run sh -c 'ls /run/openshell 2>/dev/null; env | grep -ic spiffe')" 0
like_soon "the log tells of it" 'token=granted' openshell logs demo -n 2000

# ---- no token, no request ----
anew() { # what the router knows is forgotten with each new set of secrets
	openshell sandbox provider detach demo forge >/dev/null 2>&1 && openshell sandbox provider attach demo forge >/dev/null 2>&1
}
gone() { status https://api.forge.test/bytes/256 >/dev/null; [ "$(sent)" = none ]; }
fails() { run curl -sS -m 20 https://api.forge.test/bytes/256 | grep -q token_grant_failed; }
works() { status https://api.forge.test/bytes/256 >/dev/null; [[ $(sent) == Bearer\ tok-* ]]; }
succeeds "it is detached" openshell sandbox provider detach demo forge
wait_for 5 gone; is "detached, requests go without a token" $? 0
: >"$WORLD/deny"
succeeds "it is attached again, and there is no identity" openshell sandbox provider attach demo forge
wait_for 5 fails; is "... requests are answered here" $? 0
world_forget
is "... with 502" "$(status https://api.forge.test/bytes/256)" 502
is "... and go nowhere" "$(world_seen | jq -r 'select(.fields != null)' | wc -l)" 0
like_soon "... and the log says why" 'no identity for this sandbox: no identity issued' openshell logs demo -n 2000
rm "$WORLD/deny"
wait_for 5 works; is "it is back: so are tokens" $? 0
for case in '401 {"error":"invalid_client"}' '200 {"access_token":"two words"}' '200 {"token":"x"}' '302 x' '200 [' '200 {"access_token":"a\r\nb: c"}'; do
	printf '%s\n' "$case" >"$WORLD/answer.part" && mv "$WORLD/answer.part" "$WORLD/answer" # never half of it
	anew
	wait_for 5 fails; is "the token server answers $case" $? 0
done
rm "$WORLD/answer"
echo 31 >"$WORLD/expires.part" && mv "$WORLD/expires.part" "$WORLD/expires"
wait_for 5 works; is "a good answer is one" $? 0
before=$(sent)
newer() { works && [ "$(sent)" != "$before" ]; }
wait_for 5 newer; is "a token that ends soon is replaced" $? 0
is "tokens are in no log" "$(grep -rlE 'tok-[0-9]+\.forge' "$data" 2>/dev/null | grep -v postgres | wc -l)" 0
plan
