#!/bin/bash
# Configuration of a running sandbox: revisions that are loaded, refused, missed and caught up with; the gateway's own
# policy; settings; and whichever process dies between a change and its acknowledgement.
. "$(dirname "$0")/lib.sh"
trap finish EXIT
start_gateway || { echo "1..0 # the gateway does not start"; exit 1; }

# policy HOST: a policy whose one endpoint is that
policy() {
	cat >"$work/$1.yaml" <<YAML
version: 1
filesystem_policy:
  include_workdir: true
  read_only: [/usr, /lib, /lib64, /bin, /sbin, /etc, /proc, /dev/urandom]
  read_write: [/tmp, /dev/null]
landlock: {compatibility: best_effort}
process: {run_as_user: sandbox, run_as_group: sandbox}
network_policies:
  web:
    endpoints: [{host: $1, port: 443}]
    binaries: [{path: /usr/bin/curl}]
YAML
	echo "$work/$1.yaml"
}
# status VERSION: what became of it, as the list has it
status() { openshell policy list demo | awk -v v="$1" '$1 == v { print $3 }'; }
loaded() { [ "$(status "$1")" = Loaded ]; }
set_policy() { openshell policy set demo --policy "$(policy "$1")" --wait --timeout 20; }
# killed PROCESS: kill -9, and wait until another is there
killed() {
	local pid other
	pid=$(pid_of "$1")
	kill -9 "$pid"
	wait_for 20 eval 'other=$(pid_of '"$1"'); [ -n "$other" ] && [ "$other" != '"$pid"' ]'
}

succeeds "a sandbox with a policy" openshell sandbox create --name demo --policy "$(policy one.example)" --detach
is "its policy is revision 1, loaded" "$(status 1)" Loaded

began=$(date +%s%N)
succeeds "a change is acknowledged" set_policy two.example
echo "# policy set --wait took $((($(date +%s%N) - began) / 1000000)) ms, the program's own start included"
like "which revision" "$out" "Policy version 2 loaded"
is "the older one is superseded" "$(status 1)" Superseded
succeeds "the same again" set_policy two.example
like "is no new revision" "$out" "unchanged"

sed -i 's|/usr, ||' "$(policy three.example)"
fails_with "a path that would go" 1 openshell policy set demo --policy "$work/three.example.yaml"
like "is named" "$out" "/usr"
fails_with "a file that is no policy" 1 openshell policy set demo --policy /dev/null
is "and nothing was stored" "$(openshell policy list demo | awk 'NR > 1' | wc -l)" 2

# Each of these dies, and a change made right after it is acknowledged by the same sandbox.
version=2
for process in relay state api; do
	succeeds "$process dies" killed "$process"
	version=$((version + 1))
	wait_for 20 openshell sandbox get demo
	succeeds "a change after that" wait_for 20 set_policy "after-$process.example"
	is "it is loaded" "$(status $version)" Loaded
done
kill -9 "$(link_of demo)"
version=$((version + 1))
succeeds "a change while the link is away" set_policy after-link.example
is "it is loaded" "$(status $version)" Loaded

succeeds "a change that is not waited for" openshell policy set demo --policy "$(policy quick.example)"
version=$((version + 1))
kill -9 "$(pid_of relay)"
succeeds "is loaded although the relay died" wait_for 20 loaded $version
succeeds "another" openshell policy set demo --policy "$(policy quicker.example)"
version=$((version + 1))
kill -9 "$(pid_of state)"
succeeds "is loaded although state died" wait_for 20 loaded $version

# A sandbox that is stopped gets it when it starts.
succeeds "stop" openshell sandbox stop demo
succeeds "a change meanwhile" openshell policy set demo --policy "$(policy asleep.example)"
version=$((version + 1))
is "it waits" "$(status $version)" Pending
succeeds "start" openshell sandbox start demo
succeeds "it is loaded" wait_for 20 loaded $version

# The gateway's own policy.
succeeds "a global policy" openshell policy set --global --yes --policy "$(policy all.example)"
fails_with "then a sandbox's cannot be changed" 1 set_policy mine.example
like "and why" "$out" "policy is managed globally"
is "it is the one in force" "$(openshell sandbox get demo -o json | jq -r '.policy_source // empty')" global
succeeds "it ends" openshell policy delete --global --yes
succeeds "and a sandbox's can" set_policy mine.example
version=$((version + 1))
is "it is loaded" "$(status $version)" Loaded

# Settings.
succeeds "a global setting" openshell settings set --global --yes --key ocsf_json_enabled --value true
fails_with "a sandbox has no say in it" 1 openshell settings set demo --key ocsf_json_enabled --value false
like "and why" "$out" "is managed"
succeeds "it goes" openshell settings delete --global --yes --key ocsf_json_enabled
succeeds "and a sandbox has" openshell settings set demo --key ocsf_json_enabled --value false
like "it shows" "$(openshell settings get demo)" "ocsf_json_enabled +false +sandbox"

like_soon "what happened is in the log" "Policy reloaded successfully: revision $version" openshell logs demo -n 2000
in_force() { openshell logs demo -n 2000 -o json | jq -r 'select(.message | test("revision '$version' is in force")) | .source'; }
is_soon "JSON lines are JSON" gateway in_force
is "the sandbox never left" "$(openshell sandbox get demo -o json | jq -r .phase)" Ready
plan
