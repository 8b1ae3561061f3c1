#!/bin/sh
# No name of common/ or proto/ is defined a second time by what links it: the linker would take either, without a word.
# usage: symbols.sh BUILD
set -eu
cd "$1"
found=$(find common proto services sandbox clients -name '*.a' | while read -r library; do
	nm --defined-only "$library" 2>/dev/null | awk -v library="$library" '$2 ~ /^[TDBR]$/ { print $3, library }'
done | sort -u | awk '
	{ where[$1] = where[$1] " " $2; common[$1] = common[$1] || $2 ~ /^(common|proto)/; times[$1]++ }
	END { for (name in where) if (common[name] && times[name] > 1) print name " is defined in" where[name] }')
[ -z "$found" ] || { echo "$found"; exit 1; }
