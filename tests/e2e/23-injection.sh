#!/bin/bash
# Where placeholders count, with real clients: fields, Basic, paths, queries, bodies, WebSocket messages, gRPC over HTTP/2, Google's
# metadata; and where they do not: then they are letters, or refused, and never sent.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
secret=s3cr+t/$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  forge:
    endpoints:
      - {host: api.forge.test, port: 443, protocol: rest, enforcement: enforce, access: full, request_body_credential_rewrite: true, credential_binding: {provider: forge}}
      - {host: rw.acme.test, ports: [80, 443], protocol: rest, enforcement: enforce, rules: [{allow: {method: "*", path: "/open/**"}}, {allow: {method: "*", path: "/x/[[]CREDENTIAL[]]/**"}}], credential_binding: {provider: forge}}
      - {host: ws.acme.test, port: 443, protocol: websocket, enforcement: enforce, access: full, websocket_credential_rewrite: true, credential_binding: {provider: forge}}
      - {host: grpc.example.com, port: 443, protocol: rest, enforcement: enforce, access: full, credential_binding: {provider: forge}}
      - {host: grpc.acme.test, port: 8443, protocol: rest, enforcement: enforce, access: full, credential_binding: {provider: forge}}
      - {host: static.acme.test, port: 443, protocol: rest, enforcement: enforce, access: full, credential_binding: {provider: gcp}}
      - {host: app.acme.test, port: 443, protocol: rest, enforcement: enforce, access: full}
      - {host: full.acme.test, port: 443, protocol: rest, enforcement: enforce, access: full, credential_binding: {provider: aws}, credential_signing: sigv4, signing_service: s3, signing_region: eu-west-1}
    binaries: [{path: /usr/bin/curl}, {path: /usr/bin/python3}]
P
cat >"$work/aws.yaml" <<'P'
id: keys
display_name: Keys
category: other
credentials:
  - {name: id, env_vars: [AWS_ACCESS_KEY_ID], required: true}
  - {name: key, env_vars: [AWS_SECRET_ACCESS_KEY], required: true}
P
cat >"$work/profile.yaml" <<'P'
id: forge
display_name: Forge
category: source_control
credentials:
  - {name: token, env_vars: [FORGE_TOKEN], required: true, auth_style: bearer, header_name: authorization}
P
cat >"$work/masked.yaml" <<'P'
id: masked
display_name: Masked
category: other
credentials:
  - {name: token, env_vars: [MASKED_TOKEN], required: true}
endpoints:
  - {host: app.acme.test, port: 443, protocol: rest, access: full, enforcement: enforce, redact_credentials: true}
P
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a profile" openshell provider profile import --file "$work/profile.yaml"
FORGE_TOKEN=$secret succeeds "a provider" openshell provider create --name forge --type forge --credential FORGE_TOKEN
GCP_SA_ACCESS_TOKEN=ya29.$secret succeeds "one of Google's" openshell provider create --name gcp --type google-cloud --credential GCP_SA_ACCESS_TOKEN --config GCP_PROJECT_ID=proj-1
succeeds "a profile of two keys" openshell provider profile import --file "$work/aws.yaml"
AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=$secret succeeds "... and its provider" openshell provider create --name aws --type keys --credential AWS_ACCESS_KEY_ID --credential AWS_SECRET_ACCESS_KEY
succeeds "a profile that has answers masked" openshell provider profile import --file "$work/masked.yaml"
MASKED_TOKEN=$secret succeeds "... and its provider" openshell provider create --name masked --type masked --credential MASKED_TOKEN
succeeds "a sandbox with them" openshell sandbox create --name demo --policy "$work/policy.yaml" --provider forge --provider gcp --provider aws --provider masked --detach -- sleep infinity
run() { timeout 60 "$bin/openshell" sandbox exec -n demo --timeout 50 -- "$@" 2>&1 </dev/null; }
status() { run curl -sS -m 15 -o /dev/null -w '%{http_code}' "$@"; }
last() { world_seen | jq -r "select(.method != null) | $1" | tail -n 1; }
placeholder=$(run printenv FORGE_TOKEN)
like "its placeholder" "$placeholder" '^openshell:resolve:env:v[0-9]+_FORGE_TOKEN$'
token=${placeholder#openshell:resolve:env:}

# ---- heads ----
echoed() { run curl -sS -m 15 -H "X-Key: $(run printenv "$1")" "https://$2/open/a" | grep -cF "$secret"; }
is "an answer may hold what was sent" "$(echoed FORGE_TOKEN api.forge.test)" 1
is "... and is masked where the endpoint asks for it" "$(echoed MASKED_TOKEN app.acme.test) $(last '.fields["x-key"]')" "0 $secret"
is "a field" "$(status -H "Authorization: Bearer $placeholder" https://api.forge.test/open/a) $(last .fields.authorization)" "200 Bearer $secret"
is "... over HTTP/2" "$(status --http2 -H "Authorization: Bearer $placeholder" https://api.forge.test/open/a) $(last .fields.authorization)" "200 Bearer $secret"
is "Basic" "$(status -u "me:$placeholder" https://api.forge.test/open/a) $(last .fields.authorization)" "200 Basic $(printf %s "me:$secret" | base64 -w0)"
is "the alias form" "$(status -H "X-Api-Key: sk-OPENSHELL-RESOLVE-ENV-$token" https://api.forge.test/open/a) $(last '.fields["x-api-key"]')" "200 $secret"
is "a query value" "$(status "https://api.forge.test/open/a?k=$placeholder&z=1") $(last .target)" "200 /open/a?k=$(printf %s "$secret" | jq -sRr @uri)&z=1"
is "a path whose secret holds a slash: refused" "$(status "https://api.forge.test/open/$placeholder")" 403
is "the name of a parameter: refused" "$(status "https://api.forge.test/open/a?$placeholder=1")" 403
is "behind other letters: refused" "$(status -H "X-Key: prefix-$placeholder" https://api.forge.test/open/a)" 403
is "an older form: refused" "$(status -H "X-Key: openshell:resolve:env:FORGE_TOKEN" https://api.forge.test/open/a)" 403
is "in plain HTTP: refused" "$(status -H "X-Key: $placeholder" http://rw.acme.test/open/a)" 403
is "a path is matched as [CREDENTIAL]" "$(status "https://rw.acme.test/nowhere/$placeholder/a")" 403
is "none of these was sent" "$(world_seen | grep -c 'openshell:resolve')" 0

# ---- bodies ----
body() { status -H "Content-Type: $1" -d "$2" "${3:-https://api.forge.test/open/a}"; }
is "JSON" "$(body application/json "{\"a\":\"x $placeholder\"}") $(last .body)" "200 {\"a\":\"x $secret\"}"
is "a form" "$(body application/x-www-form-urlencoded "a=1&k=$placeholder") $(last .body)" "200 a=1&k=$(printf %s "$secret" | jq -sRr @uri)"
is "a text" "$(body text/plain "it is $placeholder.") $(last .body)" "200 it is $secret."
is "... over HTTP/2" "$(status --http2 -H "Content-Type: text/plain" -d "it is $placeholder." https://api.forge.test/open/a) $(last .body)" "200 it is $secret."
is "the name of a member: refused" "$(body application/json "{\"$placeholder\":1}")" 403
is "where bodies are not filled: refused" "$(body text/plain "it is $placeholder." https://rw.acme.test/open/a)" 403
world_forget
is "... and letters that only look like one are untouched" "$(body text/plain "write openshell:resolve:env:KEY there" https://rw.acme.test/open/a) $(last .body)" "200 write openshell:resolve:env:KEY there"
is "a body past 256 KiB: refused" "$(run sh -c 'head -c 262145 /dev/zero | tr "\0" x | curl --http1.1 -sS -m 15 -o /dev/null -w "%{http_code}" -H "Content-Type: text/plain" --data-binary @- https://api.forge.test/open/a')" 413
is "large uploads with a placeholder in the head stream" "$(run sh -c "head -c 3000000 /dev/zero | curl -sS -m 30 -o /dev/null -w '%{http_code}' -H 'X-Key: $placeholder' -H 'Content-Type: application/octet-stream' --data-binary @- https://rw.acme.test/open/a") $(last .length)" "200 3000000"

# ---- AWS signatures ----
key=$(run printenv AWS_ACCESS_KEY_ID)
signed() { status -H "Authorization: AWS4-HMAC-SHA256 Credential=$key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00" -H "X-Amz-Date: 20260101T000000Z" "$@"; }
is "a request that was signed with placeholders" "$(signed https://full.acme.test/open/a)" 200
like "... is signed anew" "$(last .fields.authorization)" '^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/[0-9]{8}/eu-west-1/s3/aws4_request, ?SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}$'
is "... with its body" "$(signed -d abc https://full.acme.test/open/a) $(last '.fields["x-amz-content-sha256"]')" "200 $(printf abc | sha256sum | cut -d' ' -f1)"
is "elsewhere it is refused" "$(signed https://api.forge.test/open/a)" 403

# ---- WebSockets ----
cat >"$work/ws.py" <<'Y'
import asyncio, os, ssl, sys, websockets
async def main():
    trust = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    async with websockets.connect("wss://ws.acme.test/open/ws", ssl=trust, ping_interval=None) as socket:
        for text in sys.argv[1:]:
            await socket.send(text)
            print(await socket.recv())
try:
    asyncio.run(main())
except websockets.ConnectionClosed as e:
    print("closed", e.code if hasattr(e, "code") else e.rcvd.code)
Y
openshell sandbox exec -n demo -- sh -c 'cat >/sandbox/ws.py' <"$work/ws.py"
is "a WebSocket message" "$(run python3 /sandbox/ws.py hello "token $placeholder" bye | tr '\n' '|')" "hello|token $secret|bye|"
like "... that cannot be filled closes it" "$(run python3 /sandbox/ws.py hello "token openshell:resolve:env:v1_OTHER")" 'closed 1008'

# ---- gRPC ----
put() { openshell sandbox exec -n demo -- sh -c "cat >$1"; }
put /sandbox/plain.py <"$here/tests/e2e/clients/grpc_client.py"
sed 's/(text, timeout=30)/(text, timeout=30, metadata=(("x-key", os.environ["FORGE_TOKEN"]),))/' "$here/tests/e2e/clients/grpc_client.py" | put /sandbox/filled.py
for method in Get Watch; do
	is "gRPC with a placeholder in its metadata: $method" "$(run python3 /sandbox/filled.py $method apples)" "$(run python3 /sandbox/plain.py $method apples)"
	like "... which says something" "$(run python3 /sandbox/filled.py $method apples)" '^[a-z0-9]' 
done

# ---- trailers ----
world_name grpc.acme.test 93.184.216.42
mkfifo "$WORLD/trailing-ready"
/usr/bin/python3 "$here/tests/e2e/world/trailing.py" "$WORLD" 93.184.216.42 8443 >"$work/trailing.log" 2>&1 &
echo $! >>"$WORLD/pids"
read -r -t 30 _ <>"$WORLD/trailing-ready" && ok "a server of HTTP/2 that reads trailers" || not_ok "a server of HTTP/2 that reads trailers" "$(cat "$work/trailing.log")"
put /sandbox/trailing.py <"$here/tests/e2e/clients/trailing.py"
put /sandbox/wire.py <"$here/tests/e2e/world/wire.py"
trailing() { run python3 /sandbox/trailing.py "$@"; }
for way in "h1 api.forge.test /stream" "h2 api.forge.test /stream" "h2 grpc.acme.test:8443 /open/a"; do
	is "a trailer of a request by $way, and one of its answer" "$(trailing $way "$placeholder" 7) $(last '[.fields["x-key"], .body, (.trailers | tojson)] | join(" ")')" \
		"200 {'x-trailer': 'end'} $secret ok {\"x-sum\":\"7\"}"
	world_forget
	is "... which may hold no placeholder" "$(trailing $way "$placeholder" "$placeholder") $(world_seen | grep -cE '"body": "ok"|resolve:env')" "403 {} 0"
done

# ---- Google's metadata ----
google() { run curl -sS -m 30 --noproxy '*' -H "Metadata-Flavor: Google" "http://$(run printenv GCE_METADATA_HOST)/computeMetadata/v1/$1"; }
like "Google's metadata: a token" "$(google instance/service-accounts/default/token)" '"access_token":"openshell:resolve:env:v[0-9]+_GCP_SA_ACCESS_TOKEN"'
is "... the project" "$(google project/project-id)" proj-1
access=$(google instance/service-accounts/default/token | jq -r .access_token)
is "... which is refused elsewhere" "$(status -H "Authorization: Bearer $access" https://api.forge.test/open/a)" 403
like "... and passes where it is bound" "$(status -H "Authorization: Bearer $access" https://static.acme.test/)" '^(200|404)$'
is "variables of its tools" "$(run printenv GCE_METADATA_IP METADATA_SERVER_DETECTION | tr '\n' ' ')" "127.0.0.1:8174 assume-present "

# ---- what is told ----
logs() { openshell logs demo -n 2000; }
like_soon "the log counts what was filled" 'credentials_injected=1' logs
is "... and holds neither value nor token" "$(logs | grep -cF -e "$secret" -e "$token")" 0
plan
