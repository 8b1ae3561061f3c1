#!/bin/bash
# The way out, measured in a world of its own beside HAProxy, squid and mitmproxy. usage: way-out.sh BUILD SECONDS; see ./bench
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/tests/e2e/world.sh"
for address in 93.184.216.40 93.184.216.41 93.184.216.42; do ip addr add "$address/32" dev lo 2>/dev/null || :; done
exec /usr/bin/python3 "$here/tests/bench/way_out.py" "$@"
