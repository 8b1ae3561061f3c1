#!/bin/sh
# Arrows run down: fails on an include or a link line that the plan (docs/architecture.md, "The house") does not allow,
# on a circle of files, and on a file without its first sentence. Prints one line for each breach.
set -eu
cd "$(dirname "$0")/.."

# room: rooms that it may include from besides its own. A room is the longest prefix that is listed.
rooms='
common/base
common/os common/base
common/wire common/base
common/policy common/base common/os common/wire openshell
common/provider common/base common/wire common/policy openshell
common/bus common/base common/os proto
common/seal common/base common/bus proto
common/rpc common/base common/os common/wire openshell
common/leg common/base common/os common/wire common/policy
common/resolve common/base common/os common/policy
common/https common/base common/policy common/wire common/leg
common/service common/base common/os common/wire common/policy common/bus
common/transfer common/base
proto common/bus
services/api common openshell proto
services/state common openshell proto
services/credentials common proto
services/credentials/fetch common proto
services/relay common proto
services/driver-local common proto
services/gateway common proto
sandbox/supervisor common proto
sandbox/link common proto
sandbox/policyd common openshell proto
sandbox/proxy common proto
sandbox/router common proto
sandbox/grant common proto
sandbox/sshd common proto
sandbox/pack common/base common/transfer
sandbox/launcher
sandbox/fence
clients/sdk common/base common/os common/wire common/rpc common/policy openshell
clients/cli common/base common/os common/wire common/rpc common/transfer common/policy common/provider clients/sdk openshell
'

# room: outside libraries it may link (names of *_dep in meson.build); everything may link its own rooms' *_dep.
links='
common/base
common/os seccomp
common/wire yaml protobuf_c zlib ssl
common/policy protobuf_c sodium
common/provider protobuf_c sodium
common/bus libzmq sodium
common/seal sodium
common/rpc ssl nghttp2 protobuf_c
common/leg ssl
common/resolve cares
common/https ssl
common/service
common/transfer ssl
services/api protobuf_c sodium
services/state pq sodium protobuf_c
services/credentials sodium
services/credentials/fetch ssl
services/relay
services/driver-local sodium seccomp
services/gateway pq sodium ssl
sandbox/supervisor seccomp sodium
sandbox/link sodium
sandbox/policyd sodium
sandbox/proxy ssl nghttp2
sandbox/router ssl nghttp2 sodium
sandbox/grant ssl
sandbox/sshd ssh sodium
sandbox/pack
sandbox/launcher
sandbox/fence nftables nl nl_route
clients/sdk protobuf_c jansson
clients/cli protobuf_c jansson
'

sources=$(git ls-files -co --exclude-standard 'common/*.[ch]' 'services/*.[ch]' 'sandbox/*.[ch]' 'clients/*.[ch]')
all=$(git ls-files -co --exclude-standard '*.[ch]')
breaches=$(
	# includes
	grep -Hn '^#include "' $sources | awk -v rooms="$rooms" '
	function room_of(path,   i, best) {
		best = ""
		for (i in known)
			if (index(path, i "/") == 1 && length(i) > length(best))
				best = i
		return best
	}
	BEGIN {
		n = split(rooms, line, "\n")
		for (i = 1; i <= n; i++)
			if (line[i] != "") {
				split(line[i], word, " ")
				known[word[1]] = 1
				allowed[word[1]] = " " line[i] " "
			}
	}
	{
		split($0, part, ":")
		file = part[1]
		from = room_of(file)
		match($0, /"[^"]*"/)
		target = substr($0, RSTART + 1, RLENGTH - 2)
		if (index(target, "/") == 0) {
			print file ":" part[2] ": include \"" target "\" by its full path"
			next
		}
		to = room_of(target)
		if (target ~ /^(openshell|google)\//)
			to = "openshell"
		if (to == "" || to == from)
			next
		top = to
		sub(/\/.*/, "", top)
		if (index(allowed[from], " " to " ") == 0 && index(allowed[from], " " top " ") == 0)
			print file ":" part[2] ": " from " may not include from " to
	}'

	# circles of files: a header is one node with its .c
	grep -H '^#include "' $sources | sed 's/\.[ch]:#include "/ /; s/\.[ch]".*//' | awk '$1 != $2' | sort -u >"${TMPDIR:-/tmp}/house.$$"
	tsort "${TMPDIR:-/tmp}/house.$$" 2>&1 >/dev/null | grep -v 'input contains a loop' | sed 's/^tsort: /in a circle of files: /' || true
	rm -f "${TMPDIR:-/tmp}/house.$$"

	# link lines
	for build in $(git ls-files -co --exclude-standard 'common/*meson.build' 'services/*meson.build' 'sandbox/*meson.build' 'clients/*meson.build'); do
		room=$(dirname "$build")
		allowed=$(printf '%s' "$links" | awk -v room="$room" '$1 == room { $1 = ""; print }')
		for dep in $(sed 's/#.*//' "$build" | grep -o '[a-z_]*_dep' | sort -u | sed 's/_dep$//'); do
			case $dep in
			libzmq|msgpack|sodium|seccomp|nl|nl_route|nftables|pq|yaml|ssl|cares|nghttp2|protobuf_c|jansson|cmocka|zlib)
				case " $allowed " in
				*" $dep "*) ;;
				*) echo "$build: $room may not link $dep" ;;
				esac ;;
			esac
		done
	done

	# one sentence at the top of each file
	for file in $sources; do
		head -c 2 "$file" | grep -q '^/\*' || echo "$file: begins without the sentence that says what lives here"
	done

	# the layout is .clang-format's, of tests and their tools too
	if command -v clang-format >/dev/null; then
		printf '%s\n' $all | xargs -P "$(nproc)" -n 100 clang-format --dry-run 2>&1 | sed -n 's/: warning: .*/: is not laid out as .clang-format says (clang-format -i)/p' | sort -u
	fi

	# calls that do not build here (a test runs programs by tests/unit/run.h)
	grep -HnE '(^|[^_[:alnum:]])((strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets) *|system|popen)\(' $all | sed 's/$/  (not used in this house)/' || true
)
if [ -n "$breaches" ]; then
	printf '%s\n' "$breaches"
	exit 1
fi
echo "the house stands: $(printf '%s\n' $all | wc -l) files, arrows run down"
