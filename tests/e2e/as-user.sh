#!/bin/bash
# Runs an e2e script as an ordinary user (made when missing), on a copy of the programs that the user can read.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
build=${OPENSHELL_TEST_BUILD:-$here/build}
user=openshell-test
# several of us may begin at one time
flock /tmp/osh-test-user sh -c "id $user >/dev/null 2>&1 || useradd --create-home --shell /bin/bash $user"
copy=$(mktemp -d /tmp/osh-copy.XXXXXX)
trap 'rm -rf "$copy"' EXIT
chmod 755 "$copy"
mkdir -p "$copy/build/tests/e2e" "$copy/tests"
cp -aL "$build/bin" "$build/libexec" "$copy/build/"
cp -a "$build/tests/e2e/probe" "$build/tests/e2e/escape" "$build/tests/e2e/evade" "$copy/build/tests/e2e/"
[ ! -f "$build/tests/e2e/fetch" ] || cp -a "$build/tests/e2e/fetch" "$copy/build/tests/e2e/"
agent=
if [ -n "${OPENSHELL_TEST_AGENT:-}" ] && grep -q OPENSHELL_TEST_AGENT "$here/$1"; then
	cp -a "$OPENSHELL_TEST_AGENT" "$copy/agent"
	agent=$copy/agent
fi
mkdir -p "$copy/build/tests/bench"
cp -a "$build/tests/bench/hold" "$build/tests/bench/crowd" "$copy/build/tests/bench/"
cp -a "$here/tests/postgres.sh" "$copy/tests/"
cp -a "$here/examples" "$copy/"
(cd "$here" && cp -a --parents services/*/README.md sandbox/*/README.md "$copy/")
cp -a "$here/tests/e2e" "$here/tests/vectors" "$here/tests/soak" "$copy/tests/"
for file in soak bench quickstart; do [ ! -f "$here/$file" ] || cp -a "$here/$file" "$copy/"; done
chmod -R go+rX "$copy"
cd "$copy"
exec_code=0
runuser -u "$user" -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" LANG=C.UTF-8 KEEP="${KEEP:-}" OPENSHELL_TEST_AGENT="$agent" "$copy/$1" "${@:2}" || exec_code=$?
exit $exec_code
