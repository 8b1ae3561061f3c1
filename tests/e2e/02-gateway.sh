#!/bin/bash
# The gateway as its administrator meets it: configuration, start, status, stop, what lasts, who is let in, plaintext.
. "$(dirname "$0")/lib.sh"
openshell() { timeout 60 "$bin/openshell" "$@"; }
gateway() { timeout 120 "$bin/openshell-gateway" "$@" --data-dir "$data"; }

# ---- the configuration ----

# judged WHAT CODE REGEX YAML
judged() {
	printf '%s' "$4" >"$work/gateway.yaml"
	fails_with "$1" "$2" "$bin/openshell-gateway" check-config "$work/gateway.yaml"
	like "... $(printf '%s' "$out" | head -n 1 | cut -c1-120)" "$out" "$3"
}
judged "a good configuration" 0 "gateway.yaml: good. .* https://127.0.0.2:18000 .*$work/elsewhere" "
bind_address: 127.0.0.2
port: 18000
data_dir: $work/elsewhere
"
judged "a setting that is none" 1 'gateway.yaml: line 2, column 1: there is no setting "prot"' $'log_level: info\nprot: 1\n'
judged "a value out of bounds" 1 'line 1, column 7: port: 65536 is not within 1 to 65535' $'port: 65536\n'
judged "a value of another kind" 1 'line 1, column 14: disable_tls' $'disable_tls: perhaps\n'
judged "a key twice" 1 'line 2, column 1: .*port' $'port: 1\nport: 2\n'
judged "no YAML" 1 'gateway.yaml: line 2, column 1: ' $'port: [1\n'
judged "settings that do not go together" 1 'without TLS would let anyone in' $'bind_address: 0.0.0.0\ndisable_tls: true\n'
fails_with "a variable out of bounds" 1 env OPENSHELL_SERVER_PORT=0 "$bin/openshell-gateway" check-config
like "... is named" "$out" 'OPENSHELL_SERVER_PORT'
is "asking made nothing" "$(ls -d "$data" "$work/elsewhere" 2>/dev/null)" ""

# ---- start, status, stop ----

gateway status >/dev/null
is "status before the first start ends with 3" "$?" 3
succeeds "start" gateway start --port "$port" --relay-endpoint "tcp://127.0.0.1:$(free_port)" --sandbox-pids-max 77
export OPENSHELL_GATEWAY=openshell
like "... says where it serves" "$out" "The gateway is running at https://127.0.0.1:$port \(pid [0-9]+\)"
succeeds "status" gateway status
is "... is a table of its processes" "$(printf '%s\n' "$out" | awk '$3 == "running" { print $1 }' | sort | paste -sd' ')" \
	"api credentials driver-local postgres relay state"
is "... and JSON" "$(gateway status -o json | jq -c '[.state, .endpoint, ([.processes[].name] | sort)]')" \
	"[\"running\",\"https://127.0.0.1:$port\",[\"api\",\"credentials\",\"driver-local\",\"postgres\",\"relay\",\"state\"]]"
fails_with "a second start" 1 gateway start --port "$port"
like "... says that one runs" "$out" "already running with the data directory $data \(pid [0-9]+\)"
fails_with "another on the same port" 1 "$bin/openshell-gateway" start --data-dir "$work/second" --port "$port"
like "... says that the port is in use" "$out" "port $port on 127.0.0.1 is in use"
mkdir "$work/programs"
printf '#!/bin/sh\necho "FATAL:  no room here"\nexit 1\n' | tee "$work/programs/initdb" >"$work/programs/postgres"
chmod 755 "$work/programs/initdb" "$work/programs/postgres"
fails_with "another that cannot make its database" 1 \
	"$bin/openshell-gateway" start --data-dir "$work/third" --port "$(free_port)" --postgres-dir "$work/programs"
like "... says why" "$out" "make the database.*: initdb ended with code 1: FATAL: +no room here"
is "... and clients are led to the one that serves" "$(openshell status -o json | jq -r .server)" "https://127.0.0.1:$port"
"$bin/openshell-gateway" start --data-dir "$work/fourth" --port "$(free_port)" --database-url postgresql://x@127.0.0.1:1/x >"$work/cut" 2>&1 &
starter=$!
wait_for 10 grep -qs starting "$work/fourth/status.json"
kill $starter
wait $starter
is "a start that is interrupted ends with 1" "$?" 1
like "... and says so" "$(cat "$work/cut")" 'interrupted: the gateway that was starting has ended'
"$bin/openshell-gateway" status --data-dir "$work/fourth" >/dev/null
is "... and it has ended" "$?" 3
is "the relay listens where it was told to" "$(grep -c 'failed' "$data/status.json")" 0
is "the log is there" "$(grep -c 'gateway.*ready\|running' "$data/gateway.log" | sed 's/[1-9][0-9]*/some/')" some
is "the log is private" "$(stat -c %a "$data/gateway.log")" 600

# ---- files ----

is "keys are private" "$(find "$data/keys" -type f ! -perm 600 ! -perm 400)" ""
is "... in a private directory" "$(stat -c %a "$data/keys")" 700
is "private keys of TLS are private" "$(find "$data/tls" -name '*.key' ! -perm 600; stat -c %a "$data/tls")" 700
is "the client's key is private" "$(stat -c %a "$XDG_CONFIG_HOME/openshell/gateways/openshell/mtls/tls.key")" 600
is "certificates verify" "$(openssl verify -CAfile "$data/tls/ca.crt" "$data/tls/server/tls.crt" "$data/tls/client/tls.crt" 2>&1 | sed "s#$data/##")" \
	$'tls/server/tls.crt: OK\ntls/client/tls.crt: OK'
if [ "$(id -u)" = 0 ]; then
	is "no process but the driver is root" "$(for name in api state credentials relay; do stat -c %u "/proc/$(pid_of $name)"; done | grep -cx 0)" 0
fi

# ---- who is let in ----

succeeds "the client with its certificate" openshell whoami
fails_with "curl with it" 0 curl -sS -o /dev/null --http2 --cacert "$data/tls/ca.crt" --cert "$data/tls/client/tls.crt" --key "$data/tls/client/tls.key" \
	"https://127.0.0.1:$port/"
out=$(curl -sS -o /dev/null --http2 --cacert "$data/tls/ca.crt" "https://127.0.0.1:$port/" 2>&1)
like "a client without a certificate is refused" "$?: $out" '^(16|35|55|56|92): '
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=stranger/OU=openshell-admin \
	-keyout "$work/stranger.key" -out "$work/stranger.crt" 2>/dev/null
out=$(curl -sS -o /dev/null --http2 --cacert "$data/tls/ca.crt" --cert "$work/stranger.crt" --key "$work/stranger.key" "https://127.0.0.1:$port/" 2>&1)
like "a certificate of another authority is refused" "$?: $out" '^(16|35|55|56|92): '
out=$(curl -sS --max-time 30 "http://127.0.0.1:$port/" 2>&1)
like "plaintext is refused" "$?" '^(52|56|1)$'
fails_with "the CLI without verification is not let in either" 1 openshell --gateway-insecure sandbox list

# ---- what lasts ----

succeeds "a sandbox" openshell sandbox create --name lasting --detach -- sleep infinity
if openshell sandbox get lasting | grep -q 'cgroup_pids *Enforced'; then
	is "its limit of processes is the configured one" "$(cat /sys/fs/cgroup/openshell-*-"$(openshell sandbox list --ids)"/pids.max /sys/fs/cgroup/pids/openshell-*-"$(openshell sandbox list --ids)"/pids.max 2>/dev/null | head -n 1)" 77
else
	skip_ok "its limit of processes is the configured one" "no control groups here"
fi
openshell sandbox exec -n lasting -- sh -c 'echo kept > note' </dev/null
id=$(openshell sandbox list --ids)
before=$(sha256sum "$data"/keys/* "$data"/tls/*/* "$data"/tls/ca.* | sort)
succeeds "stop" gateway stop
like "... says what goes on" "$out" "The gateway has stopped. Sandboxes that were running go on"
gateway status >/dev/null
is "status of a stopped one ends with 3" "$?" 3
is "... in JSON" "$(gateway status -o json | jq -r .state)" stopped
succeeds "stop again is no error" gateway stop
fails_with "the CLI says that nothing listens" 1 openshell sandbox list
like "... and what to do" "$out" "nothing listens there; .openshell-gateway start. starts it"
fails_with "reset while a sandbox runs" 1 gateway reset --yes
like "... says so" "$out" "1 sandbox is still running"
succeeds "start again" gateway start --port "$port"
is "the sandbox is the same" "$(openshell sandbox list --ids)" "$id"
wait_for 20 openshell sandbox exec -n lasting -- true </dev/null
is "it reconnects, with its files" "$(openshell sandbox exec -n lasting -- cat note </dev/null)" kept
is "it was not started again" "$(openshell sandbox exec -n lasting -- sh -c 'ps -o args= -C sleep 2>/dev/null | head -n 1' </dev/null)" "sleep infinity"
is "keys and certificates are the same" "$(sha256sum "$data"/keys/* "$data"/tls/*/* "$data"/tls/ca.* | sort)" "$before"

parent=$(cat "$data/gateway.pid")
kill -9 "$parent"
wait_for 10 sh -c "! '$bin/openshell-gateway' status --data-dir '$data'"
is "its pid file after a kill -9 is stale" "$(cat "$data/gateway.pid")" "$parent"
gateway status >/dev/null
is "... and is not taken for a gateway" "$?" 3
succeeds "start after a kill" gateway start --port "$port"
wait_for 20 openshell sandbox exec -n lasting -- true </dev/null
is "the sandbox is there" "$(openshell sandbox exec -n lasting -- cat note </dev/null)" kept
succeeds "a sandbox whose main process is a shell at a terminal" openshell sandbox create --name shell --detach
wait_for 5 sh -c "'$bin/openshell' sandbox exec -n shell -- true"
began=$SECONDS
succeeds "stop with the sandboxes" gateway stop --sandboxes
like "... says so" "$out" "^The gateway has stopped.$"
is "... and waits for no shell that is deaf to SIGTERM" "$((SECONDS - began < 8))" 1

# ---- in the foreground ----

mkfifo "$work/progress"
"$bin/openshell-gateway" start --foreground --progress-fd 3 --port "$port" --data-dir "$data" 2>"$work/foreground.log" 3>"$work/progress" &
parent=$!
ready=$(timeout 60 grep -m 1 -oE '^(ready|failed)' "$work/progress")
is "in the foreground it tells when it serves" "$ready" ready
is "... and is the process that was started" "$(cat "$data/gateway.pid")" "$parent"
succeeds "it serves" openshell sandbox list
kill -TERM "$parent"
wait "$parent"
is "SIGTERM ends it with 0" "$?" 0
like "it logs to standard error" "$(cat "$work/foreground.log")" "gateway"
others_of_it() { pgrep -f -- "$data" | grep -vx $$; }
is_soon "nothing of it is left" "" others_of_it

# ---- plaintext ----

succeeds "start without TLS" gateway start --port "$port" --disable-tls
like "... is http" "$out" "http://127.0.0.1:$port"
is "the CLI knows" "$(openshell status -o json | jq -c '[.status, .server]')" "[\"connected\",\"http://127.0.0.1:$port\"]"
succeeds "the CLI by the address alone" env -u OPENSHELL_GATEWAY "$bin/openshell" --gateway-endpoint "http://127.0.0.1:$port" sandbox list
like "the sandbox is in the list" "$(openshell sandbox list --names)" "^lasting$"
fails_with "TLS on it fails" 1 env -u OPENSHELL_GATEWAY "$bin/openshell" --gateway-insecure --gateway-endpoint "https://127.0.0.1:$port" sandbox list
succeeds "stop" gateway stop --sandboxes
fails_with "not where others could reach it" 1 gateway start --port "$port" --disable-tls --bind-address 0.0.0.0
like "... says why" "$out" "without TLS would let anyone in"

# ---- a clone in /root: a tree that nobody but root may walk in ----

if [ "$(id -u)" = 0 ]; then
	mkdir -m 700 "$work/closed"
	mkdir "$work/closed/build"
	closed=$work/closed/build/bin
	succeeds "start from a private directory" unshare -m sh -c "mount --bind '${bin%/*}' '$work/closed/build' && exec '$closed/openshell-gateway' start --port $port --data-dir '$data'"
	is "... each process serves" "$(gateway status -o json 2>/dev/null | jq -r '[.processes[] | select(.state != "running")] | length')" 0
	succeeds "... a sandbox too" openshell sandbox create --name private --no-keep -- true
	succeeds "stop" gateway stop --sandboxes
fi

# ---- the end ----

succeeds "reset" gateway reset --yes
is "nothing of it is left" "$(find "$data" "$XDG_CONFIG_HOME" "$XDG_STATE_HOME" -type f 2>/dev/null | head)" ""

plan
