#!/bin/bash
# Services: ports of sandboxes under names, over the gateway's own port: HTTP/1.1, HTTP/2, WebSocket, and what breaks them.
. "$(dirname "$0")/lib.sh"
host=default--demo.openshell.localhost
# http PATH [CURL-OPTION...]: in clear, on the port that otherwise speaks TLS.
http() { local path=$1; shift; curl -sS -m 20 --resolve "$host:$port:127.0.0.1" "$@" "http://$host:$port$path" 2>&1; }
status() { http "$@" -o /dev/null -w '%{http_code}'; }
# as HOST PATH [CURL-OPTION...]
as() { local name=$1 path=$2; shift 2; curl -sS -m 20 -H "Host: $name" "$@" "http://127.0.0.1:$port$path" 2>&1; }
ends_as() { [ "$(status "$1")" = "$2" ]; }
big=16777216 big_hash=$(/usr/bin/python3 -c 'import hashlib; print(hashlib.sha256(b"0123456789abcdef" * 1048576).hexdigest())')

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
mtls=$XDG_CONFIG_HOME/openshell/gateways/openshell/mtls
https() { local path=$1; shift; curl -sS -m 20 --cacert "$mtls/ca.crt" --cert "$mtls/tls.crt" --key "$mtls/tls.key" --resolve "$host:$port:127.0.0.1" "$@" "https://$host:$port$path" 2>&1; }
succeeds "a sandbox" openshell sandbox create --name demo --detach -- /usr/bin/python3 -c "$(cat "$here/tests/e2e/world/service.py")" 8000=first 8001=second 8002=ws

# ---- names ----
is "none yet" "$(openshell service list)" "No services exposed."
is "an unknown name" "$(http /)" "Service endpoint not found"
succeeds "a port is exposed" openshell service expose demo 8000
like "... and its address told" "$out" "URL: +http://$host:$port/"
succeeds "a second one, with a name" openshell svc expose demo 8001 web -o json
is "... as JSON" "$(jq -c . <<<"$out")" "{\"workspace\":\"default\",\"sandbox\":\"demo\",\"service\":\"web\",\"target_port\":8001,\"url\":\"http://default--demo--web.openshell.localhost:$port/\"}"
is "both are listed" "$(openshell service list demo | tr -s ' ')" "SANDBOX SERVICE TARGET URL
demo 127.0.0.1:8000 http://$host:$port/
demo web 127.0.0.1:8001 http://default--demo--web.openshell.localhost:$port/"
like "... for all workspaces" "$(openshell service list --all-workspaces)" '^WORKSPACE +SANDBOX'
is "... a page of them" "$(openshell service list --limit 1 --offset 1 -o json | jq -r '.[].service')" web
like "one is shown" "$(openshell service get demo web)" 'Target: +127.0.0.1:8001'
fails_with "one that is not there" 1 openshell service get demo other
like "... says so" "$out" 'service endpoint not found'
fails_with "a sandbox that is not there" 1 openshell service expose nobody 80
like "... says so" "$out" 'sandbox not found'
fails_with "a port that is none" 2 openshell service expose demo 65536
fails_with "a name that is none" 1 openshell service expose demo 80 a--b
like_soon "the sandbox's log tells of it" 'CONFIG:service_endpoint_created demo--web port:8001' openshell logs demo -n 2000

# ---- requests ----
wait_for 10 ends_as / 200; is "it is reached" "$(http /)" "hello from first"
wait_for 10 test "$(as default--demo--web.openshell.localhost /)" = "hello from second"; is "so is the other" "$(as default--demo--web.openshell.localhost /)" "hello from second"
is "over TLS" "$(https /)" "hello from first"
is "... by HTTP/2" "$(https / --http2 -w '%{http_version}')" "hello from first
2"
is "... by HTTP/1.1" "$(https / --http1.1 -w '%{http_version}')" "hello from first
1.1"
is "by HTTP/2 in clear" "$(http / --http2-prior-knowledge -w '%{http_version}')" "hello from first
2"
seen=$(https /head --http2 -i -H 'Authorization: Bearer x' -H 'X-Client-Cert: x' -H 'X-Mine: y' -b 'a=1; CF_Authorization=z; b=2')
unlike "no login goes in" "$seen" '[Aa]uthorization|lient-[Cc]ert|=z'
like "... what is the caller's own does" "$seen" 'x-mine: y'
like "... and its other cookies" "$seen" 'a=1; b=2'
like "Host is the service's own" "$seen" 'host: 127.0.0.1:8000'
like "a cookie is for its own host alone" "$seen" 'set-cookie: s=1; Path=/'
for version in --http1.1 --http2; do
	is "$version: in pieces" "$(https /chunks $version | tr '\n' ,)" "piece 0,piece 1,piece 2,"
	seen=$(https /chunks $version -i)
	like "$version: ... with early hints before them" "$seen" '^HTTP/[12.]+ 103'
	like "$version: ... and trailers behind" "$seen" '^[Xx]-[Tt]railer: 1'
	is "$version: nothing" "$(https /none $version -w '%{http_code}')" 204
	is "$version: a head alone" "$(https / $version -I | tr -d '\r' | grep -ci '^content-length: 5$')" 1
	is "$version: $big bytes out" "$(https /big/$big $version | sha256sum | cut -d' ' -f1)" "$big_hash"
	is "$version: ... and in" "$(http /big/$big | https /sum $version -H 'Expect:' -X POST -H 'Content-Type: x' --data-binary @-)" "$big $big_hash"
	is "$version: ... of a length that nobody knows" "$(http /big/$big | https /sum $version -X POST -T -)" "$big $big_hash"
	is "$version: an answer before the end of the request" "$(head -c 3000000 /dev/zero | https /early $version -X POST --data-binary @- -o /dev/null -w '%{http_code}' | tail -c 3)" 413
done
like "a body that was announced is waited for" "$(head -c 100000 /dev/zero | http /sum -H 'Expect: 100-continue' --data-binary @-)" '^100000 '
# each happens when the one before has come
events=$(http /events -N | while read -r word number; do [ "$word" = data: ] && echo "$number" && http "/came/$number" >/dev/null; done | tr '\n' ,)
is "events come when they happen" "$events" "0,1,2,"

# ---- WebSocket ----
succeeds "a third service" openshell service expose demo 8002 ws
cat >"$work/ws.py" <<'P'
import asyncio, os, sys, websockets
async def main(port):
    async with websockets.connect(f"ws://default--demo--ws.openshell.localhost:{port}/x", host="127.0.0.1", port=port, max_size=None,
                                  origin=f"http://default--demo--ws.openshell.localhost:{port}") as ws:
        for size in (0, 1, 125, 126, 65536, 3000000):
            data = os.urandom(size)
            await ws.send(data)
            assert await ws.recv() == data, size
        await ws.send("words")
        print(await ws.recv())
asyncio.run(main(int(sys.argv[1])))
P
is "messages of all sizes come back" "$(timeout 20 /usr/bin/python3 "$work/ws.py" "$port" 2>&1 | tail -1)" words
if command -v node >/dev/null; then
	is "within HTTP/2" "$(timeout 20 node "$here/tests/e2e/clients/websocket_h2.js" "$mtls" default--demo--ws.openshell.localhost "$port" 2>&1)" "200
hi"
else
	skip_ok "within HTTP/2" "node is not there"
fi

# ---- who may ask, and for what ----
is "a page of another origin" "$(http / -H 'Origin: http://evil.example')" "Cross-origin service request rejected"
is "... by its referer" "$(status / -H 'Referer: http://evil.example/')" 403
is "... by what the browser says" "$(status / -H 'Sec-Fetch-Site: same-site')" 403
is "the service's own page" "$(status / -H "Origin: http://$host:$port" -H 'Sec-Fetch-Site: same-origin')" 200
is "over TLS the same: browsers send the certificate for any page" "$(https / -H 'Origin: http://evil.example')" "Cross-origin service request rejected"
is "... a service of another sandbox too" "$(https / -H "Origin: https://default--other.openshell.localhost:$port" -H 'Sec-Fetch-Site: same-site')" "Cross-origin service request rejected"
is "... but a link may be followed" "$(https / -H 'Referer: https://evil.example/' -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document')" "hello from first"
is "... and nothing be sent by it" "$(https / -X POST -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document')" "Cross-origin service request rejected"
is "... and its own page asks" "$(https / -H "Origin: https://$host:$port" -H 'Sec-Fetch-Site: same-origin')" "hello from first"
is "a name that is none" "$(as default--demo--.openshell.localhost /)" "Service endpoint not found"
is "... one label too many" "$(as default--demo--web--x.openshell.localhost /)" "Service endpoint not found"
like "in clear nothing but services" "$(as 127.0.0.1 / -w ' %{http_code}')" ' 000$'
fails_with "... calls of the API are none" 1 openshell --gateway-endpoint "http://127.0.0.1:$port" sandbox list
like "... and the client says what may be the matter" "$out" 'asked in clear .*may speak TLS'
like "... no gRPC either" "$(as 127.0.0.1 /openshell.v1.OpenShell/Health --http2-prior-knowledge -X POST -H 'content-type: application/grpc' -w ' %{http_code}')" ' 000$'
is "gRPC for a service's host is the service's" "$(status /openshell.v1.OpenShell/Health --http2-prior-knowledge -X POST -H 'content-type: application/grpc' -H 'te: trailers')" 200
is "without a certificate TLS has nothing" "$(curl -sS -m 5 --cacert "$mtls/ca.crt" --resolve "$host:$port:127.0.0.1" "https://$host:$port/" -o /dev/null -w '%{http_code}' 2>/dev/null)" 000

# ---- readers that do not read ----
api=$(pid_of api)
before=$(awk '/VmRSS/ { print $2 }' "/proc/$api/status")
/usr/bin/python3 - "$port" "$host" <<'P' >"$work/slow.log" 2>&1 &
import socket, sys, time
held = []
for i in range(20):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"GET /big/500000000 HTTP/1.1\r\nHost: %s\r\n\r\n" % sys.argv[2].encode())
    held.append(s)
print("held", flush=True)
time.sleep(600)
P
slow=$!
wait_for 5 grep -q held "$work/slow.log"
ten_requests() { local from; from=$(now_ms); for _ in 1 2 3 4 5 6 7 8 9 10; do http / >/dev/null; done; took=$(($(now_ms) - from)); [ $took -lt 2000 ]; }
thrice "twenty readers that stop hold nobody else: ten requests" ten_requests
grown=$(($(awk '/VmRSS/ { print $2 }' "/proc/$api/status") - before))
[ $grown -lt 30000 ] && ok "... and little memory ($grown KiB)" || not_ok "... and little memory" "$grown KiB"
kill $slow; wait $slow 2>/dev/null

# ---- what breaks ----
# Who would start another one stands still: a new state says that no sandbox is ready until relay has told it which are.
parent=$(cat "$data/gateway.pid") away=$(pid_of state)
kill -STOP "$parent"
kill -9 "$away"
is "state dies: what is known is served" "$(http / -m 10)" "hello from first"
kill -CONT "$parent"
wait_for 10 ends_as / 200; is "... and soon what the next one says" $? 0
# The answer above may have been the old state's word: where the new one's comes between, the request is answered, and asked again.
hangs() {
	http /hang -o /dev/null -w '%{http_code}' >"$work/hang" &
	hang=$!
	until openshell sandbox exec -n demo -- test -e /sandbox/hangs </dev/null; do kill -0 $hang || return 1; done
}
wait_for 10 hangs
kill -9 "$(pid_of relay)"
wait $hang
is "the relay dies: who waits is told" "$(tail -c 3 "$work/hang")" 502
wait_for 10 ends_as / 200; is "... and a moment later it is reached again" $? 0
kill -9 "$(pid_of api)"
wait_for 10 ends_as / 200; is "api dies: a moment later it is reached again" $? 0
succeeds "the sandbox stops" openshell sandbox stop demo
is "it is not ready" "$(http /)" "Sandbox is not ready"
is "... which is 412" "$(status /)" 412
succeeds "it starts" openshell sandbox start demo
wait_for 10 ends_as / 200; is "the name leads there still" "$(http /)" "hello from first"
succeeds "the name leads to another port, where nobody listens" openshell service expose demo 8009
is "... at once" "$(http /)" "Service endpoint is not reachable"
succeeds "a service is withdrawn" openshell service delete demo
is "... at once" "$(http /)" "Service endpoint not found"
fails_with "twice is an error" 1 openshell service delete demo
succeeds "the sandbox is deleted" openshell sandbox delete demo
is "its services with it" "$(openshell service list)" "No services exposed."
is "... for requests too" "$(as default--demo--web.openshell.localhost /)" "Service endpoint not found"
is "the audit has them" "$(sql "select count(*) from audit where action in ('service.expose', 'service.delete')")" 5
plan
