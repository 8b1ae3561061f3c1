/* Building the view with the mount calls of Linux 5.2 and up: everything is cloned first and attached afterwards. */
#include "sandbox/supervisor/view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "sandbox/supervisor/view_agent.h"
#include "sandbox/supervisor/view_etc.h"
#include "sandbox/supervisor/view_mount.h"

/* The nodes of /dev, bound from the root's own: a user namespace cannot make nodes (numbers: Linux, devices.txt). */
static const struct {
	const char *path;
	unsigned major, minor;
} nodes[] = {
    {"/dev/null", 1, 3},
    {"/dev/zero", 1, 5},
    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8},
    {"/dev/urandom", 1, 9},
    {"/dev/tty", 5, 0},
};

static const struct place_link dev_links[] = {
    {"/dev/ptmx", "pts/ptmx"},
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
};

/* Options of the file systems that the view makes itself: key, value, ..., NULL. */
static const char *const root_options[] = {"size", "1m", "nr_inodes", "2048", "mode", "755", NULL};
static const char *const tmp_options[] = {"size", "512m", "nr_inodes", "262144", "mode", "1777", NULL};
static const char *const shm_options[] = {"size", "64m", "nr_inodes", "8192", "mode", "1777", NULL};
static const char *const dev_options[] = {"size", "64k", "nr_inodes", "64", "mode", "755", NULL};
static const char *const nothing_options[] = {"size", "4k", "nr_inodes", "2", "mode", "555", NULL};
static const char *const proc_options[] = {"hidepid", "invisible", NULL};
/* The kernel has some thousand terminals for all sandboxes together. */
static const char *const pts_options[] = {"ptmxmode", "0666", "mode", "0620", "max", "128", NULL};

/* Clones that wait to be attached, and where the whole is being built. */
struct view {
	const struct msg_spawner_setup *setup;
	const struct places *places;
	int *clones; /* of places, in their order; -1: none of its own */
	int devices[COUNT(nodes)];
	int workspace;
	int agent;	 /* the bundle's programs for the agent; -1: none */
	bool whole_root; /* "/" itself is shared: it is the base */
};

static void
view_done(struct view *view)
{
	for (size_t i = 0; view->clones != NULL && i < view->places->n; i++)
		clean_fd(&view->clones[i]);
	for (size_t i = 0; i < COUNT(nodes); i++)
		clean_fd(&view->devices[i]);
	clean_fd(&view->workspace);
	clean_fd(&view->agent);
	free(view->clones);
}

/* A driver may show the root read-only; what the policy lets be written is not, unless the system itself says so. */
static void
widen(int fd)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};

	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
}

/* ---- first: take copies while the old root is still there ---- */

/* A place that lies below one shared in the same way needs no mount of its own. */
static bool
covered(const struct places *places, size_t at)
{
	for (size_t i = at; i-- > 0;)
		if (places->items[i].kind == PLACE_SHARED && path_within(places->items[at].path, places->items[i].path))
			return places->items[i].write == places->items[at].write && !places->items[at].device;
	return false;
}

static enum err
clone_places(struct view *view, struct why *why)
{
	const struct places *places = view->places;
	enum err r;

	if ((view->clones = malloc((places->n + 1) * sizeof(*view->clones))) == NULL)
		abort();
	for (size_t i = 0; i < places->n; i++)
		view->clones[i] = -1;
	for (size_t i = 0; i < places->n; i++) {
		const struct place *place = &places->items[i];
		uint64_t attributes =
		    MOUNT_ATTR_NOSUID | (place->write ? 0 : MOUNT_ATTR_RDONLY) | (place->device ? 0 : MOUNT_ATTR_NODEV);

		if (place->kind != PLACE_SHARED || covered(places, i))
			continue;
		if ((r = mount_clone(place->fd, "", attributes, &view->clones[i], why)) != OK)
			return because(why, r, "share %s", place->asked);
		if (place->write)
			widen(view->clones[i]);
	}
	view->whole_root = places->n > 0 && places->items[0].path[1] == '\0' && view->clones[0] >= 0;
	return OK;
}

static enum err
clone_devices(struct view *view, int root_fd, struct why *why)
{
	for (size_t i = 0; i < COUNT(nodes); i++) {
		auto_fd int fd = openat(root_fd, nodes[i].path + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		enum err r;

		if (fd < 0 || fstat(fd, &st) < 0)
			return fail_errno(why, ERR_SYSTEM, "%s", nodes[i].path);
		if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(nodes[i].major, nodes[i].minor))
			return fail(why, ERR_SYSTEM, "%s is not the device %u:%u", nodes[i].path, nodes[i].major,
			    nodes[i].minor);
		if ((r = mount_clone(fd, "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &view->devices[i], why)) != OK)
			return because(why, r, "%s", nodes[i].path);
	}
	return OK;
}

static bool
workspace_written(const struct view *view)
{
	for (size_t i = 0; i < view->places->n; i++)
		if (view->places->items[i].write && path_within(view->places->items[i].path, "/sandbox"))
			return true;
	return view->setup->include_workdir;
}

static enum err
clone_workspace(struct view *view, int root_fd, struct why *why)
{
	uint64_t attributes = SAFE | (workspace_written(view) ? 0 : MOUNT_ATTR_RDONLY);
	char path[PATH_MAX];
	enum err r;

	if (!span_copy(view->setup->workspace, path, sizeof(path)))
		return fail(why, ERR_INVALID, "the workspace's path is too long");
	if (path[0] == '\0' && faccessat(root_fd, "sandbox", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(why, ERR_NOT_FOUND, "there is no workspace, and no /sandbox in the root");
	r = path[0] == '\0' ? mount_clone(root_fd, "sandbox", attributes, &view->workspace, why)
			    : mount_clone(AT_FDCWD, path, attributes, &view->workspace, why);
	return r == OK ? OK : because(why, r, "workspace");
}

/* ---- then: put them together; the working directory is the new root ---- */

/* The new root, over the old one: nothing but the descriptor leads to it until pivot. */
static enum err
begin(struct view *view, struct why *why)
{
	auto_fd int fd = -1;
	enum err r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_errno(why, ERR_SYSTEM, "part from the outer mounts");
	if (view->whole_root)
		fd = fd_take(&view->clones[0]);
	else if ((r = mount_fresh("tmpfs", root_options, SAFE, &fd, why)) != OK)
		return r;
	if (move_mount(fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(fd) < 0)
		return fail_errno(why, ERR_SYSTEM, "mount the new root");
	return OK;
}

static enum err
attach_places(struct view *view, struct why *why)
{
	const struct places *places = view->places;
	enum err r;

	for (size_t i = 0; i < places->n; i++)
		if (view->clones[i] >= 0 && !places->items[i].device &&
		    (r = mount_attach(view->clones[i], places->items[i].path, why)) != OK)
			return because(why, r, "share %s", places->items[i].asked);
	for (size_t i = 0; i < places->links_n; i++) {
		const struct place_link *link = &places->links[i];
		struct why unused;

		if (mount_ground(link->path, true, &unused) == OK &&
		    unlinkat(AT_FDCWD, link->path + 1, AT_REMOVEDIR) == 0 &&
		    symlinkat(link->target, AT_FDCWD, link->path + 1) < 0)
			return fail_errno(why, ERR_SYSTEM, "link %s", link->path);
	}
	return OK;
}

static bool
is_base(const struct places *places, const char *path)
{
	for (size_t i = 0; i < places->n; i++)
		if (places->items[i].kind == PLACE_PRIVATE && strcmp(places->items[i].base, path) == 0)
			return true;
	return strcmp(path, "/tmp") == 0;
}

static bool
first_of_base(const struct places *places, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (places->items[i].kind == PLACE_PRIVATE &&
		    strcmp(places->items[i].base, places->items[at].base) == 0)
			return false;
	return strcmp(places->items[at].base, "/tmp") != 0;
}

static enum err
attach_private(const struct places *places, struct why *why)
{
	enum err r;

	if ((r = mount_attach_fresh("tmpfs", tmp_options, SAFE, "/tmp", why)) != OK)
		return r;
	for (size_t i = 0; i < places->n; i++) {
		const struct place *place = &places->items[i];

		if (place->kind != PLACE_PRIVATE)
			continue;
		if (first_of_base(places, i) &&
		    (r = mount_attach_fresh("tmpfs", tmp_options, SAFE, place->base, why)) != OK)
			return r;
		if ((r = mount_ground(place->path, true, why)) != OK)
			return r;
		if (strcmp(place->path, place->base) != 0 && chmod(place->path + 1, 01777) < 0)
			return fail_errno(why, ERR_SYSTEM, "%s", place->path);
	}
	return OK;
}

/* Cover what must not be seen: a directory with an empty one, anything else with an empty file. */
static enum err
cover(const char *path, struct why *why)
{
	auto_fd int made = -1;
	auto_fd int clone = -1;
	struct stat st;
	enum err r;

	if (fstatat(AT_FDCWD, path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? OK : fail_errno(why, ERR_SYSTEM, "cover %s", path);
	if (S_ISDIR(st.st_mode))
		return mount_attach_fresh("tmpfs", nothing_options, SAFE | MOUNT_ATTR_RDONLY, path, why);
	if ((made = open("tmp/cover", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0)) < 0)
		return fail_errno(why, ERR_SYSTEM, "cover %s", path);
	if ((r = mount_clone(AT_FDCWD, "tmp/cover", SAFE | MOUNT_ATTR_RDONLY, &clone, why)) == OK)
		r = mount_attach(clone, path, why);
	unlinkat(AT_FDCWD, "tmp/cover", 0);
	return r;
}

static enum err
cover_hidden(const struct places *places, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; r == OK && i < places->hidden_n; i++)
		if (!is_base(places, places->hidden[i]))
			r = cover(places->hidden[i], why);
	return r;
}

static enum err
attach_dev(struct view *view, struct why *why)
{
	auto_fd int dev = -1;
	enum err r;

	if ((r = mount_fresh("tmpfs", dev_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &dev, why)) != OK ||
	    (r = mount_attach(dev, "/dev", why)) != OK)
		return r;
	for (size_t i = 0; i < COUNT(nodes); i++)
		if ((r = mount_attach(view->devices[i], nodes[i].path, why)) != OK)
			return r;
	for (size_t i = 0; i < view->places->n; i++)
		if (view->places->items[i].device && view->clones[i] >= 0 &&
		    (r = mount_attach(view->clones[i], view->places->items[i].path, why)) != OK)
			return r;
	if ((r = mount_attach_fresh("devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, "/dev/pts", why)) !=
		OK ||
	    (r = mount_attach_fresh("tmpfs", shm_options, SAFE, "/dev/shm", why)) != OK)
		return r;
	for (size_t i = 0; i < COUNT(dev_links); i++)
		if (symlinkat(dev_links[i].target, AT_FDCWD, dev_links[i].path + 1) < 0)
			return fail_errno(why, ERR_SYSTEM, "link %s", dev_links[i].path);
	return mount_narrow(dev, MOUNT_ATTR_RDONLY, false, why);
}

/* /proc of this process namespace; what belongs to the kernel as a whole is read-only whoever asks. */
static enum err
attach_proc(struct why *why)
{
	auto_fd int sys = -1;
	enum err r;

	if ((r = mount_attach_fresh("proc", proc_options, SAFE | MOUNT_ATTR_NOEXEC, "/proc", why)) != OK)
		return r;
	if ((r = mount_clone(AT_FDCWD, "proc/sys", MOUNT_ATTR_RDONLY | SAFE | MOUNT_ATTR_NOEXEC, &sys, why)) != OK)
		return r;
	return mount_attach(sys, "/proc/sys", why);
}

/* What the policy names below a directory that something was laid over. */
static enum err
attach_again(struct view *view, const char *above, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; r == OK && i < view->places->n; i++) {
		const char *path = view->places->items[i].path;

		if (view->clones[i] >= 0 && strcmp(path, above) != 0 && path_within(path, above))
			r = mount_attach(view->clones[i], path, why);
	}
	return r;
}

static enum err
attach_etc(struct view *view, int root_fd, struct why *why)
{
	bool laid = false;
	enum err r = view_etc(view->setup, view->places, root_fd, &laid, why);

	return r == OK && laid ? attach_again(view, "/etc", why) : r;
}

/* The agent's programs of the bundle; what must not be seen is covered between, as it may have come back. */
static enum err
attach_agent(struct view *view, struct why *why)
{
	bool laid = false;
	enum err r = OK;

	if (view->agent >= 0 && (r = view_agent_ground(view->places, &laid, why)) == OK && laid)
		r = attach_again(view, "/opt", why);
	if (r != OK || (r = cover_hidden(view->places, why)) != OK)
		return r;
	return view->agent < 0 ? OK : view_agent_attach(view->agent, why);
}

static enum err
enter(const struct view *view, struct why *why)
{
	auto_fd int root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return fail_errno(why, ERR_SYSTEM, "open the new root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return fail_errno(why, ERR_SYSTEM, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return fail_errno(why, ERR_SYSTEM, "leave the old root");
	if (chdir("/") < 0)
		return fail_errno(why, ERR_SYSTEM, "chdir");
	return view->whole_root ? OK : mount_narrow(root, MOUNT_ATTR_RDONLY, false, why);
}

static enum err
build(struct view *view, int root_fd, struct why *why)
{
	enum err r;

	if ((r = clone_places(view, why)) != OK || (r = clone_devices(view, root_fd, why)) != OK ||
	    (r = clone_workspace(view, root_fd, why)) != OK || (r = view_agent_clone(&view->agent, why)) != OK ||
	    (r = begin(view, why)) != OK || (r = attach_places(view, why)) != OK ||
	    (r = attach_private(view->places, why)) != OK || (r = attach_etc(view, root_fd, why)) != OK ||
	    (r = attach_agent(view, why)) != OK || (r = attach_dev(view, why)) != OK || (r = attach_proc(why)) != OK ||
	    (r = mount_attach(view->workspace, "/sandbox", why)) != OK)
		return r;
	return enter(view, why);
}

enum err
view_enter(const struct msg_spawner_setup *setup, const struct places *places, int root_fd, struct why *why)
{
	struct view view = {.setup = setup, .places = places, .workspace = -1, .agent = -1};
	enum err r;

	for (size_t i = 0; i < COUNT(nodes); i++)
		view.devices[i] = -1;
	umask(0);
	r = build(&view, root_fd, why);
	umask(022);
	view_done(&view);
	return r;
}
