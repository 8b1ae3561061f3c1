# A world of the test's own, for what talks to the network: sourced first, it runs the script again in network and mount
# namespaces where the public addresses below are on lo, names come from a name server of the test's, and upstreams with
# certificates of the test's own CA answer. Nothing here can reach, or be reached from, the real network.
# Functions: world_name NAME ADDRESS..., world_seen (what upstreams were sent, a JSON line a request), world_forget.
set -u
world_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export WORLD_PUBLIC=93.184.216.34 WORLD_PUBLIC6=2606:2800:220:1::34 WORLD_PRIVATE=10.20.9.9 WORLD_STATIC=93.184.216.36

world_addresses() {
	local address
	ip link set lo up
	for address in 93.184.216.34 93.184.216.35 93.184.216.36 93.184.216.37 93.184.216.38 93.184.216.40 93.184.216.41 93.184.216.42 93.184.216.43 93.184.216.44 93.184.216.45 93.184.216.46 172.32.0.1 10.20.9.9 10.20.0.5 10.21.0.1 10.30.0.8 \
		10.1.2.3 100.64.1.1 198.18.0.9 169.254.1.2 169.254.169.254 224.0.0.5; do
		ip addr add "$address/32" dev lo 2>/dev/null || :
	done
	for address in "$WORLD_PUBLIC6" 2001:db8::7 fd00::1; do ip -6 addr add "$address/128" dev lo nodad 2>/dev/null || :; done
}

world_certificates() {
	local dir=$1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=Test CA" \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=upstream" -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
	printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$(sed 's/^/DNS:/' "$dir/certified" | paste -sd,),IP:93.184.216.34,IP:10.20.0.5,IP:$WORLD_PUBLIC6" >"$dir/ext"
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 -extfile "$dir/ext" -out "$dir/server.pem" 2>/dev/null
	# One that nobody trusts.
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=stranger" -addext "subjectAltName=DNS:untrusted.acme.test" \
		-keyout "$dir/stranger.key" -out "$dir/stranger.pem" 2>/dev/null
	cat /etc/ssl/certs/ca-certificates.crt "$dir/ca.pem" >"$dir/trusted.pem"
}

world_name() { local name=$1; shift; sed -i "/^$name /d" "$WORLD/names"; [ $# = 0 ] || echo "$name $*" >>"$WORLD/names"; }
world_seen() { cat "$WORLD/seen"; }
world_forget() { : >"$WORLD/seen"; }

world_begin() {
	local pid waited=0
	cp "$world_here/world/names" "$WORLD/names"
	cp "$world_here/world/certified" "$WORLD/certified"
	: >"$WORLD/seen"
	world_certificates "$WORLD"
	world_addresses
	printf 'nameserver 127.0.0.53\n' >"$WORLD/resolv.conf"
	printf '127.0.0.1 localhost\n::1 localhost\n10.20.0.5 from-hosts.acme.test\n169.254.1.2 host.docker.internal\n' >"$WORLD/hosts"
	mount --bind "$WORLD/resolv.conf" "$(readlink -f /etc/resolv.conf)"
	mount --bind "$WORLD/hosts" /etc/hosts
	mount --bind "$WORLD/trusted.pem" /etc/ssl/certs/ca-certificates.crt
	rm -f "$WORLD/ready"
	mkfifo "$WORLD/ready"
	/usr/bin/python3 "$world_here/world/upstream.py" "$WORLD" >"$WORLD/upstream.log" 2>&1 &
	echo $! >"$WORLD/pids"
	mkfifo "$WORLD/grpc-ready"
	/usr/bin/python3 "$world_here/world/grpc_upstream.py" "$WORLD" >"$WORLD/grpc.log" 2>&1 &
	echo $! >>"$WORLD/pids"
	mkfifo "$WORLD/stubborn-ready"
	/usr/bin/python3 "$world_here/world/stubborn.py" "$WORLD" >"$WORLD/stubborn.log" 2>&1 &
	echo $! >>"$WORLD/pids"
	read -r -t 30 _ <>"$WORLD/stubborn-ready" || { echo "# the stubborn stand-ins did not start" >&2; sed 's/^/# /' "$WORLD/stubborn.log" >&2; exit 1; }
	read -r -t 30 _ <"$WORLD/grpc-ready" || { echo "# the gRPC stand-in did not start" >&2; sed 's/^/# /' "$WORLD/grpc.log" >&2; exit 1; }
	read -r -t 30 _ <"$WORLD/ready" || { echo "# the stand-ins did not start" >&2; sed 's/^/# /' "$WORLD/upstream.log" >&2; exit 1; }
	/usr/bin/python3 "$world_here/world/tree.py" "$WORLD"
	nginx -p "$WORLD" -c "$WORLD/nginx.conf" >"$WORLD/nginx.log" 2>&1 || { sed 's/^/# /' "$WORLD/nginx.log" >&2; exit 1; }
	until [ -s "$WORLD/nginx.pid" ]; do sleep 0.05; done # which is written by the one that goes on
	cat "$WORLD/nginx.pid" >>"$WORLD/pids"
}

world_end() { local pid; while read -r pid; do kill "$pid" 2>/dev/null; done <"$WORLD/pids"; rm -rf "$WORLD"; }

case ${OPENSHELL_WORLD:-} in
'')
	export WORLD=$(mktemp -d /tmp/osh-world.XXXXXX)
	chmod 755 "$WORLD"
	if [ "$(id -u)" = 0 ]; then exec unshare --net --mount env OPENSHELL_WORLD=begin "$0" "$@"; fi
	exec unshare --user --map-root-user --net --mount env OPENSHELL_WORLD=begin WORLD_USER="$(id -u):$(id -g)" "$0" "$@"
	;;
begin)
	world_begin
	world_code=0
	if [ -n "${WORLD_USER:-}" ]; then # become the ordinary user again, who has no right over these namespaces
		unshare --user --map-user="${WORLD_USER%:*}" --map-group="${WORLD_USER#*:}" env OPENSHELL_WORLD=here "$0" "$@" || world_code=$?
	else
		OPENSHELL_WORLD=here "$0" "$@" || world_code=$?
	fi
	if [ -n "${KEEP:-}" ]; then echo "# kept: $WORLD"; else world_end; fi
	exit $world_code
	;;
esac
