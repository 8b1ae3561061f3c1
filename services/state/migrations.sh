#!/bin/sh
# Write the migrations given as arguments (NNN_name.sql) as a C table: number, name and text of each.
set -eu
echo '/* Made by migrations.sh from migrations/. */'
echo '#include "services/state/migrate.h"'
echo 'const struct migration migrations[] = {'
for file in "$@"; do
	name=$(basename "$file" .sql)
	number=$(echo "${name%%_*}" | sed 's/^0*//')
	printf '\t{ %s, "%s",\n' "$number" "${name#*_}"
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$file"
	echo '},'
done
echo '};'
echo 'const unsigned migrations_n = sizeof(migrations) / sizeof(migrations[0]);'
