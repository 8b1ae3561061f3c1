/* Showing the agent's programs of the bundle: on a small tmpfs of their own, which covers what else is at its path. */
#include "sandbox/supervisor/view_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/supervisor/view_lay.h"
#include "sandbox/supervisor/view_mount.h"

#define BUNDLE "/opt/openshell"

static const char *const bundle_options[] = {"size", "4k", "nr_inodes", "4", "mode", "755", NULL};

enum err
view_agent_clone(int *out, struct why *why)
{
	if (faccessat(AT_FDCWD, VIEW_AGENT, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return OK;
	return mount_clone(AT_FDCWD, VIEW_AGENT, SAFE | MOUNT_ATTR_RDONLY, out, why);
}

/* A directory BUNDLE to mount on, where what the policy shares has none. */
static enum err
lay_ground(struct why *why)
{
	auto_fd int layer = -1;
	enum err r;

	if ((r = mount_fresh("tmpfs", bundle_options, SAFE, &layer, why)) != OK)
		return r;
	if (mkdirat(layer, &BUNDLE[sizeof("/opt")], 0755) < 0)
		return fail_errno(why, ERR_SYSTEM, "make %s", BUNDLE);
	r = view_lay(layer, "/opt", why);
	return r == OK ? OK : because(why, r, "lay %s over /opt", BUNDLE);
}

enum err
view_agent_ground(const struct places *places, bool *laid, struct why *why)
{
	const struct place *shared = places_shared_at(places, BUNDLE);
	struct stat st;

	*laid = false;
	if (fstatat(AT_FDCWD, &BUNDLE[1], &st, AT_SYMLINK_NOFOLLOW) == 0)
		return OK;
	if (shared == NULL)
		return mount_ground(BUNDLE, true, why);
	if (shared->write || fstatat(AT_FDCWD, "opt", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return OK;
	*laid = true;
	return lay_ground(why);
}

enum err
view_agent_attach(int clone, struct why *why)
{
	auto_fd int bundle = -1;
	struct stat st;
	enum err r;

	if (fstatat(AT_FDCWD, &BUNDLE[1], &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
		log_info("agent.absent", "why=\"there is no room for %s\"", VIEW_AGENT);
		return OK;
	}
	if ((r = mount_fresh("tmpfs", bundle_options, SAFE, &bundle, why)) != OK ||
	    (r = mount_attach(bundle, BUNDLE, why)) != OK || (r = mount_attach(clone, VIEW_AGENT, why)) != OK)
		return r;
	return mount_narrow(bundle, SAFE | MOUNT_ATTR_RDONLY, false, why);
}
