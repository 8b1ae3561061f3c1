#!/bin/bash
# Renewal from end to end: a real token endpoint, minted in a child, in the sandbox without a change in the agent; and
# providers while state is killed: each is there whole, or not at all.
. "$(dirname "$0")/lib.sh"
. "$here/tests/e2e/forge.sh"
python3 - "$work/port" "$work/asked" 2>/dev/null <<'PYTHON' &
import http.server, itertools, json, sys, urllib.parse
count = itertools.count(1)
class Tokens(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get("content-length", 0))).decode())
        good = form.get("client_secret", [""])[0] == "topsecret"
        body = {"access_token": f"minted-{next(count)}-token", "expires_in": 3600, "token_type": "Bearer"}
        answer = json.dumps(body if good else {"error": "invalid_client"}).encode()
        with open(sys.argv[2], "a") as log:
            print(form.get("grant_type"), good, file=log, flush=True)
        self.send_response(200 if good else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Tokens)
print(server.server_port, file=open(sys.argv[1], "w"))
server.serve_forever()
PYTHON
server=$!
end() { kill "$server" 2>/dev/null; finish; }
trap end EXIT
wait_for 10 test -s "$work/port"
start_gateway || { echo "1..0 # the gateway does not start"; exit 1; }
forge_refreshed "$(cat "$work/port")"
token() { openshell sandbox exec -n demo -- printenv FORGE_TOKEN; }
has_token() { token | grep -qE '^openshell:resolve:env:s[0-9a-f]{64}_FORGE_TOKEN$'; }
status() { openshell provider refresh status forge -o json | jq -r '.[0].status // .credentials[0].status'; }
configure() { S=$1 openshell provider refresh configure forge --credential-key FORGE_TOKEN --strategy oauth2-client-credentials --material client_id=me --secret-material-env client_secret=S; }

# ---- minted ----
succeeds "a profile of one's own" openshell provider profile import -f "$work/forge.yaml"
fails_with "the same again" 1 openshell provider profile import -f "$work/forge.yaml"
succeeds "a provider that has no credential yet" openshell provider create --name forge --type forge --runtime-credentials
succeeds "a sandbox with it" openshell sandbox create --name demo --provider forge --detach
fails_with "there is no token yet" 1 token
succeeds "it is to be renewed" configure wrong
fails_with "the endpoint refuses" 1 openshell provider refresh rotate forge --credential-key FORGE_TOKEN
like "... which is said" "$out" "invalid_client|refused|denied"
is "... and shown" "$(status)" error
succeeds "with another secret" configure topsecret
succeeds "a token is minted" openshell provider refresh rotate forge --credential-key FORGE_TOKEN
is "... is shown" "$(status)" refreshed
if within 1000 has_token; then ok "the agent has its placeholder within a second ($took ms)"; else not_ok "the agent has its placeholder within a second" "$took ms"; fi
before=$(token)
succeeds "minted again" openshell provider refresh rotate forge --credential-key FORGE_TOKEN
is "... it is the same placeholder" "$(token)" "$before"
fails_with "what is renewed is not set by hand" 1 openshell provider update forge --credential FORGE_TOKEN=mine
fails_with "a profile in use is not deleted" 1 openshell provider profile delete forge
like "the endpoint was asked" "$(cat "$work/asked")" "client_credentials.*True"
found=$(grep -rlaE -e 'topsecret|minted-[0-9]+-token' "$data" 2>/dev/null)
is "no file of the gateway holds secret or token" "$found" ""
succeeds "renewed no more" openshell provider refresh delete forge --credential-key FORGE_TOKEN

# ---- while state is killed ----
for i in $(seq 12); do openshell provider create --name "k$i" --type generic --credential "KEY_A=one" --credential "KEY_B=two" >/dev/null 2>&1; done &
creates=$!
serves() { openshell provider list -o json; }
for i in 1 2 3; do wait_for 10 serves; kill -9 "$(pid_of state)" 2>/dev/null; done
wait "$creates"
wait_for 20 serves
is "it serves again" $? 0
halves=$(openshell provider list -o json | jq -c '[.[] | select((.name | startswith("k")) and ((.credential_keys | tostring) | test("KEY_A") and test("KEY_B") | not)) | .name]')
is "no provider has half of its credentials" "$halves" "[]"
again() { openshell provider create --name last --type generic --credential KEY_A=one; }
succeeds "and others can be made" again
plan
