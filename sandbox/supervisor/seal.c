/* The supervisor's own wall, once the sandbox stands: no host in sight, few capabilities, no new privileges, a list of refused calls. */
#include "sandbox/supervisor/supervisor.h"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/supervisor/filter.h"

/*
 * To end processes of other users of the sandbox; the rest is held for what is started again, and not in force here: to
 * enter a jail, and for policyd to see which of the agent's processes holds a socket.
 */
#define USED  (1u << CAP_KILL)
#define GIVEN (1u << CAP_SYS_CHROOT | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP | 1u << CAP_SYS_PTRACE)
#define KEPT  (USED | GIVEN)

/* A box's own root is no mount of its own: what the agent sees of it stays what it is. */
static enum err
take_away(struct span place, struct why *why)
{
	char path[257];

	if (place.length == 0 || span_is(place, "/"))
		return OK;
	if (!span_copy(place, path, sizeof(path)) || umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return fail_errno(why, ERR_SYSTEM, "take " SPAN_FORMAT " away", SPAN_ARGS(place));
	return OK;
}

/*
 * The view has copies of what it was built from. Nobody in the box needs the originals any more, and policyd's capability
 * would lead there: /proc/PID/root of a process of the box.
 */
static enum err
take_ground_away(const struct msg_bootstrap *boot, struct why *why)
{
	enum err r = take_away(boot->root, why);

	return r != OK ? r : take_away(boot->workspace, why);
}

enum err
seal(const struct supervisor *s, struct why *why)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.permitted = KEPT, .effective = USED}, {0}};
	enum err r = take_ground_away(&s->boot, why);

	if (r != OK)
		return r;
	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i) >= 0; i++)
		if ((i > 31 || (KEPT & 1u << i) == 0) && prctl(PR_CAPBSET_DROP, i) < 0)
			return fail_errno(why, ERR_SYSTEM, "bounding set: capability %d", i);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
		return fail_errno(why, ERR_SYSTEM, "drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_NO_NEW_PRIVS");
	return seccomp_supervisor(why);
}
