#!/bin/bash
# The decision vectors of the specification (tests/vectors) through a real sandbox with real sockets; vectors.py asks and judges.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"

cat >"$work/demo.yaml" <<'P'
version: 1
network_policies: {}
filesystem_policy:
  include_workdir: true
  read_only: [/usr, /lib, /lib64, /bin, /sbin, /etc, /proc, /dev/urandom]
  read_write: [/tmp, /dev/null]
P
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox" openshell sandbox create --name demo --policy "$work/demo.yaml" --detach -- sleep infinity
put() { openshell sandbox exec -n demo -- sh -c "mkdir -p $(dirname "$2") && cat >$2 && chmod 755 $2" <"$1"; }
put "$here/tests/e2e/clients/vector.py" /sandbox/vector.py
openshell sandbox exec -n demo -- sh -c 'mkdir -p /sandbox/v && cp /usr/bin/python3.11 /sandbox/v/python' </dev/null
supervisor_of demo >"$work/supervisor"

# vectors PART...
vectors() {
	local verdict what detail
	while IFS=$'\t' read -r verdict what detail; do
		case $verdict in
		ok) ok "$what" ;;
		"not ok") not_ok "$what" "$detail" ;;
		"ended 0") ;;
		ended*) not_ok "vectors.py $*" "$verdict" ;;
		*) echo "$verdict" ;;
		esac
	done < <(/usr/bin/python3 "$here/tests/e2e/vectors.py" "$here/tests/vectors" "$bin/openshell" "$work" "$WORLD" "$@" 2>&1; echo "ended $?")
}
vectors ${PARTS:-plain destination wire identity events validation credentials reload retain}
gateway stop >/dev/null 2>&1
start_gateway --policy-validation-failure-mode fail_closed && ok "the gateway starts again, with another mode" || not_ok "the gateway starts again, with another mode"
vectors closed account
plan
