#!/bin/sh
# Run a command with a private Postgres: PGHOST is its socket directory, PG_RUN_DIR the directory above that, to be a
# service's run_dir; PGUSER and PGDATABASE are "openshell", PGPASSWORD is "secret"; PG_CTL holds the words
# to stop and start it ($PG_CTL stop, $PG_CTL start). All is removed when the command ends.
set -eu

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$bin/initdb" ] || { echo "1..0 # SKIP no initdb below /usr/lib/postgresql"; exit 77; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/openshell-pg.XXXXXX")
as=
if [ "$(id -u)" = 0 ]; then
	as="runuser -u postgres --"
	chown postgres "$dir"
fi
chmod 755 "$dir"
end() {
	status=$?
	trap - EXIT
	$as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$dir"
	exit $status
}
trap end EXIT
trap 'exit 130' INT TERM HUP

cd "$dir"
echo secret >"$dir/password"
$as "$bin/initdb" -D "$dir/data" -U openshell -A scram-sha-256 --pwfile "$dir/password" -E UTF8 --locale=C -N >"$dir/initdb.log" 2>&1 ||
	{ cat "$dir/initdb.log" >&2; exit 1; }
mkdir -m 755 "$dir/run" "$dir/run/postgres"
[ -z "$as" ] || chown postgres "$dir/run/postgres"
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir/run/postgres'
shared_buffers = 16MB
max_connections = 30
fsync = ${PG_FSYNC:-off}
CONF
PG_CTL="$as $bin/pg_ctl -D $dir/data -l $dir/server.log -w -s"
export PGHOST="$dir/run/postgres" PG_RUN_DIR="$dir/run" PGUSER=openshell PGPASSWORD=secret PG_CTL
$PG_CTL start
"$bin/createdb" openshell
export PGDATABASE=openshell
[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT ...]" >&2; exit 2; }
cd "$OLDPWD"
"$@"
