#!/bin/bash
# A thousand execs in a row: none hangs, none fails, no descriptor and no process is left.
. "$(dirname "$0")/lib.sh"
hold=${OPENSHELL_TEST_HOLD:-$here/build/tests/bench/hold}

descriptors() { for name in api state relay credentials driver-local; do ls "/proc/$(pid_of $name)/fd" 2>/dev/null | wc -l; done | tr '\n' ' '; }

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
openshell sandbox create --name many --detach -- sleep infinity >/dev/null 2>&1 </dev/null
"$hold" exec many 20 >/dev/null
before=$(descriptors)
no_more() { paste -d' ' <(tr ' ' '\n' <<<"$before") <(descriptors | tr ' ' '\n') | awk '$2 > $1 { exit 1 }'; } # of each
timeout 300 "$hold" exec many 1000 >"$work/times" 2>"$work/error"
is "1000 execs on one connection" "$(wc -l <"$work/times") $(cat "$work/error")" "1000 "
failed=0
for i in $(seq 100); do timeout 30 "$bin/openshell" sandbox exec -n many -- true </dev/null || failed=$((failed + 1)); done
is "100 execs through the CLI" "$failed" 0
if [ "$(id -u)" = 0 ]; then if wait_for 10 no_more; then ok "no descriptor more in any gateway process"; else not_ok "no descriptor more in any gateway process" "$(descriptors), before $before"; fi; fi
is_soon "no process is left in the sandbox" 4 openshell sandbox exec -n many -- sh -c 'ls /proc | grep -c "^[0-9]"'
slowest=$(sort -n "$work/times" | tail -n 1)
echo "# median $(sort -n "$work/times" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }') us, slowest $slowest us"
plan
