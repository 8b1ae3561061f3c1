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

# wait_for SECONDS COMMAND...: until it succeeds. For states that can only be asked for. However short a while is named, a busy
# machine has half a minute: how soon something was is for `within` to say.
wait_for() { local end=$((SECONDS + ($1 > 30 ? $1 : 30))); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.05; done; }

# like_soon WHAT REGEX COMMAND..., is_soon WHAT WANTED COMMAND...: what the command says comes to that. For what is written a
# moment later: logs above all, which are stored while nobody waits for them.
said_so() { said=$("${@:2}" 2>&1 </dev/null); printf '%s' "$said" | grep -qE -- "$1"; }
said_that() { said=$("${@:2}" 2>&1 </dev/null); [ "$said" = "$1" ]; }
like_soon() { local what=$1 said; shift; wait_for 30 said_so "$@"; like "$what" "$said" "$1"; }
is_soon() { local what=$1 said; shift; wait_for 30 said_that "$@"; is "$what" "$said" "$1"; }

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
# within MS COMMAND...: waits until it succeeds, and tells whether that was soon: $took ms from $since (or now), less what asking
# takes here and now, where other tests run (once more, when the answer is known: a question just missed, and the one that found it).
within() {
	local most=$1 from=${since:-$(now_ms)} to
	shift
	took=never
	wait_for 30 "$@" || return 1
	to=$(now_ms)
	"$@" >/dev/null 2>&1
	took=$((to - from - 2 * ($(now_ms) - to)))
	[ $took -ge 0 ] || took=0
	[ $took -le "$most" ]
}
# thrice WHAT COMMAND...: it succeeds, which says $took, at one of three tries: another test may have had the processor.
thrice() { local what=$1 try; shift; for try in 1 2 3; do if "$@"; then ok "$what ($took ms)"; return; fi; done; not_ok "$what" "$took ms at the third try"; }

# A port for the test's own, of those that the kernel gives to nobody who asks for any: no neighbour's connection takes it meanwhile.
free_port() {
	python3 -c '
import random, socket
while True:
    s = socket.socket()
    try: s.bind(("127.0.0.1", random.randrange(10000, int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0])))); break
    except OSError: pass
print(s.getsockname()[1])'
}

port=$(free_port)
start_gateway() {
	gateway start --port "$port" "${gateway_args[@]}" "$@" >"$work/start.log" 2>&1 || { sed 's/^/# /' "$work/start.log"; return 1; }
	export OPENSHELL_GATEWAY=openshell
}

pid_of() { gateway status -o json 2>/dev/null | jq -r --arg name "$1" '.processes[] | select(.name == $name and .state == "running") | .pid'; }

# sql TEXT: what the gateway's own database answers.
sql() { PGPASSWORD=$(cat "$data/keys/postgres.password") psql -h "$data/run/postgres" -U openshell -d openshell -qAtX -c "$1"; }

# hold_row KEY, let_row: the row of a secret that is held is where whoever writes it stands still.
hold_row() {
	exec {row}> >(exec env PGPASSWORD="$(cat "$data/keys/postgres.password")" psql -h "$data/run/postgres" -U openshell -d openshell -qAtX >/dev/null 2>&1)
	echo "begin; select 1 from provider_secrets where key = '$1' for update;" >&$row
	wait_for 5 held_row
}
held_row() { [ "$(sql "select count(*) from pg_locks where relation = 'provider_secrets'::regclass and mode = 'RowShareLock' and granted")" -gt 0 ]; }
somebody_waits() { [ "$(sql "select count(*) from pg_locks where not granted")" -gt 0 ]; }
let_row() { (echo "rollback;" >&$row) 2>/dev/null; exec {row}>&-; } # whoever runs meanwhile holds its end of the pipe, too

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
