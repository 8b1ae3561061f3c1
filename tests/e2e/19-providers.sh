#!/bin/bash
# Providers as their owner handles them: stored and never shown again, attached and detached, refused where they do not go together;
# and what an agent has of them: placeholders, which only become a secret on the way to where the profile says.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
secret=tok-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n') newer=tok-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')

cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  forge:
    endpoints:
      - {host: api.forge.test, port: 443, protocol: rest, enforcement: enforce, access: read-write}
      - {host: static.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-write}
      - {host: aiplatform.googleapis.com, port: 443, protocol: rest, enforcement: enforce, access: read-write}
    binaries: [{path: /usr/bin/curl}]
P
cat >"$work/forge.yaml" <<'P'
id: forge
display_name: Forge
category: source_control
credentials:
  - {name: token, env_vars: [FORGE_TOKEN], required: true, auth_style: bearer, header_name: authorization}
discovery: {credentials: [token]}
endpoints:
  - {host: api.forge.test, port: 443, path: "/open/**", protocol: rest, access: read-write, enforcement: enforce}
binaries: [/usr/bin/curl]
P

# ---- profiles, without a gateway ----
succeeds "lint: nothing to say" openshell provider profile lint "$work/forge.yaml"
is "... says so" "$out" "All checks passed"
sed -e 's/FORGE_TOKEN/v1_TOKEN/; s/id: forge/id: My Forge/; s/protocol: rest, //' "$work/forge.yaml" >"$work/bad.yaml"
fails_with "lint: three mistakes" 1 openshell provider profile lint "$work/bad.yaml"
like "... the id" "$out" "bad.yaml:1:5: error: id: 'My Forge'"
like "... the variable" "$out" "bad.yaml:5:[0-9]+: error: credentials\[0\].env_vars\[0\]: 'v1_TOKEN'"
like "... the protocol" "$out" "bad.yaml:8:[0-9]+: error: endpoints\[0\].protocol"
is "... as JSON" "$(openshell provider profile lint "$work/bad.yaml" -o json | jq -r '.[0] | .source + " " + .severity')" "$work/bad.yaml error"
mkdir "$work/profiles"; cp "$work/forge.yaml" "$work/profiles/a.yaml"; sed 's/id: forge/id: forge/' "$work/forge.yaml" >"$work/profiles/b.yml"
fails_with "lint: one id twice in a directory" 1 openshell provider profile lint --from "$work/profiles"
like "... says where" "$out" "b.yml: error: id: is that of .*a.yaml, too"

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }

# ---- profiles ----
is "the built-in ones are listed" "$(openshell provider list-profiles -o json | jq -r '[.[].id] | sort | join(" ")')" \
	"aws aws-bedrock aws-s3 claude-code codex copilot cursor deepinfra github google-cloud google-vertex-ai nvidia pypi"
like "... by category" "$(openshell provider list-profiles)" 'source_control:'
openshell provider profile export github >"$work/github.yaml"
fails_with "a built-in one cannot be taken" 1 openshell provider profile import -f "$work/github.yaml"
like "... says so" "$out" "github is built in"
sed 's/^id: github/id: my-github/' "$work/github.yaml" >"$work/mine.yaml"
succeeds "an exported one can be imported under another id" openshell provider profile import -f "$work/mine.yaml" -f "$work/forge.yaml"
like "... both" "$out" "Imported profile forge"
is "... and exported as it was" "$(openshell provider profile export my-github | grep -v '^id:\|^resource_version:')" "$(grep -v '^id:' "$work/github.yaml")"
fails_with "a second time it is there" 1 openshell provider profile import -f "$work/forge.yaml"
fails_with "a bad one is not sent" 1 openshell provider profile import -f "$work/bad.yaml"
succeeds "one that nobody uses is deleted" openshell provider profile delete my-github

# ---- providers ----
fails_with "no type" 2 openshell provider create --name forge --credential A=b
fails_with "no source" 2 openshell provider create --name forge --type forge
fails_with "two sources" 2 openshell provider create --name forge --type forge --from-existing --credential A=b
fails_with "a type that is none" 1 openshell provider create --name x --type nonsense --credential A=b
like "... says so" "$out" 'unsupported provider type "nonsense"'
fails_with "a variable that is not set" 1 openshell provider create --name forge --type forge --credential FORGE_TOKEN
like "... says so" "$out" 'FORGE_TOKEN: that variable is not set here'
fails_with "a key that is none" 1 openshell provider create --name forge --type forge --credential "v1_X=$secret"
unlike "... does not show the value" "$out" "$secret"
FORGE_TOKEN=$secret succeeds "from the environment" openshell provider create --name forge --type forge --credential FORGE_TOKEN
is "... says its name" "$out" "Created provider forge"
FORGE_TOKEN=$secret fails_with "the name is taken" 1 openshell provider create --name forge --type forge --credential FORGE_TOKEN
succeeds "literally" openshell provider create --name ai --type openai --credential "OPENAI_API_KEY=$secret" --config OPENAI_BASE_URL=https://models.acme.test/v1
GH_TOKEN=$secret succeeds "from what is here" openshell provider create --name hub --type gh --from-existing
is "... as its normal type, with what was there" "$(openshell provider get hub -o json | jq -c '[.type, .credential_keys]')" '["github",["GH_TOKEN"]]'
fails_with "from nothing" 1 env -u GITHUB_TOKEN -u GH_TOKEN "$bin/openshell" provider create --name hub2 --type github --from-existing
like "... says what was looked for" "$out" 'none of GITHUB_TOKEN, GH_TOKEN is set'
succeeds "a model server of one's own needs no key" openshell provider create --name ollama --type openai --config OPENAI_BASE_URL=http://10.20.9.9:11434/v1
fails_with "a key that has to be there" 1 openshell provider create --name hub3 --type github --runtime-credentials
succeeds "what comes at run time" openshell provider create --name cloud --type google-cloud --runtime-credentials
is "listed" "$(openshell provider list --names | sort | paste -sd ' ')" "ai cloud forge hub ollama"
succeeds "shown" openshell provider get forge
like "... redacted" "$out" 'FORGE_TOKEN=REDACTED'
for way in "provider get forge -o json" "provider list -o yaml" "provider list"; do unlike "... never: $way" "$(openshell $way 2>&1)" "$secret"; done

# ---- in a sandbox ----
succeeds "a sandbox" openshell sandbox create --name demo --policy "$work/policy.yaml" --detach -- sleep infinity
run() { timeout 60 "$bin/openshell" sandbox exec -n demo --timeout 50 -- "$@" 2>&1 </dev/null; }
status() { run curl -sS -m 20 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" "$2"; }
arrived() { world_seen | jq -r "select(.target == \"$1\") | .fields.authorization" | tail -n 1; }
fails_with "nothing that is not there" 1 openshell sandbox provider attach demo nobody
succeeds "attached while it runs" openshell sandbox provider attach demo forge
like "... says so" "$out" 'Attached provider forge to sandbox demo'
succeeds "... twice is once" openshell sandbox provider attach demo forge
like "... says so" "$out" 'is attached to sandbox demo already'
is "... listed" "$(openshell sandbox provider list demo -o json | jq -r '.[].name')" forge
like "... and part of what the sandbox is" "$(openshell sandbox get demo)" 'Providers: +forge'
has() { run printenv "$1" | grep -q '^openshell:resolve:env:'; }
wait_for 5 has FORGE_TOKEN; is "new commands find a placeholder" $? 0
token=$(run printenv FORGE_TOKEN)
like "... and nothing else" "$token" '^openshell:resolve:env:v[0-9]+_FORGE_TOKEN$'
unlike "no variable holds the secret" "$(run env)" "$secret"
is "a call to where the profile says" "$(status "$token" https://api.forge.test/open/x)" 200
is "... arrives with the secret" "$(arrived /open/x)" "Bearer $secret"
is "another path is refused" "$(status "$token" https://api.forge.test/closed/x)" 403
is "another host is refused" "$(status "$token" https://static.acme.test/open/y)" 403
is "... and nothing arrived" "$(arrived /open/y)$(arrived /closed/x)" ""
is "a placeholder of nothing is refused" "$(status openshell:resolve:env:v1_NOTHING https://api.forge.test/open/z)" 403

# ---- what has no profile disturbs nobody ----
succeeds "a provider without a profile" openshell sandbox provider attach demo ai
like "... says that its key is withheld" "$out" 'Warning: .*OPENAI_API_KEY'
unlike "... the agent has no such variable" "$(run env)" 'OPENAI_API_KEY'
like_soon "... which the log says, too" "provider 'ai': OPENAI_API_KEY is withheld" openshell logs demo -n 2000
is "... and the other one works on" "$(status "$token" https://api.forge.test/open/x)" 200

# ---- what does not go together ----
FORGE_TOKEN=$secret succeeds "a second one with the same key" openshell provider create --name forge2 --type forge --credential FORGE_TOKEN
fails_with "... cannot be attached, too" 1 openshell sandbox provider attach demo forge2
like "... says why" "$out" "providers 'forge' and 'forge2' both deliver FORGE_TOKEN"
fails_with "one that is attached cannot be deleted" 1 openshell provider delete forge
like "... says where" "$out" 'demo'
fails_with "nor its profile" 1 openshell provider profile delete forge

# ---- changed while it runs ----
value=$newer
FORGE_TOKEN=$value succeeds "a new value" openshell provider update forge --credential FORGE_TOKEN
fresh() { status "$token" https://api.forge.test/open/fresh >/dev/null; [ "$(arrived /open/fresh)" = "Bearer $value" ]; }
changes() { # the first time it has been
	[ -n "$since" ] || { value=$value-; FORGE_TOKEN=$value openshell provider update forge --credential FORGE_TOKEN >/dev/null; since=$(now_ms); }
	within 1000 fresh
	local soon=$?
	since=
	return $soon
}
since=$(now_ms)
thrice "... is used with the old placeholder within a second" changes
succeeds "it expires" openshell provider update forge --credential-expires-at FORGE_TOKEN=2020-01-01T00:00:00Z
like "... is shown" "$(openshell provider get forge)" 'expires 2020-01-01 00:00:00'
refused() { [ "$(status "$token" https://api.forge.test/open/x)" = 403 ]; }
wait_for 5 refused; is "... is refused from then on" $? 0
gone() { ! has FORGE_TOKEN; }
wait_for 5 gone; is "... and no longer in the environment" $? 0
succeeds "it does not expire" openshell provider update forge --credential-expires-at FORGE_TOKEN=0
works() { [ "$(status "$(run printenv FORGE_TOKEN)" https://api.forge.test/open/x)" = 200 ]; }
wait_for 5 works; is "... and works again" $? 0
fails_with "nothing to change" 2 openshell provider update forge
succeeds "detached" openshell sandbox provider detach demo forge
wait_for 5 refused; is "... the placeholder that is held fills in nothing" $? 0
wait_for 5 gone; is "... and new commands have none" $? 0
succeeds "now it can be deleted" openshell provider delete forge forge2
like "... both" "$out" 'Deleted provider forge2'

# ---- with the sandbox ----
FORGE_TOKEN=$secret succeeds "made again" openshell provider create --name forge --type forge --from-existing
succeeds "a sandbox with a provider" openshell sandbox create --name two --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity
like "... has it from the start" "$(timeout 60 "$bin/openshell" sandbox exec -n two -- printenv FORGE_TOKEN 2>&1 </dev/null)" '^openshell:resolve:env:'
fails_with "one that is not there" 1 openshell sandbox create --name three --provider nobody --detach
like "... names the command that makes it" "$out" 'provider create --name nobody'
fails_with "a type that could be made, without being asked to" 1 openshell sandbox create --name three --provider nvidia --detach
like "... says how" "$out" 'missing required provider nvidia: --auto-providers'
NVIDIA_API_KEY=$secret succeeds "... being asked to" openshell sandbox create --name three --provider nvidia --auto-providers --detach -- sleep infinity
is "... it is attached" "$(openshell sandbox provider list three --output json | jq -r '.[].type')" nvidia
like "a secret in --env is warned about" "$(openshell sandbox create --name four --env API_TOKEN=x --detach -- sleep infinity 2>&1)" 'Warning: --env API_TOKEN looks like a secret'

# ---- with profiles that add their rules ----
succeeds "the setting is turned on" openshell settings set --global --key providers_v2_enabled --value true --yes
succeeds "a sandbox whose own policy reaches nothing" openshell sandbox create --name five --provider forge --detach -- sleep infinity
ruled() { openshell policy get five --full 2>/dev/null | grep -q '^  "_provider_forge":'; }
wait_for 5 ruled; is "... has the provider's rule" $? 0
unlike "... which is not its own" "$(openshell policy get five --base)" '_provider_'
five() { timeout 60 "$bin/openshell" sandbox exec -n five --timeout 50 -- "$@" 2>&1 </dev/null; }
through() { [ "$(five sh -c 'curl -sS -m 20 -o /dev/null -w "%{http_code}" -H "Authorization: Bearer $FORGE_TOKEN" https://api.forge.test/open/derived')" = 200 ]; }
wait_for 5 through; is "... and reaches it with the secret" "$(arrived /open/derived)" "Bearer $secret"
succeeds "detached" openshell sandbox provider detach five forge
unruled() { ! ruled; }
wait_for 5 unruled; is "... the rule goes with it" $? 0
fails_with "what profiles do not name is not looked for" 1 openshell provider create --name cloud2 --type google-cloud --from-existing

# ---- renewed by the gateway ----
cat >"$work/token.py" <<'Y'
import http.server, json, sys, urllib.parse
count = 0
class Token(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global count
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        good = form.get("client_secret") == [open(sys.argv[2]).read()] and form.get("grant_type") == ["client_credentials"]
        count += good
        body = json.dumps({"access_token": "minted-%d" % count, "expires_in": 3600, "token_type": "Bearer"} if good else {"error": "invalid_client"}).encode()
        self.send_response(200 if good else 401)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Token)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
Y
printf %s "$newer" >"$work/client-secret"
python3 "$work/token.py" "$work/token-port" "$work/client-secret" &
tokens=$!
wait_for 10 test -s "$work/token-port"
sed -e 's/^id: forge/id: minted/; s/FORGE_TOKEN/MINTED_TOKEN/; s/header_name: authorization}/header_name: authorization, refresh: {strategy: oauth2_client_credentials, token_url: "http:\/\/127.0.0.1:'"$(cat "$work/token-port")"'\/token", material: [{name: client_id, required: true}, {name: client_secret, required: true, secret: true}]}}/' \
	"$work/forge.yaml" >"$work/minted.yaml"
succeeds "a profile whose token is minted" openshell provider profile import -f "$work/minted.yaml"
succeeds "a provider of it, empty" openshell provider create --name minted --type minted --runtime-credentials
fails_with "the material is not whole" 1 openshell provider refresh configure minted --credential-key MINTED_TOKEN --strategy oauth2-client-credentials --material client_id=me
like "... says what is missing" "$out" 'client_secret is missing'
CLIENT_SECRET=wrong succeeds "configured, with a wrong secret" openshell provider refresh configure minted --credential-key MINTED_TOKEN --strategy oauth2-client-credentials --material client_id=me --secret-material-env client_secret
fails_with "... rotate says so" 1 openshell provider refresh rotate minted --credential-key MINTED_TOKEN
CLIENT_SECRET=$newer succeeds "configured again" openshell provider refresh configure minted --credential-key MINTED_TOKEN --strategy oauth2-client-credentials --material client_id=me --secret-material-env client_secret
succeeds "minted now" openshell provider refresh rotate minted --credential-key MINTED_TOKEN
is "... the status says so" "$(openshell provider refresh status minted -o json | jq -r '.[0] | .status + " " + .strategy')" "refreshed oauth2_client_credentials"
succeeds "attached" openshell sandbox provider attach demo minted
wait_for 5 has MINTED_TOKEN; token=$(run printenv MINTED_TOKEN)
like "... its placeholder stays" "$token" '^openshell:resolve:env:s[0-9a-f]{64}_MINTED_TOKEN$'
minted() { status "$token" https://api.forge.test/open/minted >/dev/null; [ "$(arrived /open/minted)" = "Bearer $1" ]; }
last=$(status "$token" https://api.forge.test/open/minted >/dev/null; arrived /open/minted)
like "... and arrives as what was minted" "$last" '^Bearer minted-[0-9]+$'
succeeds "minted anew" openshell provider refresh rotate minted --credential-key MINTED_TOKEN
last=${last#Bearer minted-}
mints() { # the first time it has been
	[ -n "$since" ] || { openshell provider refresh rotate minted --credential-key MINTED_TOKEN >/dev/null; since=$(now_ms); }
	last=$((last + 1))
	within 1000 minted "minted-$last"
	local soon=$?
	since=
	return $soon
}
since=$(now_ms)
thrice "... is used within a second, by the same placeholder" mints
fails_with "what is minted is not set by hand" 1 openshell provider update minted --credential "MINTED_TOKEN=x"
succeeds "renewal ends" openshell provider refresh delete minted --credential-key MINTED_TOKEN
kill $tokens

# ---- Google's log-in ----
world_name oauth2.googleapis.com 93.184.216.34
world_name aiplatform.googleapis.com 93.184.216.34
mkdir "$work/gcloud"
# log_in TYPE REFRESH-TOKEN: as gcloud leaves it
log_in() { printf '{"account": "", "client_id": "me.apps", "client_secret": "%s", "refresh_token": "%s", "type": "%s"}' "$newer" "$2" "$1" >"$work/gcloud/application_default_credentials.json"; }
google() { CLOUDSDK_CONFIG=$work/gcloud GOOGLE_APPLICATION_CREDENTIALS='' openshell provider create --name google --type google-vertex-ai --from-gcloud-adc; }
fails_with "a log-in of Google's that is not there" 1 google
log_in service_account rt-mine; fails_with "... that is no user's" 1 google
log_in authorized_user void; fails_with "... that is void" 1 google
like "... leaves no provider" "$out" 'Deleted provider google again'
fails_with "... indeed" 1 openshell provider get google
log_in authorized_user rt-mine; succeeds "one that is good makes a provider" google
like "... for which Google was asked" "$(world_seen | jq -r 'select(.target == "/token") | .fields.host + " " + .body' | tail -n 1)" "^oauth2.googleapis.com .*refresh_token=rt-mine&client_id=me.apps&client_secret=$newer&scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform$"
succeeds "... which a sandbox is given" openshell sandbox provider attach demo google
wait_for 5 has GOOGLE_VERTEX_AI_TOKEN; token=$(run printenv GOOGLE_VERTEX_AI_TOKEN)
is "... and a call with it arrives with what Google has given" "$(status "$token" https://aiplatform.googleapis.com/v1/a) $(arrived /v1/a)" "200 Bearer at-of-rt-mine"
is "... elsewhere it is refused" "$(status "$token" https://api.forge.test/open/a)" 403

# ---- without credentials ----
kill -STOP "$(pid_of credentials)"
fails_with "no provider while credentials does not answer" 1 openshell provider create --name late --type github --credential "GITHUB_TOKEN=$secret"
like "... says why" "$out" "credentials"
gateway status -o json | jq -r '.processes[] | select(.name == "credentials") | .pid' | while read -r pid; do kill -CONT "$pid"; done
fails_with "... and none was made" 1 openshell provider get late
makes() { openshell provider get late >/dev/null 2>&1 || openshell provider create --name late --type github --credential "GITHUB_TOKEN=$secret"; }
wait_for 10 makes; is "... and one can be when it is back" $? 0

# ---- nothing of it anywhere ----
is "no file of the gateway holds a secret" "$(grep -rlaF -e "$secret" -e "$newer" -e rt-mine "$data" "$work"/*.log 2>/dev/null)" ""
unlike "... nor the sandboxes' logs" "$(for name in demo two five; do openshell logs $name -n 2000; done 2>&1)" "$secret|$newer"
plan
