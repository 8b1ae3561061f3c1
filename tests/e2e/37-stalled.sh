#!/bin/bash
# Readers that stop: each stops its writer, and nobody else; memory stays bounded, and is given back when they are gone.
# usage: 37-stalled.sh [SANDBOXES [READERS]]: so many in each
. "$(dirname "$0")/lib.sh"
boxes=${1:-1} readers=${2:-$([ "$(id -u)" = 0 ] && echo 200 || echo 100)}
crowd=${OPENSHELL_TEST_CROWD:-${OPENSHELL_TEST_BUILD:-$here/build}/tests/bench/crowd}
openshell() { timeout 60 "$bin/openshell" "$@"; }
all=$((boxes * readers))

# KiB of a process; another's can be seen by root alone, and then by pages that it has, shared ones too
memory() { awk '$1 == "Pss:" { print $2; found = 1; exit } END { exit !found }' "/proc/$1/smaps_rollup" 2>/dev/null || awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }
watched() { pid_of api; pid_of relay; for i in $(seq "$boxes"); do link_of "box$i"; done; }
ticks() { local pid; for pid in $(watched); do awk '{ print $14 + $15 }' "/proc/$pid/stat"; done | awk '{ n += $1 } END { print n }'; }
writers() { for i in $(seq "$boxes"); do pgrep -x cat -P "$(spawner_of "box$i")"; done | wc -l; }
# grown WHAT PID BEFORE MOST: KiB
grown() { local now; now=$(memory "$2"); if [ $((now - $3)) -le "$4" ]; then ok "$1: $3 KiB, now $now"; else not_ok "$1" "$3 KiB, now $now, at most $4 more"; fi; }

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
for i in $(seq "$boxes") other; do openshell sandbox create --name "box${i#other}" --detach -- sleep infinity >/dev/null 2>&1 </dev/null; done
api=$(pid_of api) relay=$(pid_of relay) link=$(link_of box1)
openshell sandbox exec -n box1 -- head -c 1M /dev/zero </dev/null >/dev/null
before_api=$(memory "$api") before_relay=$(memory "$relay") before_link=$(memory "$link")
for i in $(seq "$boxes"); do
	mkfifo "$work/stop$i"
	"$crowd" stalled "box$i" "$readers" <"$work/stop$i" >"$work/open$i" 2>&1 &
	crowds+=($!)
	eval "exec $((10 + i))>\"\$work/stop$i\""
done
opened() { [ "$(cat "$work"/open* | grep -c '^open$')" = "$boxes" ]; }
if wait_for 60 opened; then ok "$all readers read the beginning and stop"; else not_ok "$all readers" "$(cat "$work"/open*)"; fi
is "... their commands run on" "$(writers)" "$all"
still() { local before; before=$(ticks); sleep 0.5; [ $(($(ticks) - before)) -le 3 ]; }
if wait_for 10 still; then ok "... and write no more: api, relay and link rest"; else not_ok "... and write no more" "$(ticks)"; fi
grown "api, with all of them" "$api" "$before_api" $((all * 88 + 2048))
grown "relay" "$relay" "$before_relay" $((all * 8 + 2048))
grown "link" "$link" "$before_link" $((readers * 32 + 4096))
began=$(date +%s%N)
is "another reader of the same sandbox gets all it asked for" "$(openshell sandbox exec -n box1 -- head -c 50M /dev/zero </dev/null | wc -c)" 52428800
is "... and one of another sandbox" "$(openshell sandbox exec -n box -- head -c 50M /dev/zero </dev/null | wc -c)" 52428800
echo "# 100 MiB beside them took $((($(date +%s%N) - began) / 1000000)) ms"

for i in $(seq "$boxes"); do eval "exec $((10 + i))>&-"; done
wait "${crowds[@]}"
none() { [ "$(writers)" = 0 ]; }
if wait_for 15 none; then ok "their clients gone, the commands end"; else not_ok "their clients gone, the commands end" "$(writers) are left"; fi
back() { [ $(($(memory "$api") - before_api)) -le 4096 ] && [ $(($(memory "$link") - before_link)) -le 8192 ]; }
if wait_for 5 back; then ok "... and the memory is given back"; else not_ok "... and the memory is given back" "api $before_api, now $(memory "$api"); link $before_link, now $(memory "$link")"; fi
plan
