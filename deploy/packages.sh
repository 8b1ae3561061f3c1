#!/bin/sh
# Installs the Debian packages that a purpose needs, those that are missing only: packages.sh build|run|show|test|bench ...
# PACKAGE/COMMAND: not needed either where that command is there from elsewhere.
set -eu

build='gcc meson ninja-build pkg-config libzmq3-dev libmsgpack-dev libsodium-dev libseccomp-dev libnftables-dev libnl-3-dev libnl-route-3-dev libpq-dev libyaml-dev libssl-dev libc-ares-dev libnghttp2-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
libprotobuf-dev libjansson-dev libcmocka-dev zlib1g-dev libssh-dev openssh-sftp-server'
run='postgresql'
show='curl/curl python3/python3'
test='clang clang-format llvm libclang-rt-14-dev bubblewrap jq curl python3 python3-venv strace procps iproute2 nftables netcat-openbsd git openssl nginx-light python3-requests
python3-websockets python3-grpcio python3-pip nodejs/node npm/npm golang-go/go default-jdk-headless/keytool wget openssh-client rsync tmux tinyproxy-bin'
bench='wrk haproxy squid-openssl mitmproxy openssh-server docker.io'

wanted=
for purpose in "$@"; do
	case $purpose in
	build) wanted="$wanted $build" ;;
	run) wanted="$wanted $run" ;;
	show) wanted="$wanted $show" ;;
	test) wanted="$wanted $test" ;;
	bench) wanted="$wanted $test $bench" ;;
	*) echo "packages.sh: no such purpose: $purpose (build, run, show, test or bench)" >&2; exit 2 ;;
	esac
done

missing=
PATH=$PATH:/usr/local/go/bin
for package in $wanted; do
	case $package in */*) command -v "${package#*/}" >/dev/null && continue ;; esac
	package=${package%/*}
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
# What is installed for tests is not to serve: no daemon is started, unless this machine has its own rule about that.
quiet=/usr/sbin/policy-rc.d
if [ ! -e $quiet ]; then
	trap '$as_root rm -f $quiet' EXIT
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $quiet >/dev/null && $as_root chmod 755 $quiet
fi
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
