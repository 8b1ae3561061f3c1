#!/bin/bash
# Upstream's Python SDK, as PyPI has it, against our gateway: with mutual TLS found through the active gateway's files, and
# in plaintext. OPENSHELL_WIRE_SDKS names the releases: the last of the generation our .proto files describe, and 0.1.
. "$(dirname "$0")/../e2e/lib.sh"
releases=${OPENSHELL_WIRE_SDKS:-0.0.116 0.1.5}
pythons=()

for release in $releases; do
	if python=$("$here/tests/wire/setup.sh" "$release" 2>"$work/setup"); then
		pythons+=("$python")
	else
		skip_ok "upstream's SDK $release" "$(cat "$work/setup")"
	fi
done
[ ${#pythons[@]} -gt 0 ] || { plan; exit 0; }

# number the lines of a run; a run that ends badly or says nothing is a failure of its own
relay_tap() {
	local what=$1 line said=0
	while IFS= read -r line; do
		case $line in
		"ok - "*) ok "${line#ok - }"; said=1 ;;
		"not ok - "*) not_ok "${line#not ok - }"; said=1 ;;
		*) printf '%s\n' "$line" ;;
		esac
	done < <(timeout 100 "${@:2}" 2>&1 || printf 'not ok - %s ended with code %s\n' "$what" $?)
	[ $said = 1 ] || not_ok "$what says nothing"
}

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
for python in "${pythons[@]}"; do relay_tap "the SDK over TLS" "$python" "$here/tests/wire/python_sdk.py" tls "https://127.0.0.1:$port"; done
gateway stop --sandboxes >/dev/null 2>&1
gateway_args=(--disable-tls)
start_gateway || { not_ok "the gateway starts in plaintext"; plan; exit 1; }
for python in "${pythons[@]}"; do relay_tap "the SDK in plaintext" "$python" "$here/tests/wire/python_sdk.py" plaintext "http://127.0.0.1:$port"; done
plan
