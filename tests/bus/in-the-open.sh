#!/bin/sh
# Runs the test of driver-local (or of policyd: its daemon twice, then the puppet) on copies that an ordinary user can reach,
# also when this tree lies in a private directory.
# usage: in-the-open.sh TEST DRIVER BOX LAUNCHER [user]
set -eu
work=$(mktemp -d /tmp/driver-local.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/bin"
cp "$1" "$work/bin/test"
cp "$2" "$work/bin/driver-local"
cp "$3" "$work/bin/driver-local-box"
cp "$4" "$work/bin/launcher"
shift 4
"$work/bin/test" "$work/bin/driver-local" "$work/bin/launcher" "$@"
