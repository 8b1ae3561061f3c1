#!/bin/bash
# The way out with real clients, unmodified, with proxy variables and without: what the policy lists passes, all else is refused.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
clients=$here/tests/e2e/clients
fetch=${probe%/*}/fetch
websocket_seconds=${WEBSOCKET_SECONDS:-5}

cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  static:
    endpoints:
      - {host: static.acme.test, ports: [80, 443], protocol: rest, enforcement: enforce, access: read-write}
      - {host: github.com, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: pypi.org, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: files.pythonhosted.org, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: registry.npmjs.org, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: api.forge.test, ports: [80, 443], protocol: rest, enforcement: enforce, rules: [{allow: {method: "*", path: "/open/**"}}, {allow: {method: GET, path: "/bytes/*"}}, {allow: {method: GET, path: /stream}}]}
      - {host: aud.acme.test, port: 443, protocol: rest, access: read-only}
      - {host: six.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: ws.acme.test, port: 443, protocol: websocket, enforcement: enforce, access: read-write}
      - {host: grpc.example.com, port: 443, protocol: rest, enforcement: enforce, rules: [{allow: {method: POST, path: "/inventory.Items/{Get,Watch,Chat}"}}]}
      - {host: untrusted.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: from-hosts.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: any.acme.test, port: 22}
    binaries: &binaries
      - {path: /usr/bin/curl}
      - {path: /usr/bin/git}
      - {path: /usr/bin/python3}
      - {path: /usr/bin/node}
      - {path: /usr/bin/java}
      - {path: /usr/bin/nc.openbsd}
      - {path: /sandbox/fetch}
P
sed -i 's/ &binaries//' "$work/policy.yaml"

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox with a network policy" openshell sandbox create --name demo --policy "$work/policy.yaml" --detach -- sleep infinity
[ -z "$out" ] || echo "# $out" | head -n 3

# In pieces: one command takes less than a megabyte of standard input.
put() {
	local piece
	rm -rf "$work/pieces" && mkdir "$work/pieces" && split -b 900000 "$1" "$work/pieces/"
	openshell sandbox exec -n demo -- rm -f "$2" </dev/null
	for piece in "$work"/pieces/*; do openshell sandbox exec -n demo -- sh -c "cat >>$2 && chmod 755 $2" <"$piece"; done
}
run() { timeout 60 "$bin/openshell" sandbox exec -n demo --timeout 50 -- "$@" 2>&1 </dev/null; }
# The same without a word about proxies: connections go where the names lead, and are caught.
bare() { run env -u ALL_PROXY -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy -u grpc_proxy -u NODE_USE_ENV_PROXY "$@"; }

for file in grpc_client.py websocket_client.py get.py Fetch.java; do put "$clients/$file" "/sandbox/$file"; done
cat >"$work/fetch.mjs" <<'J'
const answer = await fetch(process.argv[2]);
console.log(answer.status, (await answer.text()).length);
J
put "$work/fetch.mjs" /sandbox/fetch.mjs
put "$fetch" /sandbox/fetch
run keytool -importcert -noprompt -alias sandbox -file /etc/openshell-tls/openshell-ca.pem -keystore /sandbox/keys -storepass changeit >/dev/null

# WebSockets that stay open while all the rest goes on: they are asked for at the end.
websocket() { "$1" /usr/bin/python3 /sandbox/websocket_client.py wss://ws.acme.test/live/chat "$websocket_seconds" "$2" >"$work/websocket-$1-$2" & websockets+=($!); }
websocket_said() { is "WebSocket, $1" "$(cat "$work/websocket-$2-$3")" "open to the end, $3"; }
websockets=()
websocket bare idle
websocket run busy
websocket bare busy

# Each in both ways: a line is what it is called, what it must say, the command.
for way in run bare; do
	case $way in run) with="with proxy variables" ;; bare) with="without proxy variables" ;; esac
	is "curl, HTTP/1.1, $with" "$($way curl -sS --http1.1 -o /dev/null -w '%{http_version} %{http_code}' https://static.acme.test/small)" "1.1 200"
	is "curl, HTTP/2, $with" "$($way curl -sS --http2 -o /dev/null -w '%{http_version} %{http_code}' https://static.acme.test/small)" "2 200"
	is "curl, plain HTTP, $with" "$($way curl -sS http://static.acme.test/small)" small
	is "curl, a megabyte, $with" "$($way sh -c 'curl -sS https://static.acme.test/megabyte | sha256sum')" "$(sha256sum <"$WORLD/www/static.acme.test/megabyte")"
	is "curl, 10 MB up, HTTP/2, $with" "$($way sh -c 'head -c 10000000 /dev/zero | curl -sS -T - https://static.acme.test/swallow | jq .length')" 10000000
	is "curl, a chunked stream with a trailer, $with" "$($way curl -sS https://api.forge.test/stream | grep -c '^data: ')" 10
	like "git clone, $with" "$($way sh -c 'rm -rf /sandbox/clone; git clone -q https://github.com/acme/standin.git /sandbox/clone && git -C /sandbox/clone log --format=%s')" "^cloned through the proxy$"
	like "pip install, $with" "$($way sh -c 'rm -rf /sandbox/pip; /usr/bin/python3 -m pip install -q --no-cache-dir --disable-pip-version-check --root-user-action=ignore -t /sandbox/pip standin && PYTHONPATH=/sandbox/pip /usr/bin/python3 -c "import standin; print(standin.WORDS)"')" "^installed through the proxy$"
	like "npm install, $with" "$($way sh -c 'rm -rf /sandbox/npm; mkdir -p /sandbox/npm && cd /sandbox/npm && npm install --no-audit --no-fund --cache /sandbox/npm-cache standin >npm.log 2>&1 || tail -n 3 npm.log; node -p "require(\"standin\")"')" "^installed through the proxy$"
	is "python requests, $with" "$($way /usr/bin/python3 /sandbox/get.py requests https://static.acme.test/)" "200 7"
	is "python urllib, $with" "$($way /usr/bin/python3 /sandbox/get.py urllib https://static.acme.test/)" "200 7"
	is "node fetch, $with" "$($way node /sandbox/fetch.mjs https://static.acme.test/small)" "200 6"
	is "a Go client, HTTP/2, $with" "$($way /sandbox/fetch https://static.acme.test/small)" "HTTP/2.0 200 6 <nil>"
	like "a Java client, $with" "$($way java -Djavax.net.ssl.trustStore=/sandbox/keys -Djavax.net.ssl.trustStorePassword=changeit /sandbox/Fetch.java https://static.acme.test/small)" "HTTP_2 200 6"
	is "gRPC, one call, $with" "$($way /usr/bin/python3 /sandbox/grpc_client.py Get it)" "got it"
	is "gRPC, a stream of answers, $with" "$($way /usr/bin/python3 /sandbox/grpc_client.py Watch it | tail -n 1)" "it 9"
	is "gRPC, both ways at once, $with" "$($way /usr/bin/python3 /sandbox/grpc_client.py Chat it | tail -n 1)" "echo it 4"
	like "gRPC, a method that is not listed is refused, $with" "$($way /usr/bin/python3 /sandbox/grpc_client.py Delete it)" "PERMISSION_DENIED|403"
	is "IPv6 upstream, $with" "$($way curl -sS -o /dev/null -w '%{http_code}' https://six.acme.test/)" 200
	is "a name from the hosts file, $with" "$($way curl -sS -o /dev/null -w '%{http_code}' https://from-hosts.acme.test/)" 200
	like "a name that no policy knows, $with" "$($way curl -sS --max-time 5 https://evil.test/)" "403|[Cc]ould not resolve|Connection refused"
	is "a request that no rule lists is answered 403, $with" "$($way curl -sS -o /dev/null -w '%{http_code}' https://api.forge.test/closed)" 403
	is "audit forwards, $with" "$($way curl -sS -o /dev/null -w '%{http_code}' -X POST https://aud.acme.test/x)" 200
	like "an upstream that nobody vouches for, $with" "$($way curl -sS -o /dev/null -w '%{http_code}' https://untrusted.acme.test/)" "502|503"
	like "another program than the policy's, $with" "$($way wget -q -O - --no-check-certificate https://static.acme.test/small; echo "code $?")" "code [1-9]"
done
wait "${websockets[@]}"
websocket_said "busy, with proxy variables" run busy
websocket_said "busy, without proxy variables" bare busy
websocket_said idle bare idle
like "a server that speaks first, raw" "$(bare sh -c 'echo hello | timeout 30 nc -N any.acme.test 22')" "^SSH-2.0-standin"

is "a program that knows no trust variable" "$(bare env -u SSL_CERT_FILE -u CURL_CA_BUNDLE curl -sS -o /dev/null -w '%{http_code}' https://static.acme.test/small)" 200

# What an agent sees.
answer=$(run curl -sS https://api.forge.test/closed/door?secret=1)
is "the refusal is JSON that says which rule is missing" "$(printf '%s' "$answer" | jq -r '[.error, .layer, .protocol, .method, .path, .host, .rule_missing.type] | join(" ")')" \
	"policy_denied l7 rest GET /closed/door api.forge.test rest_allow"
unlike "... without the query" "$answer" "secret"
like "L4 refusal" "$(run curl -sS -x http://10.200.0.1:3128 https://evil.test/ -o /dev/null -w '%{http_connect}')" "403$"

# What its owner sees.
logs() { openshell logs demo -n 2000; }
like_soon "the log has the refusal with program, rule and reason" "OCSF.*HTTP.*DENIED.*api.forge.test:443/closed/door.*/usr/bin/curl" logs
like_soon "... and what was allowed" "OCSF.*ALLOWED.*static.acme.test" logs
unlike "... and no query" "$(logs)" "secret=1"
like_soon "... and the name that was not answered" "OCSF.*NET:REFUSE.*DENIED DNS denied name=evil.test" logs

# The way out is nowhere else.
like "an address is refused where only names are listed" "$(bare curl -sS --max-time 5 -k https://93.184.216.34/open/x -o /dev/null -w '%{http_code}' --resolve x:443:1.2.3.4)" "000|403|Connection"
like "UDP to anywhere" "$(bare /usr/bin/python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('93.184.216.34', 9999)); s.send(b'x'); s.settimeout(2); s.recv(9)")" "refused|not permitted"

# Hot reload.
sed 's#/open/\*\*#/opened/**#' "$work/policy.yaml" >"$work/policy2.yaml"
is "before" "$(run curl -sS -o /dev/null -w '%{http_code}' https://api.forge.test/open/a)" 200
began=$(date +%s%N)
succeeds "policy set --wait" openshell policy set demo --policy "$work/policy2.yaml" --wait
echo "# took $((($(date +%s%N) - began) / 1000000)) ms through the CLI"
is "the new policy decides: refused now" "$(run curl -sS -o /dev/null -w '%{http_code}' https://api.forge.test/open/a)" 403
is "... and allowed now" "$(run curl -sS -o /dev/null -w '%{http_code}' https://api.forge.test/opened/a)" 200
succeeds "policy get" openshell policy get demo --full
like "... shows it" "$out" "opened"
plan
