# Every door into a sandbox at once, each a function that writes to its standard output what it gets, and ends: what 36-chaos-doors and
# 41-cable look at. Source it behind lib.sh.
ms() { echo $(($(date +%s%N) / 1000000)); }
head -c "${BIG:-60M}" /dev/urandom >"$work/big"

# Inside: `drip` writes numbered lines, one in 10 ms, `mirror` sends back what it gets.
lines=${DRIP_LINES:-150}
drip='i=0; while [ $i -lt '"$lines"' ]; do i=$((i + 1)); echo $i; sleep 0.01; done'
seq "$lines" >"$work/wanted"
cat >"$work/service.py" <<'PY'
import socketserver, http.server, sys, threading, time
drip = [b"%d\n" % n for n in range(1, 1 + int(sys.argv[1]))]
class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        for line in drip:
            self.request.sendall(line); time.sleep(0.01)
class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", str(sum(map(len, drip)))); self.end_headers()
        for line in drip:
            self.wfile.write(line); self.wfile.flush(); time.sleep(0.01)
    def log_message(self, *_): pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True; daemon_threads = True
threading.Thread(target=Server(("127.0.0.1", 7001), Tcp).serve_forever, daemon=True).start()
print("serves", flush=True)
Server(("127.0.0.1", 7002), Web).serve_forever()
PY

lines_in() { for i in $(seq "$lines"); do echo "$i" || return; sleep 0.01; done 2>/dev/null; }
exec_output() { "$bin/openshell" sandbox exec -n box -- sh -c "$drip" </dev/null; }
exec_input() { lines_in | "$bin/openshell" sandbox exec -n box -- cat; }
exec_terminal() { script -qefc "'$bin/openshell' sandbox exec -n box --tty -- sh -c '$drip'" /dev/null </dev/null; }
ssh_session() { ssh -F "$work/ssh_config" openshell-box.default "$drip" </dev/null; }
tcp_forward() { nc -d 127.0.0.1 "$forwarded" </dev/null; }
service_request() { curl -sS -N --noproxy '*' "$service_url" </dev/null; }
# Files go on after a break; what came is compared when all of it is there.
copied() { cmp "$1" "$work/big" >&2 && cat "$work/wanted"; }
file_upload() { "$bin/openshell" sandbox upload box "$work/big" up </dev/null >&2 && "$bin/openshell" sandbox exec -n box -- cat up >"$work/up" </dev/null && copied "$work/up"; }
file_download() { rm -f "$work/down"; "$bin/openshell" sandbox download box big "$work/down" </dev/null >&2 && copied "$work/down"; }
doors="file_upload file_download exec_output exec_input exec_terminal ssh_session tcp_forward service_request"
[ -z "${DOORS:-}" ] || doors=$DOORS

# What a door's client says when it ends without all: a code of its own and one line.
said() {
	case $1 in
	exec_terminal) [ "$(grep -c '^Error: ' "$work/$1.out")" = 1 ] && sed -i '/^Error: /d' "$work/$1.out" ;;
	exec_* | file_*) [ "$(wc -l <"$work/$1.err")" = 1 ] && grep -q '^Error: ' "$work/$1.err" ;;
	ssh_session) [ "$(cat "$work/$1.code")" = 255 ] ;; # what words it has for it depends on the instant
	service_request) grep -q '^curl: ' "$work/$1.err" ;;
	tcp_forward) true ;; # a connection has no words
	esac
}
beginning() { cmp -s "$work/$1.out" <(head -c "$(stat -c %s "$work/$1.out")" "$work/wanted"); }
begun() { [ "${1#file_}" != "$1" ] || [ -s "$work/$1.out" ] || [ -s "$work/$1.ended" ]; }
begin() {
	local door
	for door in $doors; do
		rm -f "$work/$door".*
		: >"$work/$door.out"
		{
			"$door" >"$work/$door.out" 2>"$work/$door.err"
			echo $? >"$work/$door.code"
			ms >"$work/$door.ended"
		} &
	done
	for door in $doors; do wait_for 5 begun "$door" ||  echo "# $door did not begin: $(cat "$work/$door.err")"; done
}
ended() { local door; for door in $doors; do [ -s "$work/$door.ended" ] || return 1; done; }
# outcome DOOR KILLED_MS
outcome() {
	local code late
	[ -s "$work/$1.ended" ] || { echo "hangs"; return 1; }
	[ "$1" != exec_terminal ] || sed -i 's/\r//g; s/\^@//g' "$work/$1.out" # script(1) types a NUL, and the terminal shows it
	code=$(cat "$work/$1.code") late=$(($(cat "$work/$1.ended") - $2))
	if cmp -s "$work/$1.out" "$work/wanted"; then
		[ "$code" = 0 ] && { echo "goes on"; return; }
		said "$1" && { echo "ends after $late ms, with all lines, but what it ended with is lost: $(tail -n 1 "$work/$1.err" | cut -c1-120)"; return; }
		echo "whole, but code $code: $(cat "$work/$1.err")"
		return 1
	fi
	[ $late -le "${LATE_MS:-1000}" ] || { echo "ends after $late ms with code $code: $(cat "$work/$1.err")"; return 1; }
	[ "$1" = tcp_forward ] || [ "$code" != 0 ] || { echo "code 0 after $(wc -l <"$work/$1.out") lines: $(diff "$work/$1.out" "$work/wanted" | head -n 4 | paste -sd' ')"; return 1; }
	said "$1" || { echo "no defined error: code $code, $(cat "$work/$1.err") $(tail -n 2 "$work/$1.out" | cat -A | cut -c1-200)"; return 1; }
	# On a terminal a line that was cut off is ended before the error is told.
	[ "$1" != exec_terminal ] || beginning "$1" || truncate -s -1 "$work/$1.out"
	beginning "$1" || { echo "not a beginning of what was sent: $(tail -n 3 "$work/$1.out")"; return 1; }
	echo "ends after $late ms, $(wc -l <"$work/$1.out") lines: $(tail -n 1 "$work/$1.err" | cut -c1-120)"
}

# The sandbox, and in it a service that both ports of doors lead to.
box_args=()
serve() {
	openshell sandbox create --name box "${box_args[@]}" --detach -- sleep infinity >"$work/create" 2>&1 </dev/null
	openshell sandbox exec -n box -- sh -c 'cat >/sandbox/service.py' <"$work/service.py"
	openshell sandbox upload box "$work/big" big >"$work/create" 2>&1 </dev/null
	openshell sandbox exec -n box -- sh -c 'setsid /usr/bin/python3 /sandbox/service.py '"$lines"' >/sandbox/said 2>&1 </dev/null &
		until grep -qs serves /sandbox/said; do sleep 0.02; done' </dev/null
}
forward() {
	: >"$work/forward" # not what the one before has said
	"$bin/openshell" forward service box --target-port 7001 --local 0 >"$work/forward" 2>&1 </dev/null &
	forward=$!
	wait_for 5 grep -q '^Forwarding' "$work/forward"
	forwarded=$(sed -n 's/^Forwarding 127\.0\.0\.1 port \([0-9]*\) to .*/\1/p' "$work/forward")
}
