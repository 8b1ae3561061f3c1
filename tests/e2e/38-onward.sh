#!/bin/bash
# A company's proxy (tinyproxy): TLS goes out by it, asked for judged addresses; and programs that an operator does not tell apart.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"

# The proxy of the company, which lets in who knows the word.
cat >"$work/tinyproxy.conf" <<T
Port 3128
Listen 93.184.216.46
Timeout 60
MaxClients 50
LogFile "$work/tinyproxy.log"
LogLevel Connect
PidFile "$work/tinyproxy.pid"
BasicAuth robot not-a-secret
ConnectPort 443
ConnectPort 9443
T
: >"$work/tinyproxy.log"
tinyproxy -d -c "$work/tinyproxy.conf" >"$work/tinyproxy.out" 2>&1 &
tinyproxy=$!
stop_proxy() { kill "$tinyproxy" 2>/dev/null; wait "$tinyproxy" 2>/dev/null; }
trap 'stop_proxy; finish' EXIT
wait_for 10 bash -c 'exec 3<>/dev/tcp/93.184.216.46/3128' && ok "the company's proxy answers" || not_ok "the company's proxy answers" "$(cat "$work/tinyproxy.out")"
world_name proxy.corp.test 93.184.216.46
asked() { grep -o 'CONNECT [0-9a-z][^ ]*' "$work/tinyproxy.log" | sort -u | tr '\n' ';'; }
forget() { : >"$work/tinyproxy.log"; }

cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  static:
    endpoints:
      - {host: static.acme.test, ports: [80, 443], protocol: rest, enforcement: enforce, access: read-only}
      - {host: h1.acme.test, port: 443, tls: skip}
      - {host: any.acme.test, ports: [22, 443]}
      - {host: untrusted.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: internal.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: "*.store.test", port: 443, protocol: rest, enforcement: enforce, access: read-only}
    binaries:
      - {path: /usr/bin/curl}
P
world_name inner.store.test 10.20.9.9
printf 'robot:not-a-secret\n' >"$work/login"
start_gateway --https-proxy http://proxy.corp.test:3128 --no-proxy '10.20.9.0/24:443, elsewhere.test' --proxy-auth-file "$work/login" \
	--proxy-auth-allow-insecure --network-binary-identity relaxed && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox" openshell sandbox create --name demo --policy "$work/policy.yaml" --detach -- sleep infinity
run() { timeout 60 "$bin/openshell" sandbox exec -n demo --timeout 50 -- "$@" 2>&1 </dev/null; }
bare() { run env -u ALL_PROXY -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy "$@"; }
logs() { openshell logs demo -n 2000; }

for way in run bare; do
	case $way in run) with="with proxy variables" ;; bare) with="without" ;; esac
	forget
	is "TLS that is inspected, $with" "$($way curl -sS https://static.acme.test/small)" small
	like_soon "... goes by the company's proxy, which is asked for the address" "^CONNECT 93.184.216.36:443;$" asked
	forget
	is "TLS that nobody opens, $with" "$($way curl -sS -k -o /dev/null -w '%{http_code}' https://h1.acme.test/)" 200
	like_soon "... too" "^CONNECT 93.184.216.34:443;$" asked
	forget
	is "HTTP in clear, $with" "$($way curl -sS http://static.acme.test/small)" small
	is "TLS to an address that is excepted, $with" "$($way curl -sS -o /dev/null -w '%{http_code}' https://internal.acme.test/)" 200
	is "an inner address behind a name that no rule lists itself, $with" "$($way curl -sS -o /dev/null -w '%{http_code}' https://inner.store.test/ | tail -c 3)" \
		"$([ $way = run ] && echo 000 || echo 403)"
	is "... the proxy is asked for none of these" "$(asked)" ""
done
like "a server that speaks first" "$(bare sh -c 'echo hello | timeout 30 nc -N any.acme.test 22')" "^SSH-2.0-standin"
is "the far server's certificate counts" "$(run curl -sS -o /dev/null -w '%{http_code}' https://untrusted.acme.test/)" 502

# Model calls go the same way, by the router; what is on this machine is dialled, with TLS or without.
models() { python3 "$here/tests/e2e/world/models.py" "$WORLD" "$@" >>"$work/models.log" 2>&1 & echo $! >>"$WORLD/pids"; }
world_name models.acme.test 93.184.216.45
world_name more-models.acme.test 127.0.0.1
models 93.184.216.45 9443 "$WORLD/server.pem" "$WORLD/server.key"
models 127.0.0.1 9444 "$WORLD/server.pem" "$WORLD/server.key"
for p in 9443 9444; do wait_for 10 test -s "$WORLD/models-ready-$p" || not_ok "the model server on $p starts" "$(cat "$work/models.log")"; done
OPENAI_API_KEY=sk-far succeeds "a provider of models" openshell provider create --name far --type openai --credential OPENAI_API_KEY --config OPENAI_BASE_URL=https://models.acme.test:9443/v1
OPENAI_API_KEY=sk-near succeeds "... and one on this machine" openshell provider create --name near --type openai --credential OPENAI_API_KEY --config OPENAI_BASE_URL=https://more-models.acme.test:9444/v1
chat() { run curl -sS -m 30 -d '{"messages":[{"role":"user","content":"hi"}]}' https://inference.local/v1/chat/completions; }
forget
succeeds "a route, its model asked first" openshell inference set --provider far --model m-far
like_soon "... by the company's proxy" "^CONNECT 93.184.216.45:9443;$" asked
forget
like_soon "a model call" "hello from m-far" chat
like_soon "... goes by the company's proxy, too" "^CONNECT 93.184.216.45:9443;$" asked
like_soon "... and its event says so" 'INFERENCE answered.*upstream_proxy=proxy.corp.test|"upstream_proxy":"proxy.corp.test".*INFERENCE answered|INFERENCE answered.*"upstream_proxy":"proxy.corp.test"' openshell logs demo -n 2000 -o json
forget
succeeds "a route to this machine, its model asked" openshell inference set --provider near --model m-near
like_soon "a model of this machine" "hello from m-near" chat
is "... is dialled" "$(asked)" ""
succeeds "the route to afar again" openshell inference set --provider far --model m-far --no-verify
like_soon "... is back" "hello from m-far" chat

# Who it was is told and decides nothing.
is "a program that the policy does not list" "$(bare wget -q -O - https://static.acme.test/small)" small
like "the sandbox says so" "$(openshell sandbox get demo)" "binary_identity +Absent: switched off by the operator"
like_soon "... and its log" "wall binary_identity=absent" logs
is "what the policy lists to nobody stays closed" "$(run curl -sS -o /dev/null -w '%{http_connect}' https://elsewhere.test/ | tail -c 3)" 403

# Events as JSON lines, from one moment to the next.
lines() { grep '^{' "$data/sandboxes/boxes/$(openshell sandbox get demo -o json | jq -r .id)/log" | jq -r --arg host "$1" 'select(.dst_endpoint.domain == $host) | [.class_uid, .type_uid, .action_id, .actor.process.name, .firewall_rule.name] | join(" ")' | sort -u; }
is "no JSON lines unless they are asked for" "$(lines static.acme.test)" ""
succeeds "they are asked for" openshell settings set demo --key ocsf_json_enabled --value true
json_now() { run curl -sS -o /dev/null https://static.acme.test/small; lines static.acme.test | grep -q .; }
wait_for 10 json_now
like_soon "the event names the company's proxy" '"upstream_proxy":"proxy.corp.test"' openshell logs demo -n 2000 -o json
like_soon "they are there, by the names of OCSF" "^4002 400203 1 /usr/bin/curl static$" lines static.acme.test
succeeds "and no more" openshell settings delete demo --key ocsf_json_enabled
like_soon "the sandbox has heard it" "logs.ocsf on=0" cat "$data/sandboxes/boxes/$(openshell sandbox get demo -o json | jq -r .id)/log"
run curl -sS -o /dev/null https://any.acme.test/ -k
like_soon "what comes then is in the log" "any.acme.test:443" logs
is "... and in no JSON line" "$(lines any.acme.test)" ""

# A script has no identity of its own that could be proved: who asks for it is not given less.
sed 's#- {path: /usr/bin/curl}#- {path: /usr/bin/python3, script: /sandbox/run.py}#' "$work/policy.yaml" >"$work/script.yaml"
fails_with "a script's own identity: lint" 1 openshell policy lint "$work/script.yaml"
like "... says why" "$out" "binaries\[0\].script: '/sandbox/run.py': a script's own identity cannot be proved"
fails_with "... and no sandbox gets it" 1 openshell policy set demo --policy "$work/script.yaml" --wait

# What it refuses is refused, and never dialled in its place.
printf 'robot:another\n' >"$work/login"
succeeds "a sandbox with another login" openshell sandbox create --name wrong --policy "$work/policy.yaml" --detach -- sleep infinity
world_forget
is "a login that the proxy does not take" "$(timeout 60 "$bin/openshell" sandbox exec -n wrong -- curl -sS -o /dev/null -w '%{http_code}' https://static.acme.test/small 2>&1 </dev/null)" 502
like_soon "... and why" "DENIED HTTP_REQUEST denied GET static.acme.test:443/small .*the upstream proxy answered 401" openshell logs wrong -n 2000
: >"$work/login"
refused() { timeout 60 "$bin/openshell" sandbox exec -n wrong -- curl -sS -w '%{http_code}' -d '{"messages":[]}' https://inference.local/v1/chat/completions 2>&1 </dev/null; }
like_soon "... for a model call neither, and why" "the upstream proxy answered 401.*503" refused
fails_with "a login that is none: the sandbox does not start" 1 openshell sandbox create --name none --policy "$work/policy.yaml" --detach -- sleep infinity
stop_proxy
is "the proxy is away" "$(run curl -sS -o /dev/null -w '%{http_code}' https://static.acme.test/other)" 502
is "nothing was sent another way" "$(world_seen | grep -v '"dns"' | grep -c static.acme.test)" 0
fails_with "no model is asked another way" 1 openshell inference set --provider far --model m-other
like "... and why not" "$out" "upstream proxy"
unlike "no login in any log" "$(logs; cat "$data/gateway.log")" "not-a-secret"
plan
