#!/bin/bash
# Installs a published release of upstream's Python SDK from PyPI, to be run against our gateway as it stands: setup.sh VERSION
# Prints the python that has it; on failure the reason on stderr, and ends with 77. Nothing is done when it is there.
set -u
version=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
venv=${OPENSHELL_TEST_VENVS:-$here/build/wire-venv}/$version
python=$venv/bin/python
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ "$("$python" -c 'from importlib.metadata import version; print(version("openshell"))' 2>/dev/null)" != "$version" ]; then
	system=/usr/bin/python3
	[ -x "$system" ] || system=python3
	rm -rf "$venv"
	mkdir -p "$(dirname "$venv")"
	if ! timeout 60 "$system" -m venv "$venv" >"$log" 2>&1 || ! timeout 240 "$python" -m pip install -q --no-input \
	    --disable-pip-version-check -c "$here/tests/wire/constraints.txt" "openshell==$version" >"$log" 2>&1; then
		echo "pip cannot install openshell $version: $(grep -vE '^(WARNING|\[notice)' "$log" | tail -n 1)" >&2
		rm -rf "$venv"
		exit 77
	fi
fi
echo "$python"
