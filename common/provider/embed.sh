#!/bin/sh
# Files into rows of C: {"NAME", "LINES"},  usage: embed.sh FILE...
set -eu
for file; do
	printf '{"%s",\n' "$(basename "$file" .yaml)"
	sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$/\\n"/' "$file"
	echo '},'
done
