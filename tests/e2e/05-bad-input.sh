#!/bin/bash
# Bad input and bad luck: each gets one clear sentence and a code that is not 0, and leaves nothing half made.
# It runs in a mount namespace of its own, for the small disk that is filled.
small=/tmp/osh-small
if [ -z "${OSH_SMALL:-}" ]; then
	mkdir -p "$small.$$"
	if [ "$(id -u)" = 0 ]; then
		unshare --mount -- env OSH_SMALL="$small.$$" "$0" "$@"
	else
		unshare --user --map-current-user --mount --keep-caps -- env OSH_SMALL="$small.$$" "$0" "$@"
	fi
	code=$?
	rmdir "$small.$$"
	exit $code
elif ! mountpoint -q "$OSH_SMALL"; then
	mount -t tmpfs -o size=224m,mode=755 small "$OSH_SMALL" || { echo "not ok 1 - a small disk"; echo "1..1"; exit 1; }
	[ "$(id -u)" = 0 ] || exec setpriv --inh-caps=-all --ambient-caps=-all "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
openshell() { timeout 60 "$bin/openshell" "$@"; }
gateway() { timeout 120 "$bin/openshell-gateway" "$@" --data-dir "$data"; }

# refused WHAT CODE REGEX COMMAND...: that code, and one sentence on standard error that says so
refused() {
	local what=$1 code=$2 words=$3 got lines
	shift 3
	"$@" >"$work/said.out" 2>"$work/said" </dev/null
	got=$?
	lines=$(wc -l <"$work/said")
	if [ $got = "$code" ] && [ "$lines" = 1 ] && grep -qE -- "$words" "$work/said"; then
		ok "$what: $(cut -c1-160 "$work/said")"
	else
		not_ok "$what" "code $got, wanted $code, and one line with /$words/: $(cat "$work/said")"
	fi
}
names() { openshell sandbox list -o json </dev/null | jq -r '.[].name' | sort | paste -sd' '; }
boxes() { ls "$data/sandboxes/boxes" 2>/dev/null | wc -l; }
# Everything that the driver has below it.
running() { ps -o args= --ppid "$(pid_of driver-local)" | grep -c supervisor; }
# left WHAT NAMES BOXES SUPERVISORS
state() { echo "$(names)|$(boxes)|$(running)"; }
left() { is_soon "$1: nothing is half made" "$2|$3|$4" state; }

# ---- no gateway ----

refused "no gateway was ever here" 1 "^Error: No gateway configured: .*gateway add" openshell sandbox list
gateway status >"$work/said" 2>&1 </dev/null
is "status without a gateway ends with 3" "$?" 3
succeeds "stop without a gateway is no error" gateway stop

start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }

# ---- the command line ----

refused "a wrong flag" 2 "no flag --nosuch: .*sandbox create --help" openshell sandbox create --nosuch
refused "a wrong flag before the command" 2 "no flag --nosuch: .*--help" openshell --nosuch
refused "a wrong command" 2 'no command "frob": .*sandbox --help' openshell sandbox frob
refused "a flag without its value" 2 "--name" openshell sandbox create --name
refused "a wrong format" 2 'xml.*(json|yaml)' openshell sandbox list -o xml
refused "a memory that is none" 2 '--memory "12q": .*512Mi' openshell sandbox create --memory 12q
refused "a cpu that is none" 2 '--cpu "many"' openshell sandbox create --cpu many
refused "a label that is none" 2 '--label "=x": it is KEY=VALUE' openshell sandbox create --label =x
refused "an environment that is none" 2 '--env "x": it is KEY=VALUE' openshell sandbox create --env x
refused "gateway: a wrong flag" 1 "no flag --nosuch" gateway start --nosuch
refused "gateway: a wrong command" 2 'no command "frob"' gateway frob
refused "gateway: a port that is none" 1 "--port: 99999 is not within 1 to 65535" gateway start --port 99999
printf 'port: 17670\nprot: 1\n' >"$work/gateway.yaml"
refused "gateway: a key that is none" 1 'gateway.yaml.* line 2, column 1.*prot' "$bin/openshell-gateway" check-config "$work/gateway.yaml"

# ---- names and images ----

for name in Abc "a b" -a a- a--b "$(printf 'a%.0s' $(seq 20))" a/b ../a "" ä; do
	refused "the name '$name'" 2 "a sandbox's name (has 1 to 19|must not)" openshell sandbox create --name "$name" --detach
done
refused "an image for a driver that takes none" 1 'takes no image.*"debian:12"' openshell sandbox create --name image --from debian:12
left "command line, names, images" "" 0 0

# ---- policy files ----

# policy WHAT CODE REGEX <TEXT: a policy that is refused before anything is made
policy() {
	cat >"$work/policy.yaml"
	refused "policy: $1" "$2" "$3" openshell sandbox create --name policy --policy "$work/policy.yaml" --detach -- sleep infinity
}
policy "a bracket that is not closed" 1 'policy.yaml: line 4, column 13: ' <<-END
	version: 1
	filesystem_policy:
	  read_only: [/usr
	  read_write: [/tmp]
END
policy "an unknown key" 1 'policy.yaml: line 4, column 3: unknown key "raed_write"; known here: .*read_write' <<-END
	version: 1
	filesystem_policy:
	  read_only: [/usr]
	  raed_write: [/tmp]
END
policy "a key twice" 1 'line 2, column 1: "version" is there twice, first in line 1' <<-END
	version: 1
	version: 1
END
policy "a version that is not known" 1 'line 1, column 10: version: 2 is not known; allowed is 1' <<-END
	version: 2
END
policy "a path that is not absolute" 1 'line 3, column 21: .*usr/lib.*absolute' <<-END
	version: 1
	filesystem_policy:
	  read_only: [/usr, usr/lib]
END
policy "a path that goes up" 1 'line 3, column 21: .*\.\.' <<-END
	version: 1
	filesystem_policy:
	  read_only: [/usr, /usr/../etc]
END
policy "a word where a list belongs" 1 'line 3, column 14: ' <<-END
	version: 1
	filesystem_policy:
	  read_only: /usr
END
refused "policy: no such file" 1 'nofile: No such file' openshell sandbox create --name policy --policy "$work/nofile" --detach
left "policy files" "" 0 0

# bad_start NAME REGEX <TEXT: a policy that only the sandbox can judge; it ends in Error and says why
bad_start() {
	cat >"$work/policy.yaml"
	refused "$1" 1 "^Error: sandbox $1: $2" openshell sandbox create --name "$1" --policy "$work/policy.yaml" --detach -- sleep infinity
	is "$1 is in Error" "$(openshell sandbox get "$1" -o json </dev/null | jq -r .phase)" Error
	like_soon "its log says why" "$2" openshell logs "$1"
	wait_for 5 sh -c "! pgrep -P '$(pid_of driver-local)'"
	left "$1" "$1" 1 0
	succeeds "$1 can be deleted" openshell sandbox delete "$1"
	wait_for 5 sh -c "[ -z \"\$('$bin/openshell' sandbox list --names)\" ]"
	left "$1 deleted" "" 0 0
}
bad_start home "PolicyInvalid: filesystem path /home/someone: /home is private to the host" <<-END
	version: 1
	filesystem_policy:
	  include_workdir: true
	  read_only: [/usr, /lib, /home/someone]
END
bad_start hard "PolicyInvalid: filesystem path /no/such/place: /no: No such file" <<-END
	version: 1
	filesystem_policy:
	  include_workdir: true
	  read_only: [/usr, /lib, /no/such/place]
	landlock:
	  compatibility: hard_requirement
END
bad_start device "PolicyInvalid: filesystem path /dev/mem: a device of the host" <<-END
	version: 1
	filesystem_policy:
	  include_workdir: true
	  read_only: [/usr, /lib, /dev/mem]
END
refused "a main command that is not there" 1 'CommandNotFound.*no-such-command' openshell sandbox create --name nocommand --detach -- no-such-command
openshell sandbox delete nocommand >/dev/null 2>&1 </dev/null
wait_for 5 sh -c "[ -z \"\$('$bin/openshell' sandbox list --names)\" ]"

# ---- who may come, and where ----

(data=$work/second; refused "a port in use" 1 "port $port on 127.0.0.1 is in use by another program .*--port" gateway start --port "$port"
[ "$(gateway status >/dev/null 2>&1 </dev/null; echo $?)" = 3 ] && [ ! -e "$work/second/postgres" ] && [ ! -e "$work/second/keys" ] &&
	ok "a port in use: nothing is half made" || not_ok "a port in use: nothing is half made" "$(ls "$work/second")"
echo $tap_count >"$work/count")
tap_count=$(cat "$work/count")
refused "a second gateway in the same directory" 1 "already running with the data directory $data \(pid [0-9]+\)" gateway start --port "$(free_port)"
(data=$work/third; refused "plaintext on all addresses" 1 "bind_address 0.0.0.0 without TLS would let anyone in: .*127.0.0.1" gateway start --port "$(free_port)" --disable-tls --bind-address 0.0.0.0
[ ! -e "$work/third" ] && ok "plaintext: nothing is half made" || not_ok "plaintext: nothing is half made" "$(ls "$work/third")"
echo $tap_count >"$work/count")
tap_count=$(cat "$work/count")

own=$XDG_CONFIG_HOME
other=$work/other
cp -r "$XDG_CONFIG_HOME" "$other"
mtls=$other/openshell/gateways/openshell/mtls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=openshell-client -days 1 \
	-keyout "$work/other.key" -out "$work/other.crt" >/dev/null 2>&1
chmod 600 "$work/other.key"
cp "$work/other.key" "$mtls/tls.key"
cp "$work/other.crt" "$mtls/tls.crt"
export XDG_CONFIG_HOME=$other
refused "a client certificate of someone else" 1 "certificate" openshell sandbox list
cp "$own"/openshell/gateways/openshell/mtls/* "$mtls/"
cp "$work/other.crt" "$mtls/ca.crt"
refused "a gateway that another authority signed" 1 "certificate" openshell sandbox list
cp "$own"/openshell/gateways/openshell/mtls/* "$mtls/"
rm "$mtls/tls.key"
refused "a client key that is not there" 1 "tls.key" openshell sandbox list
export XDG_CONFIG_HOME=$own
refused "plaintext to a TLS port" 1 "." openshell sandbox list --gateway-endpoint "http://127.0.0.1:$port"
like "and the gateway goes on" "$(openshell sandbox list </dev/null)" "No sandboxes"

# ---- a stopped database ----

unavailable="database does not answer"
succeeds "a sandbox for the bad times" openshell sandbox create --name runs --detach -- sleep infinity
openshell sandbox exec -n runs -- sh -c 'i=0; while [ ! -e /sandbox/enough ]; do i=$((i + 1)); echo $i; sleep 0.05; done; echo end' >"$work/long" 2>&1 </dev/null &
long=$!
wait_for 5 test -s "$work/long"
database=$(pid_of postgres)
tree="$database $(pgrep -P "$database" | paste -sd' ')"
kill -STOP $tree
# answer_in MS COMMAND...: its answer takes no longer
answer_in() { local most=$1 from; shift; from=$(now_ms); "$@" >/dev/null 2>&1 </dev/null; took=$(($(now_ms) - from)); [ $took -lt "$most" ]; }
refused "PostgreSQL stands still: list" 1 "$unavailable" openshell sandbox list
thrice "... within two seconds" answer_in 3000 openshell sandbox list
refused "create" 1 "$unavailable" openshell sandbox create --name not-now --detach
refused "delete" 1 "$unavailable" openshell sandbox delete runs
thrice "... as soon" answer_in 3000 openshell sandbox delete runs
seen=$(wc -l <"$work/long")
wait_for 3 sh -c "[ \$(wc -l <'$work/long') -gt $((seen + 3)) ]" && ok "a running command does not notice" || not_ok "a running command does not notice"
kill -CONT $tree
wait_for 5 "$bin/openshell" sandbox list && ok "it goes on, and so do the answers" || not_ok "it goes on, and so do the answers" "$(openshell sandbox list 2>&1)"
left "PostgreSQL stood still" runs 1 1

# Who would start it again stands still until it was seen to be away.
parent=$(cat "$data/gateway.pid")
kill -STOP "$parent"
kill -KILL "$database"
refused "PostgreSQL is killed: list" 1 "$unavailable" openshell sandbox list
kill -CONT "$parent"
if within 3000 "$bin/openshell" sandbox list; then ok "it is back ($took ms)"; else not_ok "it is back" "$took ms"; fi
left "PostgreSQL was killed" runs 1 1
# Its writer of the log stands still, so that only what was acknowledged can be on the disk.
writer_comes() { writer=$(ps -o pid=,args= --ppid "$(pid_of postgres)" | awk '/walwriter/ { print $1 }') && [ -n "$writer" ]; }
wait_for 5 writer_comes
kill -STOP "$writer"
succeeds "a sandbox just before PostgreSQL is killed" openshell sandbox create --name just --detach -- sleep infinity
kill -KILL "$(pid_of postgres)" "$writer"
wait_for 5 "$bin/openshell" sandbox list
phases() { openshell sandbox list -o json </dev/null | jq -r '.[] | "\(.name)=\(.phase)"' | sort | paste -sd' '; }
is_soon "what was acknowledged is there" "just=Ready runs=Ready" phases
succeeds "exec in it" openshell sandbox exec -n just -- true
succeeds "delete it" openshell sandbox delete just
wait_for 5 sh -c "[ \"\$('$bin/openshell' sandbox list --names)\" = runs ]"
succeeds "exec works" openshell sandbox exec -n runs -- touch /sandbox/enough
wait $long
is "the running command ended as it should" "$?" 0
seq "$(($(wc -l <"$work/long") - 1))" >"$work/wanted"
echo end >>"$work/wanted"
cmp -s "$work/long" "$work/wanted" && ok "... and not a line of it is lost" || not_ok "... and not a line of it is lost" "$(diff "$work/long" "$work/wanted" | head -5)"

# ---- a gateway that does not run ----

gateway stop >/dev/null 2>&1 </dev/null
refused "a gateway that does not run" 1 "https://127.0.0.1:$port: nothing listens there; .openshell-gateway start. starts it" openshell sandbox list
like "status says so" "$(openshell status 2>&1 </dev/null)" "[Dd]isconnected|[Rr]efused|not"
start_gateway && ok "it starts again" || not_ok "it starts again"
succeeds "delete" openshell sandbox delete runs
wait_for 5 sh -c "[ -z \"\$('$bin/openshell' sandbox list --names)\" ]"
left "after the bad times" "" 0 0
gateway stop --sandboxes >/dev/null 2>&1 </dev/null

# ---- a kernel that gives no more namespaces ----

# without LIMIT: a shell command in a user namespace in which that many more may be made: none
without() {
	local limit=$1 holder
	shift
	mkfifo "$work/go"
	unshare --user --keep-caps -- bash -c 'read -r _ <"$1" && echo 0 >"/proc/sys/user/$2" && exec "${@:3}"' - "$work/go" "$limit" "$@" &
	holder=$!
	wait_for 5 sh -c "[ \"\$(readlink /proc/$holder/ns/user)\" != \"\$(readlink /proc/$$/ns/user)\" ]"
	if [ "$(id -u)" = 0 ]; then
		echo "0 0 4294967294" >/proc/$holder/uid_map
		echo "0 0 4294967294" >/proc/$holder/gid_map
	else
		echo deny >/proc/$holder/setgroups
		echo "$(id -u) $(id -u) 1" >/proc/$holder/uid_map
		echo "$(id -g) $(id -g) 1" >/proc/$holder/gid_map
	fi
	echo go >"$work/go"
	wait $holder
	local code=$?
	rm "$work/go"
	return $code
}
# What of it is missing for the walls can be seen by the driver, but not from within a box.
for limit in user net pid; do
	place=max_${limit}_namespaces
	[ $limit != net ] || place='max_\*_namespaces on the host'
	without "max_${limit}_namespaces" timeout 60 "$bin/openshell-gateway" start --port "$port" --data-dir "$data" >"$work/start.log" 2>&1 </dev/null
	refused "no $limit namespaces" 1 "^Error: sandbox poor-$limit: .*namespace.*/proc/sys/user/$place" \
		openshell sandbox create --name poor-$limit --detach -- sleep infinity
	is "it is in Error" "$(openshell sandbox get poor-$limit -o json </dev/null | jq -r .phase)" Error
	wait_for 5 sh -c "! pgrep -P '$(pid_of driver-local)'"
	left "no $limit namespaces" poor-$limit 1 0
	succeeds "it can be deleted" openshell sandbox delete poor-$limit
	wait_for 5 sh -c "[ -z \"\$('$bin/openshell' sandbox list --names)\" ]"
	left "no $limit namespaces, deleted" "" 0 0
	gateway stop --sandboxes >/dev/null 2>&1 </dev/null
done

# ---- a full disk ----

full_disk() {
	data=$OSH_SMALL/data
	start_gateway && ok "a gateway on a small disk" || { not_ok "a gateway on a small disk"; return; }
	succeeds "a sandbox before" openshell sandbox create --name before --detach -- sleep infinity
	succeeds "a file before" openshell sandbox exec -n before -- sh -c 'echo kept >/sandbox/note'
	cat /dev/zero >"$OSH_SMALL/filler" 2>/dev/null
	local i code
	head -c 5000 /dev/urandom | base64 -w 0 >"$work/noise"
	for i in $(seq 60); do
		openshell sandbox create --name "full-$i" --detach $(for j in $(seq 35); do echo --env "A$j=$j$(cat "$work/noise")"; done) -- sleep infinity >"$work/full.out" 2>"$work/full" </dev/null || break
	done
	like "a write is refused with the reason ($i tries)" "$(cat "$work/full")" "^Error: .*(disk.* full|No space left)"
	is "reads go on" "$(names | grep -c before)" 1
	is "what runs goes on" "$(openshell sandbox exec -n before -- cat /sandbox/note </dev/null)" kept
	refused "the agent's own writes say so" 1 "No space left" openshell sandbox exec -n before -- sh -c 'head -c 1000000 /dev/zero >/sandbox/big'
	rm "$OSH_SMALL/filler"
	wait_for 10 "$bin/openshell" sandbox create --name after --detach -- sleep infinity && ok "there is room again: create works" ||
		not_ok "there is room again: create works" "$(openshell sandbox create --name after2 --detach -- sleep infinity 2>&1 </dev/null)"
	is "what was stored is there" "$(openshell sandbox exec -n before -- cat /sandbox/note </dev/null)" kept
}
full_disk
plan
