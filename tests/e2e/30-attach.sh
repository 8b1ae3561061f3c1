#!/bin/bash
# Terminals: a command with one, the main process attached to, left and come back to; forwards; what is wrong is said.
# Screens are tmux's, looked at until they show what must come.
. "$(dirname "$0")/lib.sh"
export PATH=$bin:$PATH
tmux=(tmux -S "$work/tmux" -f /dev/null)
export -n NO_COLOR
quietly() { "$@" >/dev/null 2>&1 </dev/null; }
soon() { timeout 60 "$@"; }

# screen: what the terminal shows. shows PATTERN: does it? wait_screen WHAT PATTERN: ok when it does within some seconds.
screen() { "${tmux[@]}" capture-pane -p -t "${1:-one}"; }
shows() { screen "${2:-one}" | grep -qE -- "$1"; }
wait_screen() { if wait_for 15 shows "$2" "${3:-one}"; then ok "$1"; else not_ok "$1" "$(screen "${3:-one}")"; fi; }
keys() { "${tmux[@]}" send-keys -t one "$@"; }
# on_screen COMMAND: in a new window, 80x24; its exit code is shown behind it
on_screen() {
	quietly "${tmux[@]}" kill-session -t "${2:-one}"
	"${tmux[@]}" new-session -d -s "${2:-one}" -x 80 -y 24 "$1; echo \"[code \$?]\"; cat >/dev/null"
}

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
quietly openshell sandbox create --name pipe --detach -- sh -c 'echo begun; while read l; do echo "got $l"; done'
quietly openshell sandbox create --name term --detach --tty -- sh -c 'PS1="main> " exec sh -i'

# exec: bytes, codes, input without end
head -c 3000000 /dev/urandom >"$work/bytes"
soon openshell sandbox exec -n pipe -- cat <"$work/bytes" >"$work/back"
succeeds "exec: 3 MB in and out again, byte for byte" cmp "$work/bytes" "$work/back"
(exec 9<>"$work/bytes"; cat "$work/bytes" /dev/zero 2>/dev/null) | soon openshell sandbox exec -n pipe -- head -c 3000000 >"$work/back"
is "exec: input without end ends with the command" "${PIPESTATUS[1]} $(cmp "$work/bytes" "$work/back" && echo same)" "0 same"
all=$(for i in $(seq 0 255); do printf '\\%03o' "$i"; done)
printf "$all" >"$work/all"
soon openshell sandbox exec -n pipe -- printf "$all" </dev/null >"$work/back"
succeeds "exec: every byte comes out as it is" cmp "$work/all" "$work/back"
soon openshell sandbox exec -n pipe -- sh -c 'kill -9 $$' </dev/null; is "exec: killed is 128 + the signal" $? 137

# exec with a terminal: size, keys, a full-screen program
on_screen "openshell sandbox exec --tty -n pipe -- sh"
wait_screen "exec --tty: a shell" '[$#] *$'
keys 'stty size; tty' Enter
wait_screen "its terminal has our size" '^24 80'
"${tmux[@]}" resize-window -t one -x 100 -y 30
keys 'until [ "$(stty size)" = "30 100" ]; do :; done; echo size-is-new' Enter
wait_screen "and follows ours" '^size-is-new'
keys 'sleep 1000' Enter
wait_for 10 eval "openshell sandbox exec -n pipe -- pgrep -x sleep </dev/null"
wait_for 10 eval 'keys C-c; ! openshell sandbox exec -n pipe -- pgrep -x sleep </dev/null' # a shell may miss one that comes just then
keys Enter 'echo after-$((40+2))' Enter
wait_screen "Ctrl-C ends what runs there, not us" 'after-42'
keys 'seq 1000 | less' Enter
wait_screen "a full-screen program draws" '^28$'
keys '/555' Enter
wait_screen "and takes keys" '^555$'
keys q
keys 'exit 6' Enter
wait_screen "its exit code is ours" '\[code 6\]'
keys 'q'
is "the terminal is as it was" "$("${tmux[@]}" display -p -t one '#{pane_dead}')" 0

# the main process on a terminal: attach, leave, come back, a second client, its end
on_screen "openshell sandbox connect term"
wait_screen "connect: how to leave is said" 'Ctrl-P Ctrl-Q leaves it running'
keys 'echo first-$((40+2))' Enter
wait_screen "connect: the main process answers" '^first-42'
"${tmux[@]}" resize-window -t one -x 90 -y 31
keys 'until [ "$(stty size)" = "31 90" ]; do :; done; echo main-size-is-new' Enter
wait_screen "its terminal follows ours" '^main-size-is-new'
on_screen "openshell sandbox connect term" two
wait_screen "a second client sees what was written before" '^first-42' two
wait_screen "and is told that it only watches" 'already has an input owner' two
keys 'echo seen-by-both' Enter
wait_screen "what the first one does is seen there" '^seen-by-both' two
"${tmux[@]}" send-keys -t two C-p C-q
wait_screen "the second leaves" '^\[code 0\]' two
keys C-p C-q
wait_screen "Ctrl-P Ctrl-Q leaves, and says how to come back" 'openshell sandbox connect term'
wait_screen "leaving is no failure" '^\[code 0\]'
is "the main process goes on" "$(openshell sandbox get term -o json | jq -r .phase)" Ready
on_screen "openshell sandbox connect term"
wait_screen "back again: its output is shown anew" '^first-42'
keys 'exit 9' Enter
wait_screen "its exit code is connect's" '^\[code 9\]'
wait_for 10 eval '[ "$(openshell sandbox get term -o json | jq -r .phase)" = Error ]'
fails_with "connect to what is over" 1 soon openshell sandbox connect term
like "says with which code it ended" "$out" 'its main process has ended, with exit code 9'

# without a terminal
mkfifo "$work/in"
timeout 60 openshell sandbox connect pipe <"$work/in" >"$work/out" 2>/dev/null & client=$!
exec 8>"$work/in"
echo hello >&8
wait_for 10 grep -q 'got hello' "$work/out"
is "connect without a terminal: replay, then answers" "$(head -n 2 "$work/out" | tr '\n' ' ')" "begun got hello "
kill $client; exec 8>&-; wait $client 2>/dev/null
succeeds "the main process goes on" openshell sandbox exec -n pipe -- true
out=$(soon openshell sandbox create --no-keep --name gone -- sh -c 'echo out; echo err >&2; exit 4' 2>"$work/err" </dev/null)
is "create --no-keep: the code of its main process" $? 4
is "its output, and that it is deleted" "$out" "Created sandbox: gone
out
Deleted sandbox gone"
like "its errors apart" "$(cat "$work/err")" '^err$'
if wait_for 10 eval '! openshell sandbox get gone'; then ok "it is gone"; else not_ok "it is gone" "$(openshell sandbox get gone)"; fi
soon openshell sandbox create --no-keep --name much -- head -c 900000 /dev/zero 2>/dev/null </dev/null | tr -cd '\0' | wc -c >"$work/count"
is "create --no-keep: all of 900 KB, though it had ended before anybody was attached" "$(cat "$work/count")" 900000
soon openshell sandbox create --no-keep --name burst -- sh -c 'sleep 0.7; head -c 3000000 /dev/zero' 2>"$work/err" </dev/null | tr -cd '\0' | wc -c >"$work/count"
is "create --no-keep: all of 3 MB that come at once, though it ends behind them" "$(cat "$work/count") $(grep -c missing "$work/err")" "3000000 0"
on_screen "openshell sandbox connect pipe"
wait_screen "a main process without a terminal: how to leave" 'Ctrl-C leaves it running'
keys 'typed' Enter
wait_screen "a line of input is answered" '^got typed'
keys C-c
wait_screen "Ctrl-C leaves" 'Left; the main process goes on'
wait_screen "as an interrupt" '^\[code 130\]'
on_screen "openshell sandbox create --name shell -- sh -c 'echo here-i-am; exec sh -i'"
wait_screen "create on a terminal attaches" '^here-i-am'
keys C-p C-q
wait_screen "and can be left" '^\[code 0\]'

# forwards
page=$(free_port)
quietly openshell sandbox create --name web --detach -- sh -c "mkdir w; cd w; head -c 1500000 /dev/urandom >file; exec python3 -m http.server --bind 127.0.0.1 $page"
wait_for 15 openshell sandbox exec -n web -- python3 -c "import socket; socket.create_connection(('127.0.0.1', $page))" </dev/null
openshell sandbox exec -n web -- cat w/file </dev/null >"$work/file"
succeeds "forward start -d" soon openshell forward start "$page" web -d
like "forward list shows it" "$(openshell forward list)" "^web +127.0.0.1 +$page +[0-9]+ +running"
curl -s -m 30 "http://127.0.0.1:$page/file" >"$work/back"
succeeds "a page comes through" cmp "$work/file" "$work/back"
fails_with "the port is busy" 1 openshell forward start "$page" web -d
like "and it says so" "$out" "port $page of 127.0.0.1 is in use on this machine"
succeeds "forward stop" openshell forward stop "$page"
wait_for 10 eval '! curl -s -o /dev/null "http://127.0.0.1:$page/file"'
fails_with "nobody listens any more" 7 curl -s "http://127.0.0.1:$page/file"
like "forward list is empty" "$(openshell forward list 2>&1)" "No active forwards"
sleep 1000 & other=$!
mkdir -p "$XDG_CONFIG_HOME/openshell/forwards"
printf '%s\t%s\t127.0.0.1\n' $other "$(openshell sandbox get web -o json | jq -r .id)" >"$XDG_CONFIG_HOME/openshell/forwards/web-$page.pid"
like "another process with its number is dead to us" "$(openshell forward list)" "dead"
quietly openshell forward stop "$page"
succeeds "and is not ended" kill -0 $other
kill $other
quietly soon openshell forward start "$page" web -d
openshell forward service web --target-port "$page" --local 0 2>"$work/service" & service=$!
wait_for 10 grep -q Forwarding "$work/service"
local_port=$(sed -n 's/^Forwarding 127.0.0.1 port \([0-9]*\) .*/\1/p' "$work/service")
for i in 1 2 3 4 5 6; do curl -s -m 30 "http://127.0.0.1:$local_port/file" | cmp - "$work/file" >/dev/null && echo same; done >"$work/same" 2>&1
is "forward service: six requests" "$(sort -u "$work/same" | tr '\n' ' ')$(wc -l <"$work/same")" "same 6"
succeeds "the sandbox is deleted" openshell sandbox delete web
wait $service; is "forward service ends with it" $? 1
like "and says why" "$(cat "$work/service")" 'Error: sandbox web: '
like_soon "its forward is gone too" "No active forwards" openshell forward list
wait_for 10 eval '! curl -s -o /dev/null "http://127.0.0.1:$page/file"'
fails_with "nothing listens" 7 curl -s "http://127.0.0.1:$page/file"

# ssh-proxy: the server speaks first; a half close is passed on, and its answer still comes
(printf 'SSH-2.0-test\r\n'; exec cat "$work/in") | soon openshell ssh-proxy --name pipe >"$work/banner" 2>"$work/err" & proxy=$!
exec 8>"$work/in"
wait_for 10 grep -q '^SSH-2.0-' "$work/banner"
like "ssh-proxy: the server's first line" "$(head -n 1 "$work/banner" | tr -d '\r')" '^SSH-2.0-'
exec 8>&-
if wait_for 10 eval "! kill -0 $proxy 2>/dev/null"; then ok "ssh-proxy ends when both sides have ended"; else not_ok "ssh-proxy ends when both sides have ended" "$(cat "$work/err")"; fi
openshell sandbox ssh-config pipe >"$work/ssh_config"
is "ssh-config: ssh reaches it" "$(soon ssh -F "$work/ssh_config" openshell-pipe.default 'echo $((6*7)); exit 3' </dev/null; echo $?)" "42
3"

# what is wrong
fails_with "connect to nobody" 1 openshell sandbox connect nobody
like "says so" "$out" 'sandbox nobody: sandbox not found'
fails_with "forward to nobody" 1 openshell forward start "$(free_port)" nobody
mkdir "$work/bare"; ln -s "$bin/openshell" "$work/bare/openshell"
fails_with "no ssh in PATH" 1 env PATH="$work/bare" openshell sandbox connect pipe
like "says which package brings it" "$out" 'ssh is not installed on this machine.*openssh-client'
fails_with "an editor that is not there" 1 openshell sandbox connect pipe --editor vscode
like "says what is missing" "$out" "editor's command line is missing"
mkdir -p "$work/editor"
printf '#!/bin/sh\necho "$@" >%s/editor/said\n' "$work" >"$work/editor/code"; chmod 755 "$work/editor/code"
PATH=$work/editor:$PATH succeeds "connect --editor" openshell sandbox connect pipe --editor vscode
like "opens the workspace by its alias" "$(cat "$work/editor/said")" '^--remote ssh-remote\+openshell-pipe\.default /'
is "which the user's ssh knows" "$(soon ssh -F "$HOME/.ssh/config" openshell-pipe.default echo known </dev/null 2>&1)" known
quietly "${tmux[@]}" kill-server
plan
