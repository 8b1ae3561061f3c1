#!/bin/bash
# The way out, measured in a world of its own beside HAProxy, squid and mitmproxy. usage: way-out.sh BUILD SECONDS; see ./bench
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/tests/e2e/world.sh"
exec /usr/bin/python3 "$here/tests/bench/way_out.py" "$@"
