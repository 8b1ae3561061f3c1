#!/bin/bash
# The life of a sandbox through the CLI: create, list, get, exec, stop, start, delete; what passes through unchanged.
. "$(dirname "$0")/lib.sh"

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
is "status says connected" "$(openshell status -o json | jq -r .status)" connected

succeeds "create" openshell sandbox create --name demo --label team=red --env GREETING=hello --detach -- sleep infinity
like "create says so" "$out" "Created sandbox: demo"
is "list is JSON with the reference's fields" \
	"$(openshell sandbox list -o json | jq -c '.[0] | keys')" \
	'["annotations","created_at","current_policy_version","id","labels","name","phase","resource_version","workspace"]'
is "its phase, label and workspace" "$(openshell sandbox list -o json | jq -c '.[0] | [.name, .phase, .labels.team, .workspace]')" \
	'["demo","Ready","red","default"]'
like "list is a table" "$(openshell sandbox list)" "^NAME +CREATED +PHASE"
is "list --names" "$(openshell sandbox list --names)" demo
like "list --ids" "$(openshell sandbox list --ids)" '^[0-9a-f-]{36}$'
is "list --selector that matches" "$(openshell sandbox list --selector team=red --names)" demo
like "list --selector that does not" "$(openshell sandbox list --selector team=blue)" "No sandboxes found"
like "get shows policy and walls" "$(openshell sandbox get demo)" "Policy"

succeeds "exec true exits 0" openshell sandbox exec -n demo -- true
fails_with "exec passes a code through" 7 openshell sandbox exec -n demo -- sh -c 'exit 7'
fails_with "exec passes a signal as 128+n" 137 openshell sandbox exec -n demo -- sh -c 'kill -9 $$'
fails_with "a command that is not there" 127 openshell sandbox exec -n demo -- no-such-command
like "... is named" "$out" "no-such-command"
openshell sandbox exec -n demo -- sh -c 'echo out; echo err >&2' >"$work/out" 2>"$work/err" </dev/null
is "standard output apart" "$(cat "$work/out")" out
is "standard error apart" "$(cat "$work/err")" err
head -c 300000 /dev/urandom >"$work/bytes"
openshell sandbox exec -n demo -- cat <"$work/bytes" >"$work/bytes.back"
if cmp -s "$work/bytes" "$work/bytes.back"; then ok "300,000 bytes there and back unchanged"; else not_ok "300,000 bytes there and back unchanged" "$(ls -l "$work"/bytes*)"; fi
is "20 MB of output arrive whole" "$(openshell sandbox exec -n demo -- head -c 20000000 /dev/zero </dev/null | wc -c)" 20000000
is "arguments are not a shell line" "$(openshell sandbox exec -n demo -- printf '%s|' 'a b' '$HOME' '*' </dev/null)" 'a b|$HOME|*|'
is "the sandbox's environment" "$(openshell sandbox exec -n demo -- printenv GREETING </dev/null)" hello
is "the command's environment" "$(openshell sandbox exec -n demo --env A=b -- printenv A </dev/null)" b
is "the work directory" "$(openshell sandbox exec -n demo --workdir /tmp -- pwd </dev/null)" /tmp
is "the workspace is where it begins" "$(openshell sandbox exec -n demo -- pwd </dev/null)" /sandbox
fails_with "a timeout ends it with 124" 124 openshell sandbox exec -n demo --timeout 1 -- sleep 60
is_soon "... and all that it started" 0 openshell sandbox exec -n demo -- sh -c 'ps -eo args 2>/dev/null | grep -c "[s]leep 60"; true'
is "many at once" "$(for i in $(seq 20); do openshell sandbox exec -n demo -- echo $i </dev/null & done | sort -n | tr '\n' ' ')" \
	"$(seq 20 | tr '\n' ' ')"

succeeds "a file is written to the workspace" openshell sandbox exec -n demo -- sh -c 'echo kept > /sandbox/note'
succeeds "stop" openshell sandbox stop demo
like "stop says so" "$out" "Stopped sandbox demo"
is "its phase is Stopped" "$(openshell sandbox list -o json | jq -r '.[0].phase')" Stopped
fails_with "exec in a stopped one" 1 openshell sandbox exec -n demo -- true
like "... says why" "$out" "not ready|not running|Stopped"
succeeds "stop again is no error" openshell sandbox stop demo
succeeds "start" openshell sandbox start demo
like "start says so" "$out" "Started sandbox demo"
is "the workspace was kept" "$(openshell sandbox exec -n demo -- cat /sandbox/note </dev/null)" kept
like_soon "logs are there" "." openshell logs demo -n 50

fails_with "a name twice" 1 openshell sandbox create --name demo --detach
like "... says so" "$out" "already exists"
succeeds "a name of its own is made" openshell sandbox create --detach -- sleep infinity
like "... of two words" "$out" "Created sandbox: [a-z]+-[a-z]+"
# The client may still see it ready (exit 0) or only its end (exit 1): both are right.
openshell sandbox create --name short --detach -- sh -c 'exit 3' >"$work/short" 2>&1 </dev/null
wait_for 5 sh -c "'$bin/openshell' sandbox get short -o json | jq -e '.phase == \"Error\"'"
like "a main process that ends is in Error" "$(openshell sandbox get short)" "Phase: Error"
like "... with its reason" "$(openshell sandbox get short)" "MainProcessExited"
succeeds "delete by name" openshell sandbox delete short
like "delete says so" "$out" "Deleted sandbox short"
succeeds "delete --all" openshell sandbox delete --all
wait_for 10 sh -c "[ \"\$('$bin/openshell' sandbox list --names)\" = '' ] || '$bin/openshell' sandbox list | grep -q 'No sandboxes'"
like "none is left" "$(openshell sandbox list)" "No sandboxes found"
fails_with "delete what is not there" 1 openshell sandbox delete nobody
like "... says so" "$out" "not found"
plan
