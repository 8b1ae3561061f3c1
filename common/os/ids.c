/* Ids of user namespaces: looking one up, mapping one. */
#include "common/os/ids.h"

#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/os/file.h"

bool
id_mapped_in(const char *path, uint32_t id)
{
	unsigned inside, outside, count;
	bool found = false;
	FILE *map = fopen(path, "re");

	if (map == NULL)
		return false;
	while (!found && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3)
		found = id >= inside && id - inside < count;
	fclose(map);
	return found;
}

bool
id_mapped(uint32_t id)
{
	return id_mapped_in("/proc/self/uid_map", id) && id_mapped_in("/proc/self/gid_map", id);
}

static enum err
map_write(const char *path, unsigned inside, unsigned outside, struct why *why)
{
	char line[32];

	snprintf(line, sizeof(line), "%u %u 1", inside, outside);
	return file_put(path, line, why);
}

enum err
ids_enter(int flags, uid_t uid, gid_t gid, struct why *why)
{
	uid_t user = geteuid();
	gid_t group = getegid();
	int dumpable = prctl(PR_GET_DUMPABLE);
	enum err r;

	if (unshare(CLONE_NEWUSER | flags) < 0)
		return fail_errno(why, ERR_SYSTEM, "this system refuses user namespaces");
	/* The files of /proc/self belong to root while the process is not dumpable. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	if ((r = file_put("/proc/self/setgroups", "deny", why)) != OK ||
	    (r = map_write("/proc/self/uid_map", uid, user, why)) != OK ||
	    (r = map_write("/proc/self/gid_map", gid, group, why)) != OK)
		return r;
	if (dumpable != 1 && prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	return OK;
}
