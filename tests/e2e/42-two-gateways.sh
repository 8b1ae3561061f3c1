#!/bin/bash
# Two whole gateways on one database, a Postgres of the test's own: each renewal is done by one of them, either may die, and what is
# made or changed at one is there at the other.
. "$(dirname "$0")/lib.sh"
. "$here/tests/e2e/forge.sh"
command -v runuser >/dev/null || [ "$(id -u)" != 0 ] || { echo "1..0 # SKIP no runuser"; exit 0; }
if [ -z "${PG_RUN_DIR:-}" ]; then
	rm -rf "$work"
	trap - EXIT
	exec "$here/tests/postgres.sh" bash "$0" "$@"
fi

# state reaches a server of one's own by TCP alone
pgport=$(free_port)
psql -q -c "alter system set listen_addresses = '127.0.0.1'" -c "alter system set port = $pgport" -c "alter system set max_connections = 40"
export PGPORT=$pgport
$PG_CTL -m fast restart >/dev/null || { echo "1..0 # the database does not start"; exit 1; }

# ---- a stand-in for a token server: a line for each time that it minted ----
python3 - "$work/port" "$work/asked" 2>/dev/null <<'PYTHON' &
import http.server, itertools, json, sys
count = itertools.count(1)
class Tokens(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = json.dumps({"access_token": f"minted-{next(count)}-token", "expires_in": 3600, "token_type": "Bearer"}).encode()
        with open(sys.argv[2], "a") as log:
            print("minted", file=log, flush=True)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
print(server.server_port, file=open(sys.argv[1], "w"))
server.serve_forever()
PYTHON
server=$!
: >"$work/asked"

# ---- two gateways: north is the one that lib.sh knows ----
declare -A ports=([north]=$port [south]=$(free_port))
gate() { local node=$1 command=$2; shift 2; "$bin/openshell-gateway" "$command" --data-dir "$work/$node" "$@"; }
start() {
	local node=$1
	shift
	gate "$node" start --port "${ports[$node]}" --gateway-name "$node" --config "$work/$node.yaml" "$@" >"$work/$node.log" 2>&1 && return
	sed "s/^/# /" "$work/$node.log"
	return 1
}
north() { openshell --gateway north "$@"; }
south() { openshell --gateway south "$@"; }
data=$work/north
sql() { psql -qAtX -c "$1"; }
end() {
	gate south stop --sandboxes >>"$work/stop.log" 2>&1
	[ -s "$work/north/gateway.pid" ] && ! kill -0 "$(cat "$work/north/gateway.pid")" 2>/dev/null && start north >/dev/null # so that its sandboxes end
	kill "$server" 2>/dev/null
	finish
}
trap end EXIT
head -c 32 /dev/urandom >"$work/master"
chmod 600 "$work/master"
for node in north south; do
	cat >"$work/$node.yaml" <<-YAML
		database_url: host=127.0.0.1 port=$PGPORT user=openshell password=secret dbname=openshell
		master_key_file: $work/master
		node: $node
		sandbox_uid_base: $([ $node = north ] && echo 1900000000 || echo 1950000000)
	YAML
	chmod 600 "$work/$node.yaml"
done
wait_for 10 test -s "$work/port"
start north && ok "a gateway starts on a database that is given" || { not_ok "a gateway starts on a database that is given"; plan; exit 1; }
fails_with "another with a ring of its own does not" 1 start south
like "... and says what to do" "$(cat "$work/south.log")" "seal under the storage key [0-9a-f]{16}, which .*south/keys/credentials.ring does not have: copy that file from one of them"
cp -pf "$work/north/keys/credentials.ring" "$work/north/keys/audit.key" "$work/south/keys/"
start south && ok "with the ring of the first it does" || { not_ok "with the ring of the first it does"; plan; exit 1; }

# ---- what is made at one is there at the other ----
forge_refreshed "$(cat "$work/port")"
succeeds "a profile, at north" north provider profile import -f "$work/forge.yaml"
succeeds "a provider, at north" north provider create --name forge --type forge --runtime-credentials
export SECRET=topsecret
succeeds "which is renewed" north provider refresh configure forge --credential-key FORGE_TOKEN --strategy oauth2-client-credentials \
	--material client_id=me --secret-material-env client_secret=SECRET
succeeds "a sandbox with it, at north" north sandbox create --name demo --provider forge --detach
like "south lists the sandbox" "$(south sandbox list 2>&1 </dev/null)" "demo +.*Ready"
like "... and the provider" "$(south provider list 2>&1 </dev/null)" "forge"

# ---- a renewal is done by one of them ----
minted() { grep -c minted "$work/asked"; }
expires() { "$1" provider refresh status forge -o json | jq -c '[.. | objects | to_entries[] | select(.key | test("^expires_at")) | .value][0]'; }
taken() { sql "select revision = applied from sandbox_secrets where sandbox = (select id from sandboxes where name = 'demo')"; }
idle() { sql "select count(*) from provider_refreshes where lease is not null or next_ms < 1000"; }
due() { sql "update provider_refreshes set next_ms = 1; select pg_notify('openshell', 'refreshes 1')" >/dev/null; } # both look at once
rounds=4
for round in $(seq $rounds); do
	due
	wait_for 10 said_that 0 idle
done
is "$rounds renewals, each by one of two" "$(minted)" $rounds
is "both see the same expiry" "$(expires north)" "$(expires south)"
unlike "... which is one" "$(expires south)" '^(null|0|"")?$'
is_soon "the sandbox has the newest value" t taken
like "... and the agent its placeholder" "$(north sandbox exec -n demo -- printenv FORGE_TOKEN 2>&1 </dev/null)" "^openshell:resolve:env:s[0-9a-f]{64}_FORGE_TOKEN$"

# ---- a change at the other reaches it ----
{
	south sandbox get demo --policy-only </dev/null
	printf 'network_policies:\n  web:\n    endpoints: [{host: example.org, port: 443}]\n    binaries: [{path: /usr/bin/curl}]\n'
} >"$work/policy.yaml"
succeeds "a policy that is set at south is loaded at north" south policy set demo --policy "$work/policy.yaml" --wait
like "... and north shows it" "$(north policy get demo --full 2>&1 </dev/null)" "example.org"

# ---- one dies with all its processes ----
kill -9 "$(cat "$work/north/gateway.pid")" $(pgrep -P "$(cat "$work/north/gateway.pid")") 2>/dev/null
before=$(minted)
due
wait_for 10 said_that 0 idle
is "north is dead: south renews" "$(minted)" $((before + 1))
is "... and says so" "$(south provider refresh status forge -o json | jq -r '.[0].status // .credentials[0].status')" refreshed
succeeds "south goes on alone" south provider create --name other --type generic --credential KEY_A=one
start north && ok "north is back" || not_ok "north is back"
is_soon "its sandbox gets what south has renewed" t taken
succeeds "south deletes the sandbox that north runs" south sandbox delete demo
boxes() { ls "$work/north/sandboxes/boxes" | wc -l; }
is_soon "... nothing of it is left at north" 0 boxes
unlike "... nor in its list" "$(north sandbox list 2>&1 </dev/null)" demo
sed -i "s/^node: south/node: north/" "$work/south.yaml"
gate south stop >/dev/null
fails_with "two of one name are not" 1 start south
like "... which is said" "$(cat "$work/south.log")" 'another gateway that runs with this database calls its state "state@north" as well: give each a node'
plan
