#!/bin/bash
# inference.local: model calls without a key in the sandbox, by the route that the gateway holds; a real agent does its work with it.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
agent_release=@anthropic-ai/claude-code@1.0.51
secret=sk-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n') other=sk-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')

# Two model servers with certificates, one in clear on a private address, as Ollama, vLLM and llama.cpp serve.
world_name models.acme.test 93.184.216.45
world_name more-models.acme.test 93.184.216.46
world_name localhost-models.acme.test 10.20.9.9
models() { python3 "$here/tests/e2e/world/models.py" "$WORLD" "$@" >>"$work/models.log" 2>&1 & echo $! >>"$WORLD/pids"; }
models 93.184.216.45 9443 "$WORLD/server.pem" "$WORLD/server.key"
models 93.184.216.46 8443 "$WORLD/server.pem" "$WORLD/server.key"
models 10.20.9.9 11434
for p in 9443 8443 11434; do wait_for 10 test -s "$WORLD/models-ready-$p" || not_ok "the model server on $p starts" "$(cat "$work/models.log")"; done
seen() { world_seen | jq -c "select(.model_server != null) | $1" 2>/dev/null | tail -n "${2:-1}"; }

cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  nothing:
    endpoints: [{host: static.acme.test, port: 443, protocol: rest, access: read-only}]
    binaries: [{path: /usr/bin/curl}]
P
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox without providers" openshell sandbox create --name demo --policy "$work/policy.yaml" --detach -- sleep infinity
run() { timeout 60 "$bin/openshell" sandbox exec -n demo --timeout 50 -- "$@" 2>&1 </dev/null; }
# post PATH BODY [CURL-OPTION...]
post() { local path=$1 body=$2; shift 2; run curl -sS -m 30 -H 'Content-Type: application/json' -H 'Authorization: Bearer mine' -H 'X-Api-Key: mine' -d "$body" "$@" "https://inference.local$path"; }
status() { run curl -sS -m 30 -o /dev/null -w '%{http_code}' "$@"; }
chat='{"model":"other","messages":[{"role":"user","content":"hi"}]}'

like "no route: it says so" "$(post /v1/chat/completions "$chat")" '"cluster inference is not configured"'

# ---- a route ----
OPENAI_API_KEY=$secret succeeds "a provider from the environment" openshell provider create --name models --type openai --credential OPENAI_API_KEY --config OPENAI_BASE_URL=https://models.acme.test:9443/v1
succeeds "a route, its model asked first" openshell inference set --provider models --model scripted-1
like "... shows itself" "$(openshell inference get 2>&1)" 'scripted-1'
hot() { [ "$(status -d "$chat" https://inference.local/v1/chat/completions)" = 200 ]; }
if within 1000 hot; then ok "a running sandbox has it at once ($took ms)"; else not_ok "a running sandbox has it at once" "$took ms"; fi
world_forget
like "a chat call" "$(post /v1/chat/completions "$chat")" 'hello from scripted-1'
is "... has the route's key" "$(seen .headers.authorization)" "\"Bearer $secret\""
is "... and not the agent's" "$(seen '.headers["x-api-key"]')" null
is "... the route's model" "$(seen .body.model)" '"scripted-1"'
is "a body goes as what it was read as" "$(status -H 'Content-Type: application/json; charset=utf-7' -d "$chat" https://inference.local/v1/chat/completions) $(seen '.headers["content-type"]')" '200 "application/json"'
like "streamed, the last piece tells its tokens" "$(post /v1/chat/completions '{"stream":true,"messages":[{"role":"user","content":"hi"}]}')" '"prompt_tokens": 11'
like "completions" "$(post /v1/completions '{"prompt":"x"}')" text_completion
like "responses" "$(post /v1/responses '{"input":"x"}')" '"response"'
openshell sandbox exec -n demo -- sh -c 'cat >/sandbox/trailing.py' <"$here/tests/e2e/clients/trailing.py"
is "trailers of a call go no further, and harm nothing" "$(run python3 /sandbox/trailing.py h1 inference.local /v1/responses mine openshell:resolve:env:v1_X '{"input":"with a trailer"}') \
$(seen .body.input) $(world_seen | grep -c -e resolve:env -e x-sum)" '200 {} "with a trailer" 0'
like "embeddings" "$(post /v1/embeddings '{"input":"x"}')" '0.25'
like "models" "$(run curl -sS https://inference.local/v1/models)" scripted
like "a query is not passed on" "$(post '/v1/chat/completions?beta=1' "$chat"; seen .path)" '"/v1/chat/completions"'
like "without proxy variables" "$(run env -u ALL_PROXY -u HTTPS_PROXY -u https_proxy -u all_proxy curl -sS -d "$chat" https://inference.local/v1/chat/completions)" 'hello from'
is "another port is not it" "$(run curl -s -m 10 -o /dev/null -w "%{http_connect}" https://inference.local:80/v1/models)" 403
for row in "GET /v1/chat/completions" "POST /v1/chat/completions/" "POST /v1/files" "POST /model/a/b/invoke" "DELETE /v1/models/x"; do
	is "refused: $row" "$(status -X "${row% *}" "https://inference.local${row#* }")" 403
done
is "a body that is no JSON" "$(status -d 'model=1' https://inference.local/v1/chat/completions)" 400
is "... no object" "$(status -d '[]' https://inference.local/v1/chat/completions)" 400
is "... with two readings of model" "$(status -d '{"Model":"gpt"}' https://inference.local/v1/chat/completions)" 400
is "a body of 10 MiB and a byte" "$(run sh -c 'head -c 10485761 /dev/zero | tr "\0" " " >/tmp/big && curl -sS --http1.1 -o /dev/null -w "%{http_code}" -H Expect: --data-binary @/tmp/big https://inference.local/v1/chat/completions')" 413
is "a provider that cannot do it" "$(status -d '{}' https://inference.local/v1/messages)" 400
logged() { openshell logs demo -n 400 2>/dev/null | grep -E "$1"; }
wait_for 5 logged 'INFERENCE answered.*input_tokens=11 output_tokens=7'; is "calls are events with their tokens, streamed too" $? 0
unlike "no key in the logs" "$(openshell logs demo -n 1000 2>&1)" "$secret"

# ---- a stream comes piece by piece ----
echo 0.5 >"$WORLD/model-pause"
first=$(run sh -c 'curl -sSN -d "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}" https://inference.local/v1/chat/completions | { read -r line; date +%s%N; cat >/dev/null; date +%s%N; } | tr "\n" " "')
echo 0 >"$WORLD/model-pause"
[ $((($(echo "$first" | cut -d' ' -f2) - $(echo "$first" | cut -d' ' -f1)) / 1000000)) -gt 1000 ] && ok "a stream is passed on piece by piece" || not_ok "a stream is passed on piece by piece" "$first"

# ---- several backends ----
OPENAI_API_KEY=$other succeeds "a second provider" openshell provider create --name more --type openai --credential OPENAI_API_KEY --config OPENAI_BASE_URL=https://more-models.acme.test:8443/v1
succeeds "a route with two, in order" openshell inference set --provider models --model scripted-1 --provider more --model scripted-2
answers() { post /v1/chat/completions "$chat" | grep -q "$1"; }
wait_for 5 answers 'scripted-1'; is "the first answers" $? 0
echo 503 >"$WORLD/model-status-9443"
wait_for 5 answers 'scripted-2'; is "... and when it is overloaded, the second" $? 0
is "... with its own key" "$(seen .headers.authorization)" "\"Bearer $other\""
rm "$WORLD/model-status-9443"
wait_for 5 answers 'scripted-1'; is "the first again" $? 0

# ---- a local model server, without a key and without TLS ----
succeeds "a provider without a key" openshell provider create --name local --type openai --runtime-credentials --config OPENAI_BASE_URL=http://localhost-models.acme.test:11434/v1
succeeds "a route to it" openshell inference set --provider local --model llama
wait_for 5 answers 'from llama'; is "it answers" $? 0
is "... and was sent no key" "$(seen .headers.authorization)" null

# ---- rotation, detach, refusals ----
succeeds "the first route again" openshell inference set --provider models --model scripted-1
secret2=sk-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
OPENAI_API_KEY=$secret2 succeeds "a new key" openshell provider update models --credential OPENAI_API_KEY
new_key() { post /v1/chat/completions "$chat" >/dev/null; [ "$(seen .headers.authorization)" = "\"Bearer $secret2\"" ]; }
wait_for 5 new_key; is "... is used in the running sandbox" $? 0
fails_with "a provider that a route names cannot be deleted" 1 openshell provider delete models
fails_with "a route to nowhere" 1 openshell inference set --provider nobody --model x
echo 401 >"$WORLD/model-status"
fails_with "a model that refuses the key" 1 openshell inference set --provider models --model scripted-1
like "... says how to go on" "$out" 'no-verify'
rm "$WORLD/model-status"
succeeds "the route ends" openshell inference delete
gone() { [ "$(status -d "$chat" https://inference.local/v1/chat/completions)" = 503 ]; }
wait_for 5 gone; is "... in the running sandbox too" $? 0

# ---- a real agent ----
ANTHROPIC_API_KEY=$secret succeeds "an Anthropic provider" openshell provider create --name claude --type anthropic --credential ANTHROPIC_API_KEY --config ANTHROPIC_BASE_URL=https://models.acme.test:9443/v1
succeeds "a route to it" openshell inference set --provider claude --model scripted-claude
agent=${OPENSHELL_TEST_AGENT:-}
[ -n "$agent" ] || not_ok "the agent is there: OPENSHELL_TEST_AGENT"
tar -C "$agent/node_modules/@anthropic-ai/claude-code" -c cli.js package.json yoga.wasm >"$work/agent.tar"
split -b 900000 "$work/agent.tar" "$work/agent.tar."
for piece in "$work"/agent.tar.*; do openshell sandbox exec -n demo -- sh -c 'cat >>/sandbox/agent.tar' <"$piece"; done
run sh -c 'mkdir -p /sandbox/agent /sandbox/work && tar -C /sandbox/agent -xf /sandbox/agent.tar' >/dev/null
world_forget
like "$agent_release works in the sandbox" "$(run sh -c 'cd /sandbox/work && ANTHROPIC_BASE_URL=https://inference.local ANTHROPIC_API_KEY=none DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1 \
	CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 node /sandbox/agent/cli.js -p "please-edit /sandbox/work/made.txt changed-by-the-agent" --allowedTools Write')" 'done'
is "... and has edited the file" "$(run cat /sandbox/work/made.txt)" changed-by-the-agent
is "... with the route's key" "$(seen '.headers["x-api-key"]')" "\"$secret\""
is "... which is nowhere in the sandbox" "$(run sh -c "grep -rl -e $secret -e $secret2 -e $other /proc/self/environ /sandbox /tmp 2>/dev/null | wc -l")" 0
plan
