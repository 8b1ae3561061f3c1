# Common to the e2e tests: TAP lines, and a gateway of the test's own in a directory of its own. Source it.
# Everything runs the copy of the programs in $OPENSHELL_TEST_BIN (default: the build's), as whoever runs the test.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${OPENSHELL_TEST_BIN:-$here/build/bin}
probe=${OPENSHELL_TEST_PROBE:-$here/build/tests/e2e/probe}
tap_count=0
work=$(mktemp -d /tmp/osh.XXXXXX)
chmod 755 "$work"
export HOME=$work/home XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state XDG_RUNTIME_DIR=$work/runtime
export NO_COLOR=1
unset OPENSHELL_GATEWAY OPENSHELL_GATEWAY_ENDPOINT OPENSHELL_WORKSPACE OPENSHELL_GATEWAY_CONFIG
mkdir -p "$HOME" "$XDG_CONFIG_HOME" "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR"
data=$work/data
gateway_args=()

openshell() { "$bin/openshell" "$@"; }
gateway() { "$bin/openshell-gateway" "$@" --data-dir "$data"; }

ok() { tap_count=$((tap_count + 1)); echo "ok $tap_count - $1"; }
not_ok() { tap_count=$((tap_count + 1)); echo "not ok $tap_count - $1"; [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/#   /'; }
skip_ok() { tap_count=$((tap_count + 1)); echo "ok $tap_count - $1 # SKIP $2"; }
plan() { echo "1..$tap_count"; }

# is WHAT GOT WANTED
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    $2
wanted: $3"; fi; }
# like WHAT GOT REGEX
like() { if printf '%s' "$2" | grep -qE -- "$3"; then ok "$1"; else not_ok "$1" "got:    $2
wanted: /$3/"; fi; }
unlike() { if printf '%s' "$2" | grep -qE -- "$3"; then not_ok "$1" "got: $2
not wanted: /$3/"; else ok "$1"; fi; }
# succeeds WHAT COMMAND...; its output is in $out
succeeds() { local what=$1; shift; if out=$("$@" 2>&1 </dev/null); then ok "$what"; else not_ok "$what" "code $?: $out"; fi; }
# fails_with WHAT CODE COMMAND...; its output is in $out
fails_with() { local what=$1 code=$2 got; shift 2; out=$("$@" 2>&1 </dev/null); got=$?; if [ "$got" = "$code" ]; then ok "$what"; else not_ok "$what" "code $got, wanted $code: $out"; fi; }

# wait_for SECONDS COMMAND...: until it succeeds. For states that can only be asked for.
wait_for() { local end=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.05; done; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

port=$(free_port)
start_gateway() {
	gateway start --port "$port" "${gateway_args[@]}" "$@" >"$work/start.log" 2>&1 || { sed 's/^/# /' "$work/start.log"; return 1; }
	export OPENSHELL_GATEWAY=openshell
}

pid_of() { gateway status -o json 2>/dev/null | jq -r --arg name "$1" '.processes[] | select(.name == $name and .state == "running") | .pid'; }

# sql TEXT: what the gateway's own database answers.
sql() { PGPASSWORD=$(cat "$data/keys/postgres.password") psql -h "$data/run/postgres" -U openshell -d openshell -qAtX -c "$1"; }

# Processes of a sandbox by its name, as the driver has recorded its box.
supervisor_of() { awk '$1 == "started" { print $3 }' "$data/sandboxes/boxes/$(openshell sandbox get "$1" -o json | jq -r .id)/box" 2>/dev/null; }
link_of() { pgrep -x link -P "$(supervisor_of "$1")"; }
spawner_of() { pgrep -x supervisor -P "$(supervisor_of "$1")"; }

finish() {
	local code=$?
	gateway stop --sandboxes >>"$work/stop.log" 2>&1
	if [ -n "${KEEP:-}" ]; then echo "# kept: $work"; else rm -rf "$work"; fi
	exit $code
}
trap finish EXIT
