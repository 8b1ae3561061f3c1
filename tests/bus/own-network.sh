#!/bin/sh
# Runs a test in a network namespace of its own, with the addresses that the tests of the proxy use: 10.200.0.1 (the explicit
# proxy's), 10.9.8.7 (a server that may be reached), and capturing rules as a sandbox has them. Needs nft and ip.
# usage: own-network.sh PROGRAM ARGUMENT...
set -eu
if [ "${OWN_NETWORK:-}" = "" ]; then
	export OWN_NETWORK=1
	if [ "$(id -u)" = 0 ]; then
		exec unshare -n "$0" "$@"
	fi
	exec unshare -rnm "$0" "$@"
fi
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
for address in 10.200.0.1/32 10.9.8.7/32 fd00:9:8::7/128; do
	ip address add "$address" dev lo
done
ip route add local 198.18.0.0/15 dev lo
ip route add local 198.51.100.0/24 dev lo
ip -6 route add local fd00:51::/64 dev lo
nft -f - <<'RULES'
table inet test {
	chain arrival {
		type filter hook prerouting priority -150;
		meta mark 0x6f73 accept
		ip daddr { 198.18.0.0/15, 198.51.100.0/24 } meta l4proto tcp tproxy ip to 127.0.0.1:15001
		ip6 daddr fd00:51::/64 meta l4proto tcp tproxy ip6 to [::1]:15001
	}
}
RULES
exec "$@"
