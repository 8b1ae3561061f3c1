#!/bin/sh
# The gateway's parent with services that only say "ready": start, status, restart, stop, and each way a start fails.
# usage: test_gateway.sh OPENSHELL-GATEWAY
set -u
gateway=$1
work=$(mktemp -d /tmp/test_gateway.XXXXXX)
chmod 755 "$work" # the user postgres passes through
export HOME="$work/home" XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config" ASAN_OPTIONS=detect_leaks=1
unset OPENSHELL_GATEWAY_CONFIG
n=0 failures=0
data=$work/data
port=$((20000 + $$ % 20000))

finish() {
	"$gateway" stop --data-dir "$data" > /dev/null 2>&1
	[ -z "${listener-}" ] || kill "$listener" 2> /dev/null
	rm -rf "$work"
}
trap finish EXIT

ok() { # ok NAME; the last status decides
	if [ $? -eq 0 ]; then r=ok; else r="not ok" failures=$((failures + 1)); fi
	n=$((n + 1))
	echo "$r $n - $1"
	[ "$r" = ok ] || sed 's/^/# /' "$work/out" "$data/gateway.log" 2> /dev/null | tail -20
}

run() { # run WORD...: the command with this test's places; output in $work/out
	command=$1
	shift
	"$gateway" "$command" --data-dir "$data" --libexec-dir "$work/libexec" --port "$port" "$@" > "$work/out" 2>&1
}

says() { # says CODE WORDS: the last run ended so and said so
	code=$?
	[ "$code" -eq "$1" ] && grep -qF -e "$2" "$work/out"
}

pid_of() { sed -n "s/.*\"name\": \"$1\", \"pid\": \([0-9]*\), \"state\": \"running\".*/\1/p" "$data/status.json"; }

until_true() { # at most ten seconds; there is no event to wait for from a shell
	i=0
	until eval "$1"; do
		i=$((i + 1))
		[ $i -lt 500 ] || return 1
		sleep 0.02
	done
}

running() { # not gone, and not waiting to be buried either
	case "$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2> /dev/null)" in '' | Z* | X*) return 1 ;; esac
}

mkdir "$work/libexec"
for service in state credentials relay driver-local api; do
	cat > "$work/libexec/$service" << END
#!/bin/sh
cat <&3 > $work/$service.yaml
[ ! -e $work/fail-$service ] || { echo "failed: told to" >&5; exit 1; }
trap 'echo $service TERM >> $work/ended; exit 0' TERM
trap 'echo $service USR1 >> $work/ended; exit 0' USR1
echo ready >&5
while :; do sleep 0.05; done
END
	chmod +x "$work/libexec/$service"
done

run status; says 3 "No gateway is running"; ok "status before a start: 3"
run rotate-key; says 1 "no gateway is running with the data directory $data: start it first"; ok "rotate-key needs one"
run stop; says 0 "No gateway is running"; ok "stop when nothing runs: 0, with words"
"$gateway" > "$work/out" 2>&1; says 2 "usage:"; ok "no command: usage"
"$gateway" begin > "$work/out" 2>&1; says 2 'there is no command "begin"'; ok "unknown command"
echo "prot: 1" > "$work/bad.yaml"
run check-config "$work/bad.yaml"; says 1 'bad.yaml: line 1, column 1: there is no setting "prot"'; ok "unknown setting"
echo "port: 1234" > "$work/good.yaml"
"$gateway" check-config "$work/good.yaml" > "$work/out" 2>&1; says 0 "https://127.0.0.1:1234"; ok "good file"
run start --config "$work/none.yaml"; says 1 "none.yaml: No such file"; ok "missing file"
run start --postgres-dir "$work"; says 1 "holds no initdb and postgres"; ok "no PostgreSQL there"
[ ! -e "$data/keys" ]; ok "nothing was made so far"

: > "$data-file"
"$gateway" start --data-dir "$data-file" --libexec-dir "$work/libexec" > "$work/out" 2>&1
says 1 "$data-file is not a directory"; ok "data directory that is a file"

touch "$work/fail-relay"
run start; says 1 "relay could not start: told to"; ok "a service that fails ends the start with its words"
run status; says 3 "No gateway"; ok "and nothing is left running"
[ "$(cat "$work/ended")" = "credentials TERM
state TERM" ]; ok "what had started was stopped in reverse"
rm "$work/fail-relay" "$work/ended"

run start --sandboxes-max 7 --sandbox-pids-max 99 --sandbox-cpu-milli 500 --sandbox-memory-bytes 536870912 \
    --log-rows-max 100 --log-days 2 --policy-validation-failure-mode retain_last_valid --relay-endpoint tcp://127.0.0.1:17671
says 0 "The gateway is running at https://127.0.0.1:$port"; ok "start"
grep -A 3 '^sandboxes_max: 7' "$work/driver-local.yaml" | tr '\n' ' ' |
    grep -q 'sandboxes_max: 7 pids_max: 99 cpu_milli: 500 memory_bytes: 536870912'; ok "the driver is told its limits"
grep -qx 'log_rows_max: 100' "$work/state.yaml" && grep -qx 'log_days: 2' "$work/state.yaml"; ok "state is told how long logs are kept"
grep -qx 'policy_validation_failure_mode: retain_last_valid' "$work/state.yaml"; ok "... and what a bad policy leaves in force"
grep -qF 'tcp://127.0.0.1:17671' "$work/relay.yaml"; ok "the relay is told its further endpoint"
run status; says 0 "driver-local"; ok "status: a table"
run status -o json; says 0 '"state": "running"'; ok "status: JSON"
run start; says 1 "already running with the data directory $data (pid"; ok "a second start is refused"
flock "$data/keys" "$gateway" rotate-key --data-dir "$data" > "$work/out" 2>&1
says 1 "another rotate-key is running"; ok "one rotation at a time"
run start --foreground; says 1 "already running with the data directory $data (pid"; ok "also in the foreground"
run status; says 0 "driver-local"; ok "and leaves the status of the first alone"
[ -S "$data/run/postgres/.s.PGSQL.5432" ]; ok "the database listens on its socket"
grep -q "master_key_file: \"$data/keys/credentials.master\"" "$work/credentials.yaml"; ok "credentials is told its key file"
! grep -q "database_url" "$work/api.yaml" && grep -q "password=" "$work/state.yaml"; ok "only state has the database's password"
[ "$(stat -c %a "$data/keys" "$data/keys/audit.key" "$data/gateway.log" | tr '\n' ' ')" = "700 600 600 " ]; ok "private files are private"

old=$(pid_of state)
kill -9 "$old"
until_true 'new=$(pid_of state); [ -n "$new" ] && [ "$new" != "$old" ]'; ok "a killed service is back"
cp "$work/state.yaml" "$work/state.first"
old=$(pid_of postgres)
kill -9 "$old"
until_true 'new=$(pid_of postgres); [ -n "$new" ] && [ "$new" != "$old" ]'; ok "a killed database is back"
cmp -s "$work/state.yaml" "$work/state.first"; ok "a service has the same keys after its restart"

data2=$work/data2
"$gateway" start --data-dir "$data2" --libexec-dir "$work/libexec" --port "$port" > "$work/out" 2>&1
says 1 "port $port on 127.0.0.1 is in use"; ok "port in use"

# kill -9 of the parent: its children go with it, and the next start recovers.
parent=$(cat "$data/gateway.pid")
postgres=$(pid_of postgres) api=$(pid_of api)
kill -9 "$parent"
until_true '! running $postgres && ! running $api'; ok "children die with the parent"
run status; says 3 "No gateway is running"; ok "a stale pid file is no gateway"
rm -f "$work/ended"
run start; says 0 "running"; ok "start after a crash"
parent=$(cat "$data/gateway.pid")
kill -9 "$parent"
until_true '! running $parent' # until it is dead, which is not at once, it runs
run start; says 0 "running"; ok "and start at once after another, while the killed database is still going away"
run stop --sandboxes; says 0 "The gateway has stopped."; ok "stop --sandboxes"
[ "$(cat "$work/ended")" = "api TERM
driver-local USR1
relay TERM
credentials TERM
state TERM" ]; ok "ended in reverse, the driver told to stop its sandboxes"
[ ! -e "$data/postgres/postmaster.pid" ]; ok "the database was shut down"
cmp -s "$data/keys/relay.bus" "$data/keys/relay.bus" && [ -e "$work/config/openshell/gateways/openshell/mtls/tls.key" ]
ok "the client has its certificate"

cp -p "$data/keys/credentials.master" "$work/master.kept"
head -c 31 /dev/zero > "$data/keys/credentials.master"
run start; says 1 "credentials.master has 31 bytes instead of 32"; ok "a damaged master key is refused"
[ "$(stat -c %s "$data/keys/credentials.master")" = 31 ]; ok "and not overwritten"

# What a gateway made goes, and only that.
cp "$data/keys/audit.key" "$work/kept" && ln -s "$work/kept" "$data/run/link" && ln -s "$work" "$data/sandboxes/out"
mkdir -p "$data/sandboxes/boxes/b" && echo mine > "$data/mine" && echo mine > "$data/tls/mine"
chmod 000 "$data/sandboxes/boxes/b"
run reset < /dev/null; says 1 "say --yes to do it"; ok "reset asks first, and a script must say --yes"
[ -e "$data/keys/audit.key" ]; ok "and has removed nothing"
head -c 32 /dev/zero > "$data/keys/credentials.master"
run start; says 1 "credentials.ring: the master key is not the one it was sealed with"; ok "another master key is refused"
cp -p "$work/master.kept" "$data/keys/credentials.master"
run start; says 0 "running"; ok "start again"
run reset --yes; says 1 "the gateway runs with the data directory $data"; ok "reset refuses while it runs"
run stop
chmod 700 "$data/sandboxes/boxes/b"
sleep 60 & sleeper=$!
ticks=$(sed 's/.*) //' "/proc/$sleeper/stat" | cut -d ' ' -f 20)
echo "started 1 $sleeper $ticks $(cat /proc/sys/kernel/random/boot_id)" > "$data/sandboxes/boxes/b/box"
run reset --yes; says 1 "1 sandbox is still running"; ok "and while a sandbox runs"
kill "$sleeper"; wait "$sleeper" 2> /dev/null
mkdir -p "$work/config/openshell/gateways/other" && echo other > "$work/config/openshell/gateways/other/metadata.json"
run reset --yes; says 0 "other files are there, so the directory stays"; ok "reset"
[ "$(cd "$data" && find . | sort | tr '\n' ' ')" = ". ./mine ./tls ./tls/mine " ]
ok "what is not the gateway's stays"
[ -s "$work/kept" ] && [ -e "$work/libexec/api" ]; ok "no link was followed"
[ "$(cd "$work/config" && find . -type f)" = ./openshell/gateways/other/metadata.json ]; ok "the client's other entry stays, ours is gone"
rm -r "$data/mine" "$data/tls/mine" "$work/config/openshell/gateways/other"
run reset --yes; says 0 "Removed"; run reset --yes; says 0 "nothing to remove"; ok "a second and a third reset: nothing to remove"
mkdir "$data-not" "$data-not/run" && "$gateway" reset --yes --data-dir "$data-not" > "$work/out" 2>&1; says 0 "nothing to remove"
[ -d "$data-not/run" ]; ok "a directory that no gateway used is left alone"
echo "1..$n"
[ $failures -eq 0 ]
