#!/bin/bash
# A canary: a secret of random bytes is used under load, and looked for in every process, the database, logs, files, what the
# processes say to each other, and core images. Each place where it is meant to be is looked at too, or the search would prove nothing.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/forge.sh"
if [ "$(id -u)" != 0 ]; then skip_ok "the search for a canary" "an ordinary user cannot read the memory of processes that are not dumpable"; plan; exit 0; fi
canary=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
printf %s "$canary" >"$work/canary"
scan() { python3 "$here/tests/e2e/scan.py" "$@"; }
forge_policy
forge_profile "/**"
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a profile" openshell provider profile import --file "$work/profile.yaml"
FORGE_TOKEN=$canary succeeds "a provider holds the canary" openshell provider create --name forge --type forge --credential FORGE_TOKEN
succeeds "a sandbox with it" openshell sandbox create --name demo --policy "$work/policy.yaml" --provider forge --detach -- sleep infinity
call() { status -H "Authorization: Bearer $(placeholder)" "https://api.forge.test/bytes/256"; }
placeholder() { run printenv FORGE_TOKEN; }
like "the agent sees a placeholder" "$(placeholder)" '^openshell:resolve:env:v[0-9]+_FORGE_TOKEN$'
is "a call with it" "$(call)" 200
is "... arrives with the secret" "$(world_seen | jq -r 'select(.target == "/bytes/256") | .fields.authorization' | tail -n 1)" "Bearer $canary"

# Load, while everything is searched.
run sh -c 'for i in $(seq 2000); do curl -sS -m 20 -o /dev/null -H "Authorization: Bearer $FORGE_TOKEN" https://api.forge.test/bytes/256 || exit; done' >/dev/null &
load=$!
gateway_pid=$(pid_of api | xargs -I{} ps -o ppid= -p {} | tr -d ' ')
tree() { local child; echo "$1"; for child in $(pgrep -P "$1"); do tree "$child"; done; }
everybody() { { tree "$gateway_pid"; tree "$(supervisor_of demo)"; } | sort -un; }
is "the search can see what is there" "$(scan memory "$work/canary" $(tree "$(supervisor_of demo)") | awk '{ print $2 }' | sort -u | tr '\n' ' ')" "router "
found=$(scan memory "$work/canary" $(everybody) 2>"$work/scan.err") || not_ok "every process can be read" "$(cat "$work/scan.err")"
is "the canary is in the router, and at most in credentials besides" "$(echo "$found" | awk '$2 != "credentials" && $2 != "fetch" && $2 != "keeper" { print $2 }' | sort -u | tr '\n' ' ')" "router "
echo "# $(everybody | wc -l) processes searched: $(everybody | xargs -I{} cat /proc/{}/comm 2>/dev/null | sort | uniq -c | awk '{ printf "%s %s, ", $1, $2 }')"

# What the processes say to each other, while the secret is written anew and used.
trace=()
for name in api state relay driver-local credentials; do trace+=(-p "$(pid_of $name)"); done
for pid in $(tree "$(supervisor_of demo)"); do case $(cat /proc/$pid/comm 2>/dev/null) in link | supervisor | policyd | proxy) trace+=(-p "$pid") ;; esac; done
strace -qq -f -x -s 1048576 -e trace=read,write,readv,writev,sendto,recvfrom,sendmsg,recvmsg,sendmmsg,recvmmsg -o "$work/trace" "${trace[@]}" 2>"$work/strace.err" &
tracer=$!
wait_for 10 test -s "$work/trace"
FORGE_TOKEN=$canary succeeds "the provider is written again" openshell provider update forge --credential FORGE_TOKEN
is "... and used" "$(call)" 200
kill -INT $tracer 2>/dev/null; wait $tracer 2>/dev/null
[ "$(wc -c <"$work/trace")" -gt 100000 ] && ok "the traffic was seen ($(($(wc -c <"$work/trace") / 1024)) KiB)" || not_ok "the traffic was seen" "$(cat "$work/strace.err")"
is "no message holds it" "$(scan files "$work/canary" "$work/trace")" ""
kill $load 2>/dev/null; wait $load 2>/dev/null
is "api has forgotten it" "$(scan memory "$work/canary" "$(pid_of api)")" ""

# A proxy that crashes leaves nothing behind, and its image held nothing.
proxy=$(tree "$(supervisor_of demo)" | while read -r pid; do [ "$(cat /proc/$pid/comm 2>/dev/null)" = proxy ] && echo $pid; done)
if command -v gcore >/dev/null; then gcore -o "$work/core" "$proxy" >/dev/null 2>&1; else python3 - "$proxy" "$work/core.$proxy" <<'Y'
import sys
with open("/proc/%s/maps" % sys.argv[1]) as maps, open("/proc/%s/mem" % sys.argv[1], "rb", 0) as mem, open(sys.argv[2], "wb") as out:
    for line in maps:
        if line.split()[1][0] == "r":
            at, end = (int(x, 16) for x in line.split()[0].split("-"))
            try:
                mem.seek(at)
                out.write(mem.read(end - at))
            except OSError:
                pass
Y
fi
[ -s "$work/core.$proxy" ] && ok "the proxy's image is taken" || not_ok "the proxy's image is taken"
is "... and holds nothing" "$(scan files "$work/canary" "$work/core.$proxy")" ""
rm -f "$work/core.$proxy"
kill -SEGV "$proxy"
back() { [ "$(call)" = 200 ]; }
wait_for 10 back; is "after a crash of the proxy calls go on" $? 0
is "no core image was left" "$(find "$work" /var/crash /sandbox /opt/openshell -name 'core*' -size +100k 2>/dev/null)" ""

# At rest.
is "not in the gateway's files: database, logs, keys, sandboxes" "$(find "$data" -type f -size +0 | xargs -d '\n' python3 "$here/tests/e2e/scan.py" files "$work/canary")" ""
openshell logs demo -n 10000 >"$work/logs" 2>&1
is "not in what logs show" "$(scan files "$work/canary" "$work/logs" "$data/gateway.log")" ""
is "not in what the API shows" "$({ openshell provider get forge -o json; openshell sandbox get demo -o json; openshell provider list -o json; } 2>&1 | grep -c "$canary")" 0
for pid in $(tree "$(supervisor_of demo)"); do cat /proc/$pid/environ 2>/dev/null; done >"$work/environments"
is "not in any environment of the sandbox" "$(scan files "$work/canary" "$work/environments")" ""
agent=$(tree "$(supervisor_of demo)" | while read -r pid; do [ "$(cat /proc/$pid/comm)" = sleep ] && echo "$pid"; done)
is "not in the agent's files" "$(scan files "$work/canary" "/proc/$agent/root/sandbox" "/proc/$agent/root/tmp")" ""
succeeds "the provider is detached" openshell sandbox provider detach demo forge
forgotten() { [ -z "$(scan memory "$work/canary" $(tree "$(supervisor_of demo)"))" ]; }
wait_for 5 forgotten; is "after that the router has forgotten it" $? 0
plan
