#!/bin/sh
# Make the bundle: the programs of a sandbox, the shared libraries they need, and a loader of their own.
#
# usage: bundle.sh DIRECTORY STAMP PROGRAM... [--agent PROGRAM...]
#   DIRECTORY/bin/NAME   each program under its own name
#   DIRECTORY/lib        what they need, found by ldd, and the loader
#   DIRECTORY/empty      nothing: a root directory for processes that need no file
#   DIRECTORY/agent      what the agent may execute: programs, lib of their own, and "loader", by which one that was made
#                        for another system's loader is run: loader --library-path .../agent/lib .../agent/NAME
#
# In a sandbox DIRECTORY is /opt/openshell. The loader's names for preloading and caching are changed to names of the
# same length below it that do not exist, so that no file of an image is read before main. At the end it is checked
# that nothing is needed that is not here. The directory is replaced as a whole: nobody sees half of it.
set -eu

fail() {
	echo "bundle.sh: $*" >&2
	exit 1
}

[ $# -ge 3 ] || fail "usage: bundle.sh DIRECTORY STAMP PROGRAM..."
directory=$1
stamp=$2
shift 2
new=$directory.new.$$
trap 'rm -rf "$new"' EXIT
rm -rf "$new"
mkdir -p "$new/bin" "$new/lib" "$new/empty"

# The system's own loader, which has the name that the programs ask for below /opt/openshell/lib.
loader_of() {
	readelf -l "$1" | sed -n 's/.*interpreter: \(.*\)]/\1/p'
}

system_loader() {
	for path in "/lib64/$1" "/lib/$1" "/usr/lib64/$1" "/usr/lib/$1"; do
		if [ -e "$path" ]; then
			echo "$path"
			return
		fi
	done
	fail "there is no $1 on this system"
}

# ldd runs the program's own loader; the system's does as well and is there.
needs_of() {
	"$(system_loader "$loader")" --list "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
}

loader=
mkdir "$new/agent" "$new/agent/lib"
to=bin lib=/opt/openshell/lib rpath='$ORIGIN/../lib'
for program in "$@"; do
	if [ "$program" = --agent ]; then
		to=agent lib=/opt/openshell/agent/lib rpath='$ORIGIN/lib'
		continue
	fi
	cp -L "$program" "$new/$to/"
	interpreter=$(loader_of "$program")
	[ -n "$interpreter" ] || continue
	loader=$(basename "$interpreter")
	needs_of "$program" >>"$new/needs-$to"
	case $to,$interpreter in agent,/lib*) continue ;; esac # one of the system's
	[ "$interpreter" = "$lib/$loader" ] || fail "$program asks for the loader $interpreter"
	readelf -d "$program" | grep -q "(RPATH).*\[$rpath\]" || fail "$program has no RPATH of the bundle"
done
[ -n "$loader" ] || fail "no program here needs a loader"
copy_needs() { # FILE DIRECTORY
	sort -u "$1" | while read -r library; do
		cp -L "$library" "$2/"
	done
	rm "$1"
}
copy_needs "$new/needs-bin" "$new/lib"
# glibc opens it by name when a thread ends early: it must be found here too.
gcc_s=$(ldconfig -p 2>/dev/null | awk -v loader="$loader" '/libgcc_s\.so\.1/ { print $NF; exit }') || gcc_s=
[ -z "$gcc_s" ] || cp -L "$gcc_s" "$new/lib/"

# Same length, so that nothing in the file moves.
replace() {
	[ ${#1} -eq ${#2} ] || fail "$1 and $2 differ in length"
	LC_ALL=C sed -i "s|$1|$2|g" "$new/lib/$loader"
	if LC_ALL=C grep -q "$1" "$new/lib/$loader"; then fail "the loader still names $1"; fi
	LC_ALL=C grep -q "$2" "$new/lib/$loader" || fail "this loader does not name $1"
}
cp -L "$(system_loader "$loader")" "$new/lib/$loader"
size=$(wc -c <"$new/lib/$loader")
replace /etc/ld.so.preload /opt/openshell/pre
replace /etc/ld.so.cache /opt/openshell/c
[ "$(wc -c <"$new/lib/$loader")" -eq "$size" ] || fail "the loader changed its size"
chmod 755 "$new/lib/$loader"
if [ -f "$new/needs-agent" ]; then
	copy_needs "$new/needs-agent" "$new/agent/lib"
	cp "$new/lib/$loader" "$new/agent/lib/"
	ln -s "lib/$loader" "$new/agent/loader"
else
	rm -r "$new/agent"
fi

# Nothing may resolve outside: every name that is needed is a file here.
complete() { # LIB FILE...
	in=$1
	shift
	for file in "$@"; do
		readelf -d "$file" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r name; do
			[ -f "$in/$name" ] || fail "$(basename "$file") needs $name, which is not in the bundle"
		done
	done
}
complete "$new/lib" "$new"/bin/* "$new"/lib/*
[ ! -d "$new/agent" ] || complete "$new/agent/lib" "$new"/agent/[!l]* "$new"/agent/lib/*

chmod -R go=rX "$new"
if [ -e "$directory" ]; then
	mv "$directory" "$new.old"
	mv "$new" "$directory"
	rm -rf "$new.old"
else
	mv "$new" "$directory"
fi
: >"$stamp"
