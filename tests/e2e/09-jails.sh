#!/bin/bash
# Each process holds what its README says and no more: /proc/PID/task/*/status of every thread beside the page.
. "$(dirname "$0")/lib.sh"

start_gateway || { not_ok "the gateway starts"; plan; exit 1; }
openshell sandbox create --name jails --detach -- sleep infinity >/dev/null 2>&1 </dev/null
openshell sandbox exec -n jails -- true </dev/null
me=$(id -u)

# mask NAME...: capability names to the hexadecimal form of /proc
mask() {
	local all=(chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service
		net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace) value=0 i name
	for name in "$@"; do
		for i in "${!all[@]}"; do
			if [ "${all[$i]}" = "$name" ]; then value=$((value | 1 << i)); fi
		done
	done
	printf '%016x' $value
}

# field PID NAME: its value in every thread, each once
field() { cat "/proc/$1"/task/*/status 2>/dev/null | awk -v f="$2:" '$1 == f { print $2 }' | sort -u | tr '\n' ' ' | sed 's/ $//'; }

check() {
	local name=$1 pid=$2 capabilities=$3 effective=${4:-$3} set
	for set in CapInh CapAmb; do is "$name: $set is empty" "$(field "$pid" $set)" 0000000000000000; done
	is "$name: CapPrm is as its README says" "$(field "$pid" CapPrm)" "$capabilities"
	is "$name: CapEff is as its README says" "$(field "$pid" CapEff)" "$effective"
	is "$name: NoNewPrivs in every thread" "$(field "$pid" NoNewPrivs)" 1
	is "$name: Seccomp in every thread" "$(field "$pid" Seccomp)" 2
}

stated() { sed -n '/^Runs as/,/^Holds/p' "$here/services/$1/README.md" | tr '\n' ' '; }

for name in api state credentials relay driver-local; do
	pid=$(pid_of $name)
	page=$(stated $name)
	wanted=$(mask)
	if [ $name = driver-local ] && [ "$me" = 0 ]; then
		wanted=$(mask $(printf '%s' "$page" | sed 's/.*root with \([a-z_, ]*\);.*/\1/; s/,/ /g'))
		unlike "$name: the page names capabilities" "$wanted" '^0+$'
	else
		like "$name: the page says no capability" "$page" "no capability"
	fi
	check $name "$pid" "$wanted"
	uid=$(field "$pid" Uid)
	if [ "$me" != 0 ] || [ $name = driver-local ]; then
		is "$name: its user is the gateway's" "$uid" "$me"
	else
		unlike "$name: a user of its own" "$uid" '^0$'
		case $page in
		*RUN_DIR* | *run_dir*)
			is "$name: its root directory" "$(stat -Lc %d:%i "/proc/$pid/root/")" "$(stat -Lc %d:%i "$data/run")" ;;
		esac
		is "$name: its bounding set is empty" "$(field "$pid" CapBnd)" 0000000000000000
	fi
	if [ "$me" != 0 ]; then
		cat "/proc/$pid/environ" >/dev/null 2>&1 && not_ok "$name: not dumpable" || ok "$name: not dumpable (its environment is not to be read)"
	else
		is "$name: not dumpable (its files belong to root)" "$(stat -c %u "/proc/$pid/environ")" 0
	fi
done
if [ "$me" = 0 ]; then
	uids=$(for name in api state credentials relay; do field "$(pid_of $name)" Uid; echo; done | sort -u | grep -c .)
	is "no two services share a user" "$uids" 4
fi

# The keeper of credentials' children: credentials' user, and nothing of its keys.
keeper=$(pgrep -P "$(pid_of credentials)")
check keeper "$keeper" "$(mask)"
is "keeper: the user of credentials" "$(field "$keeper" Uid)" "$(field "$(pid_of credentials)" Uid)"

# The sandbox's own processes, seen from outside.
link=$(link_of jails) supervisor=$(supervisor_of jails) spawner=$(spawner_of jails)
check link "$link" "$(mask)"
check supervisor "$supervisor" "$(mask kill sys_chroot setuid setgid setpcap sys_ptrace)" "$(mask kill)"
check spawner "$spawner" "$(mask)"
# The pages of the two that decide name what they hold.
for name in policyd proxy; do
	page=$(sed -n '/^Runs as/,/^Holds/p' "$here/sandbox/$name/README.md" | tr '\n' ' ')
	held=$(mask)
	case ${page,,} in *sys_ptrace*) held=$(mask sys_ptrace) ;; *) like "$name: the page says no capability" "$page" "no *capability" ;; esac
	check $name "$(pgrep -x $name -P "$supervisor")" "$held"
done
# What policyd may read of the box's processes leads to no file of the host: a program with its namespaces, root, user and
# capability tries the root, the working directory and the descriptors of each of them.
cat >"$work/reach.py" <<'PY'
import ctypes, os, struct, sys
pid, uid, marker = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
libc = ctypes.CDLL(None, use_errno=True)
def must(r, what):
    if r != 0: sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")
def become():
    spaces = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in ("user", "pid", "mnt")]
    for fd in spaces: must(libc.setns(fd, 0), "setns")
    if (child := os.fork()) != 0: sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.chroot("/proc"); os.chdir("/")
    must(libc.prctl(8, 1, 0, 0, 0), "PR_SET_KEEPCAPS")
    if uid: os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
    head, sets = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", 1 << 19, 1 << 19, 0, 0, 0, 0)
    must(libc.syscall(126, head, sets), "capset")
def opens(path):
    try: os.close(os.open(path, os.O_RDONLY)); return True
    except OSError: return False
def listed(path):
    try: return os.listdir(path)
    except OSError: return []
prefix = "/proc" if pid == 0 else ""
if pid: become()
seen = {"processes": 0, "agent's": 0, "host's": []}
for p in [p for p in listed(prefix + "/") if p.isdigit()]:
    seen["processes"] += 1
    doors = [f"{prefix}/{p}/root", f"{prefix}/{p}/cwd"] + [f"{prefix}/{p}/fd/{fd}" for fd in listed(f"{prefix}/{p}/fd")]
    for door in doors:
        seen["agent's"] += opens(door + "/usr/bin/env")
        seen["host's"] += [door + inner for inner in ("", "/host", "/..", "/../..", "/../../..") if opens(door + inner + marker)]
print("processes", seen["processes"] > 3, "agent", seen["agent's"] > 0, "host", *seen["host's"][:4])
PY
echo host >"$work/marker" && chmod 644 "$work/marker"
policyd=$(pgrep -x policyd -P "$supervisor") inner=$([ "$me" = 0 ] && echo 64302 || echo 0)
like "control: outside, that program finds a file of the host" "$(python3 "$work/reach.py" 0 0 "$work/marker")" "^processes True agent True host /proc/[0-9]+/(root|cwd)"
is "policyd's rights lead to the agent's files, and to none of the host" "$(python3 "$work/reach.py" "$policyd" "$inner" "$work/marker" 2>&1)" "processes True agent True host"
is "the box has nothing mounted of the host but the bundle, the relay's socket and a device" \
	"$(awk '{ print $5 }' "/proc/$supervisor/mountinfo" | sort | tr '\n' ' ')" "/ /dev/null /opt/openshell /proc /run/openshell/relay "
is "agent: no capability" "$(openshell sandbox exec -n jails -- sh -c 'grep Cap /proc/self/status | tr -s "\t" " " | cut -d" " -f2 | sort -u' </dev/null)" 0000000000000000
plan
