#!/bin/bash
# Providers from end to end: secrets go in, placeholders come out, a change is in the sandbox within a second, and nothing
# is half made while credentials is away.
. "$(dirname "$0")/lib.sh"
trap finish EXIT
start_gateway || { echo "1..0 # the gateway does not start"; exit 1; }
secret=$(head -c 24 /dev/urandom | base64 | tr -d '+/=')
other=$(head -c 24 /dev/urandom | base64 | tr -d '+/=')
token_is() { [ "$(openshell sandbox exec -n demo -- printenv GITHUB_TOKEN)" = "$1" ]; }
condition() { openshell sandbox get demo -o json | jq -r '.conditions[] | select(.type == "Secrets") | .status'; }
# within WHAT MS COMMAND...: it succeeds, and soon
within() {
	local what=$1 most=$2 from to
	shift 2
	from=$(date +%s%3N)
	wait_for 20 "$@"
	to=$(date +%s%3N)
	if "$@" && [ $((to - from)) -le "$most" ]; then ok "$what"; else not_ok "$what" "after $((to - from)) ms"; fi
}

# ---- records ----
succeeds "a provider" openshell provider create --name hub --type gh --credential "GITHUB_TOKEN=$secret"
like "... is created" "$out" "Created provider hub"
fails_with "the same name again" 1 openshell provider create --name hub --type github --credential "GITHUB_TOKEN=$secret"
like "... is taken" "$out" "already exists"
fails_with "a key that is no variable" 1 openshell provider create --name bad --type github --credential "A-B=$secret"
fails_with "no credential, and no profile to obtain one" 1 openshell provider create --name bad --type generic --runtime-credentials
out=$(openshell provider get hub -o json 2>/dev/null || openshell provider get hub)
unlike "what is shown is not the secret" "$out" "$secret"
like "... but its key, of its canonical type" "$out" "GITHUB_TOKEN"
like "... which is github" "$out" "github"

# ---- a sandbox ----
succeeds "a sandbox with it" openshell sandbox create --name demo --provider hub --detach
within "the agent has a placeholder" 5000 token_is openshell:resolve:env:v1_GITHUB_TOKEN
is "its secrets are in use" "$(condition)" True
fails_with "a provider that a sandbox has is not deleted" 1 openshell provider delete hub
like "... and says which" "$out" "demo"
succeeds "another value" openshell provider update hub --credential "GITHUB_TOKEN=$other"
within "... has another placeholder within a second" 1000 token_is openshell:resolve:env:v2_GITHUB_TOKEN

# ---- collisions, and one without a profile ----
succeeds "a second one" openshell provider create --name hub2 --type github --credential "GITHUB_TOKEN=$other"
fails_with "two that deliver one key" 1 openshell sandbox provider attach demo hub2
like "... are told apart by name" "$out" "GITHUB_TOKEN"
succeeds "one without a profile" openshell provider create --name plain --type generic --credential "SOME_KEY=$other"
succeeds "... can be attached" openshell sandbox provider attach demo plain
fails_with "... its key is withheld" 1 openshell sandbox exec -n demo -- printenv SOME_KEY
like "... which the log says" "$(openshell logs demo)" "provider 'plain': SOME_KEY is withheld"
token_is openshell:resolve:env:v2_GITHUB_TOKEN || token_is openshell:resolve:env:v3_GITHUB_TOKEN
is "... and the others are not disturbed" $? 0
succeeds "what is attached" openshell sandbox provider list demo
like "... is listed" "$out" plain

# ---- detached ----
no_token() { ! openshell sandbox exec -n demo -- printenv GITHUB_TOKEN >/dev/null; }
succeeds "detach" openshell sandbox provider detach demo hub
within "... takes it from new commands within a second" 1000 no_token
succeeds "then it can be deleted" openshell provider delete hub

# ---- without credentials ----
kill -STOP "$(pid_of credentials)"
fails_with "no provider while credentials does not answer" 1 openshell provider create --name late --type github --credential "GITHUB_TOKEN=$secret"
like "... says why" "$out" "credentials"
gateway status -o json | jq -r '.processes[] | select(.name == "credentials") | .pid' | while read -r pid; do kill -CONT "$pid"; done
fails_with "... and none was made" 1 openshell provider get late
makes() { openshell provider get late >/dev/null 2>&1 || openshell provider create --name late --type github --credential "GITHUB_TOKEN=$secret"; }
within "... and one can be when it is back" 10000 makes

# ---- where secrets are not ----
found=$(grep -rlaF -e "$secret" -e "$other" "$data" "$work"/*.log 2>/dev/null)
is "no file of the gateway holds a secret" "$found" ""
plan
