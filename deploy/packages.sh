#!/bin/sh
# Installs the Debian packages that a purpose needs, those that are missing only: packages.sh build|run|test ...
set -eu

build='gcc meson ninja-build pkg-config libzmq3-dev libmsgpack-dev libsodium-dev libseccomp-dev libpq-dev libyaml-dev libssl-dev libc-ares-dev libnghttp2-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
libprotobuf-dev libjansson-dev libcmocka-dev'
run='postgresql'
test='clang llvm libclang-rt-14-dev bubblewrap jq curl tmux python3 python3-venv strace procps iproute2 netcat-openbsd git'

wanted=
for purpose in "$@"; do
	case $purpose in
	build) wanted="$wanted $build" ;;
	run) wanted="$wanted $run" ;;
	test) wanted="$wanted $test" ;;
	*) echo "packages.sh: no such purpose: $purpose (build, run or test)" >&2; exit 2 ;;
	esac
done

missing=
for package in $wanted; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "these Debian packages are missing and there is no sudo: run as root: apt-get install$missing" >&2
		exit 1
	}
	as_root=sudo
fi
echo "installing:$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
for step in "apt-get update -q" "apt-get install -y -q --no-install-recommends$missing"; do
	printf '  %s ... ' "${step%% -q*}"
	if ! $as_root env DEBIAN_FRONTEND=noninteractive $step >"$log" 2>&1; then
		echo failed
		tail -n 20 "$log" >&2
		rm -f "$log"
		exit 1
	fi
	echo done
done
rm -f "$log"
