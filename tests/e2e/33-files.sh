#!/bin/bash
# Files in and out: names, links, holes, permissions, what is refused, what a break leaves; each byte compared.
. "$(dirname "$0")/lib.sh"
start_gateway && ok "a gateway starts" || not_ok "a gateway starts"
succeeds "create" openshell sandbox create --name fil --detach
inside() { openshell sandbox exec -n fil -- "$@" </dev/null; }
upload() { timeout 60 "$bin/openshell" sandbox upload "$@" </dev/null 2>&1; }
download() { timeout 60 "$bin/openshell" sandbox download "$@" </dev/null 2>&1; }
# Kind, permissions, time, size, where a link leads; not blocks: they are compared for holes alone.
listing() { (cd "$1" && find . -mindepth 1 -printf '%p %y %m %T@ %l ' \( -type f -printf '%s' -o -true \) -printf '\n' | sort); }
parts() { find "$data" "$work/back" "$work/in" -name '.openshell-part-*' 2>/dev/null; }

# ---- a tree of everything ----
tree=$work/in/tree
mkdir -p "$tree/empty" "$tree/deep/er/still" "$work/back"
printf 'text\n' >"$tree/plain"
: >"$tree/zero"
printf 'odd' >"$tree/"$'new\nline \e[31m \xff "quoted" \\'
printf 'dash' >"$tree/-rf"
printf 'secret' >"$tree/deep/er/private"
printf '#!/bin/sh\necho ran\n' >"$tree/deep/run"
printf 'x' >"$tree/deep.between" # after deep in bytes, before deep/er in plain text order
chmod 600 "$tree/deep/er/private"; chmod 755 "$tree/deep/run"
touch -d '2001-02-03 04:05:06.789' "$tree/plain" "$tree/empty"
ln -s plain "$tree/inside"; ln -s /etc/passwd "$tree/outside"; ln -s nowhere "$tree/dangling"; ln -s loop "$tree/loop"
truncate -s 1G "$tree/sparse"
printf 'middle' | dd of="$tree/sparse" bs=1 seek=700000000 conv=notrunc status=none
for i in $(seq 300); do printf '%s' "$i" >"$tree/deep/er/still/$i"; done
chmod 555 "$tree/deep/er/still"
out=$(upload fil "$tree")
like "a tree is uploaded" "$out" "^Uploaded to fil: 31[0-9] entries"
is "... and lands under its own name in the workspace" "$(inside ls /sandbox)" "tree"
out=$(download fil tree "$work/back/tree")
like "it is downloaded: what is in it lands in DEST" "$out" "^Downloaded to .*: 31[0-9] entries"
is "... the same: names, kinds, permissions, times, links" "$(listing "$work/back/tree")" "$(listing "$tree")"
diff -r --no-dereference -x sparse "$tree" "$work/back/tree" >"$work/diff" 2>&1 && ok "... byte by byte" || not_ok "... byte by byte" "$(head "$work/diff")"
is "... a hole of 1 GiB stays one on the way there and back" \
	"$(inside sh -c 'stat -c "%s" /sandbox/tree/sparse; [ $(stat -c %b /sandbox/tree/sparse) -lt 1000 ] && echo hole'; stat -c %b "$work/back/tree/sparse" | awk '{ print ($1 < 1000 ? "hole" : $1) }')" $'1073741824\nhole\nhole'
is "... with its bytes in the middle" "$(dd if="$work/back/tree/sparse" bs=1 skip=700000000 count=6 status=none)" middle
is "a program that was uploaded runs" "$(inside /sandbox/tree/deep/run)" ran
like "the same again, over what is there" "$(upload fil "$tree")" "^Uploaded"
is "no part is left" "$(parts)" ""

# ---- names of what is copied ----
upload fil "$tree/plain" renamed >/dev/null; upload fil "$tree/plain" made/of/ >/dev/null; upload fil "$tree/plain" tree/empty >/dev/null
upload fil "$tree/inside" links/ >/dev/null; upload fil "$tree/deep" elsewhere >/dev/null
(cd "$tree/deep" && upload fil . bare) >/dev/null
is "a file is renamed, goes into a directory that is missing or there; a link stays one; a directory keeps its name, \".\" has none" \
	"$(inside sh -c 'cd /sandbox && cat renamed made/of/plain tree/empty/plain && readlink links/inside && ls elsewhere bare')" \
	"$(printf 'text\ntext\ntext\nplain\nbare:\ner\nrun\n\nelsewhere:\ndeep')"
(cd "$work/back" && download fil tree/plain && download fil tree/plain other && mkdir -p d && download fil tree/plain d && download fil tree/plain new/d/) >/dev/null
is "downloads are named alike" "$(cd "$work/back" && cat plain other d/plain new/d/plain)" "$(printf 'text\ntext\ntext\ntext')"
(mkdir "$work/back/spread" && cd "$work/back/spread" && download fil tree/deep && download fil bare . && cd "$work/back/d" && download fil .) >/dev/null
is "a directory keeps its name where no DEST is given, and is spread out in one that is" \
	"$(cd "$work/back" && ls -d spread/* spread/deep/run d/fil/tree/deep)" "$(printf '%s\n' d/fil/tree/deep spread/deep spread/deep/run spread/er spread/run)"
inside ln -s tree/plain /sandbox/way; inside ln -s /etc/passwd /sandbox/away
(cd "$work/back" && download fil way) >/dev/null
is "a link that is named is followed within the workspace" "$(cat "$work/back/way")" text
out=$(download fil away "$work/back/"); like "... and not out of it" "$out" "^Error: away resolves to /etc/passwd, which is outside the workspace /sandbox"
out=$(download fil ../etc/passwd "$work/back/"); like "nor is a path" "$out" "resolves to /etc/passwd, which is outside the"
fails_with "what is not there" 1 openshell sandbox download fil nothing "$work/back/"
fails_with "what is not here" 1 openshell sandbox upload fil "$work/nothing"
mkfifo "$work/in/fifo"; fails_with "no file, directory or link" 1 openshell sandbox upload fil "$work/in"
like "... is named" "$out" "^Error: in/fifo: not a file, directory or symbolic link"
inside mkfifo /sandbox/bare/fifo; fails_with "... in the sandbox neither" 1 openshell sandbox download fil bare "$work/back/fifo"; inside rm /sandbox/bare/fifo
rm "$work/in/fifo"
inside sh -c 'd=$(printf "bare/\033[31m"); mkdir "$d"; mkfifo "$d/x"'; out=$(download fil bare "$work/back/odd"); inside sh -c 'rm -r bare/?\[31m'
like "control bytes of names are shown as what they are" "$out" '^Error: \\x1b\[31m/x: not a file'
fails_with "a path that may only be read" 1 openshell sandbox upload fil "$tree/plain" /usr/x
like "... is said with the way to see why" "$out" "Read-only file system \(what its policy lets be written: .openshell sandbox get fil --policy-only"
inside sh -c 'mkdir /sandbox/trap && ln -s /tmp /sandbox/trap/deep'
fails_with "a link is not followed when a tree has a directory where there is one" 1 openshell sandbox upload fil "$tree/deep" trap
like "... which is said" "$out" "^Error: deep: .*a link, or something else that is no directory, is in the way, and is not followed"
ln -s "$work" "$work/back/deep"
fails_with "nor here" 1 openshell sandbox download fil elsewhere "$work/back"
is "nobody wrote through it" "$(ls "$work/er" 2>&1 | grep -c 'No such')" 1
rm "$work/back/deep"
inside sh -c 'cp /bin/true /sandbox/tree/suid && chmod 6777 /sandbox/tree/suid'
(umask 022; download fil tree/suid "$work/back/suid") >/dev/null
is "no setuid bit arrives, and the mask is kept" "$(stat -c %a "$work/back/suid")" 755
inside rm -f /sandbox/tree/suid

# ---- what git leaves out ----
repo=$work/in/repo
mkdir -p "$repo/src/build" "$repo/void" && git -C "$repo" init -q 2>/dev/null
printf 'build/\n*.log\n' >"$repo/.gitignore"
touch "$repo/src/a.c" "$repo/src/build/out" "$repo/x.log" "$repo/new"
GIT_DIR=/nowhere upload fil "$repo" >/dev/null
is "what .gitignore names stays here, whatever git's variables say" "$(inside sh -c 'cd /sandbox/repo && find . -type f | sort | tr "\n" " "')" "./.gitignore ./new ./src/a.c "
upload fil "$repo" whole --no-git-ignore >/dev/null
is "... unless all is wanted" "$(inside sh -c 'cd /sandbox/whole/repo && ls src/build/out x.log && [ -d .git ] && echo git')" $'src/build/out\nx.log\ngit'
out=$(upload fil "$repo/src/build" b)
like "where git lists nothing all is uploaded, and that is said" "$out" "^Warning: git lists no file"
# A repository of a sandbox's making, in which reading .gitignore would fetch it by a program of the sandbox's choice.
trojan=$work/in/trojan
git init -q "$trojan" 2>/dev/null
touch "$trojan/a"
for word in "core.repositoryformatversion 1" "extensions.partialClone origin" "remote.origin.promisor true" "remote.origin.url /nowhere" \
	"remote.origin.uploadpack touch $work/owned; false" "core.fsmonitor touch $work/owned; false"; do git -C "$trojan" config "${word%% *}" "${word#* }"; done
git -C "$trojan" -c core.fsmonitor=false update-index --add --cacheinfo "100644,$(printf x | git -C "$trojan" hash-object --stdin),.gitignore" 2>/dev/null
GIT_NO_LAZY_FETCH=1 git -C "$trojan" -c core.fsmonitor=false update-index --skip-worktree .gitignore
rm -f "$work/owned"
git -C "$trojan" -c core.fsmonitor=false ls-files -co --exclude-standard >/dev/null 2>&1
[ -e "$work/owned" ] && ok "control: git by itself runs a program that a repository names" || not_ok "control: git by itself runs a program that a repository names"
rm -f "$work/owned"
like "a repository that came out of a sandbox is uploaded" "$(upload fil "$trojan")" "Uploaded to fil: 2 entries"
is "... and runs none of its programs here" "$(ls "$work/owned" 2>/dev/null)" ""
printf 'broken' >"$repo/.git/HEAD"
fails_with "where git does not answer nothing is uploaded" 1 openshell sandbox upload fil "$repo" broken
like "... and the way on is named" "$out" "not known \(--no-git-ignore"

# ---- the agent's part of the bundle ----
is "the agent sees of the bundle what it may run, and cannot change it" \
	"$(inside sh -c 'ls /opt/openshell /opt/openshell/agent; for f in /opt/openshell/x /opt/openshell/agent/x /opt/openshell/agent/pack; do touch $f 2>/dev/null || echo no; done')" \
	"$(printf '/opt/openshell:\nagent\n\n/opt/openshell/agent:\nlib\nloader\npack\nsftp-server\nno\nno\nno')"
out=$(inside env PATH= /opt/openshell/agent/pack 2>&1); like "pack needs nothing of the system's" "$out" "^usage: pack"

# ---- breaks ----
openssl enc -aes-128-ctr -pass pass:x -nosalt -in /dev/zero 2>/dev/null | head -c 96M >"$work/in/big"
begun() { [ -n "$(find "$1" -name '.openshell-part-*' -size "+$2" 2>/dev/null)" ]; } # DIRECTORY SIZE
met() { begun "$1" 1M || ! kill -0 $transfer; }
moved() { [ "$(sed -n 's/.* \([0-9]*\)\.[0-9] MiB$/\1/p' "$1")" -lt 112 ] && echo once; }
victim=$(link_of fil)
upload fil "$work/in/big" >"$work/up.log" & transfer=$!
wait_for 30 begun "$data" 20M && kill -9 "$victim"
wait $transfer
like "link is killed in the middle of an upload: it goes on" "$(cat "$work/up.log")" "^Uploaded to fil: 1 entry"
is "... from where it was" "$(moved "$work/up.log")" once
victim=$(pid_of relay)
download fil big "$work/back/big" >"$work/down.log" & transfer=$!
wait_for 30 begun "$work/back" 20M && kill -9 "$victim"
wait $transfer
like "the relay is killed in the middle of a download: it goes on" "$(cat "$work/down.log")" "^Downloaded to .*: 1 entry"
is "... from where it was" "$(moved "$work/down.log")" once
cmp "$work/in/big" "$work/back/big" && ok "what went in and came out is whole" || not_ok "what went in and came out is whole"
for way in "upload fil $work/in/big again $data" "download fil big $work/back/again $work/back"; do
	set -- $way
	for try in 1 2 3 4 5; do # until it is in the middle that we meet it
		"$bin/openshell" sandbox "$1" "$2" "$3" "$4" </dev/null >"$work/int.log" 2>&1 & transfer=$!
		wait_for 30 met "$5"
		kill -TERM $transfer
		wait $transfer
		code=$?
		[ $code = 0 ] || break
		inside rm -f /sandbox/again; rm -f "$work/back/again"
	done
	is "$1 is asked to stop" "$code $(cat "$work/int.log")" "143 "
	is "... and leaves nothing half made" "$(parts)$(ls "$work/back/again" 2>/dev/null)$(inside sh -c 'ls /sandbox/again 2>/dev/null')" ""
done

# ---- create --upload ----
succeeds "create --upload" openshell sandbox create --name two --detach --upload "$tree/plain:given/name" --upload "$repo/src" --no-git-ignore
is "... is there when it is ready" "$(openshell sandbox exec -n two -- sh -c 'cat given/name; find src -type f | sort')" $'text\nsrc/a.c\nsrc/build/out'
fails_with "--no-git-ignore alone" 2 openshell sandbox create --name three --no-git-ignore
succeeds "delete, with directories that their owner may not write" openshell sandbox delete fil two
gone() { [ -z "$(find "$data/sandboxes" -path '*/workspace/*' 2>/dev/null)" ]; }
wait_for 10 gone && ok "... leaves no file" || not_ok "... leaves no file" "$(find "$data/sandboxes" -path '*/workspace/*' 2>&1 | head -n 5)"
chmod -R u+w "$work/in" "$work/back" "$data/sandboxes"
plan
