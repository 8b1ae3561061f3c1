#!/bin/sh
# Install the bundle as it was made: its programs must keep their RPATH, which "meson install" would take away.
# usage: install.sh BUNDLE LIBEXEC; DESTDIR as meson sets it
set -eu
to=${DESTDIR:-}$2/bundle
rm -rf "$to"
mkdir -p "$to"
cp -R "$1/." "$to"
chmod -R u=rwX,go=rX "$to"
