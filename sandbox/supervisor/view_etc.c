/* Laying the sandbox's own files over /etc, or writing them where the policy shares nothing there. */
#include "sandbox/supervisor/view_etc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "sandbox/supervisor/account.h"
#include "sandbox/supervisor/hostfiles.h"
#include "sandbox/supervisor/view_mount.h"

#define ANCHORS_MAX_BYTES (4u << 20)
#define ENTRIES_MAX	  1024

static const char *const layer_options[] = {"size", "8m", "nr_inodes", "2048", "mode", "755", NULL};

static const struct place *
place_at_etc(const struct places *places)
{
	const struct place *found = NULL;

	for (size_t i = 0; i < places->n; i++)
		if (places->items[i].kind == PLACE_SHARED && path_within("/etc", places->items[i].path))
			found = &places->items[i]; /* sorted: the nearest is the last */
	return found;
}

static enum err
write_file(int dir, const char *name, struct span text, struct why *why)
{
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0444);

	if (fd < 0 || write(fd, text.at, text.length) != (ssize_t)text.length)
		return fail_errno(why, ERR_SYSTEM, "write %s", name);
	return OK;
}

/* ---- the CA ---- */

static enum err
write_bundle(int dir, int root_fd, struct span ca, struct why *why)
{
	auto_fd int out = openat(dir, "ca-bundle.pem", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0444);
	auto_fd int anchors = hostfiles_anchors(root_fd);
	char bytes[16384];
	ssize_t n = 0;

	for (size_t left = ANCHORS_MAX_BYTES; out >= 0 && anchors >= 0 && left >= sizeof(bytes) &&
	     (n = read(anchors, bytes, sizeof(bytes))) > 0; left -= (size_t)n)
		if (write(out, bytes, (size_t)n) != n)
			return fail_errno(why, ERR_SYSTEM, "write ca-bundle.pem");
	if (out < 0 || n < 0 || dprintf(out, "\n%.*s", SPAN_ARGS(ca)) < 0)
		return fail_errno(why, ERR_SYSTEM, "write ca-bundle.pem");
	return OK;
}

/* dir: what is or becomes /etc. */
static enum err
write_tls(int dir, const struct msg_spawner_setup *setup, int root_fd, struct why *why)
{
	const char *name = &VIEW_TLS[sizeof("/etc")];
	auto_fd int tls = -1;
	enum err r;

	if (setup->ca.length == 0)
		return OK;
	if ((mkdirat(dir, name, 0755) < 0 && errno != EEXIST) ||
	    (tls = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "make %s", VIEW_TLS);
	if ((r = write_file(tls, "openshell-ca.pem", setup->ca, why)) != OK)
		return r;
	return write_bundle(tls, root_fd, setup->ca, why);
}

/* ---- over a place of the root ---- */

static enum err
write_account(int dir, const struct msg_spawner_setup *setup, struct why *why)
{
	char text[ACCOUNT_BYTES];
	enum err r = OK;

	for (size_t i = 0; r == OK && setup->host_root && i < account_files_n; i++) {
		account_write(&account_files[i], setup, text);
		r = write_file(dir, account_files[i].path + sizeof("/etc"), span_of_text(text), why);
	}
	return r;
}

/* The kernel wants both layers mounted where it can name them: ours is on the private /tmp. */
static enum err
overlay(struct why *why)
{
	auto_fd int context = fsopen("overlay", FSOPEN_CLOEXEC);
	auto_fd int both = -1;

	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", "tmp:etc", 0) < 0 ||
	    fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (both = fsmount(context, FSMOUNT_CLOEXEC, SAFE | MOUNT_ATTR_RDONLY)) < 0)
		return fail_errno(why, ERR_UNIMPLEMENTED, "overlayfs");
	if (umount2("tmp", MNT_DETACH) < 0)
		return fail_errno(why, ERR_SYSTEM, "take the layer from /tmp");
	return mount_attach(both, "/etc", why);
}

/* One entry of /etc into ours: a link as a link, a directory or file bound with what is mounted there. */
static enum err
bind_entry(int layer, int etc, const char *name, struct why *why)
{
	char target[PATH_MAX];
	auto_fd int clone = -1;
	struct stat st;
	ssize_t n;
	enum err r;

	if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? OK : fail_errno(why, ERR_SYSTEM, "/etc/%s", name);
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(etc, name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		return symlinkat(target, layer, name) == 0 ? OK : fail_errno(why, ERR_SYSTEM, "link /etc/%s", name);
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return OK; /* a socket or device has no business here */
	if (S_ISDIR(st.st_mode) ? mkdirat(layer, name, 0755) < 0 : mknodat(layer, name, S_IFREG | 0444, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "make /etc/%s", name);
	if ((r = mount_clone(etc, name, SAFE | MOUNT_ATTR_RDONLY, &clone, why)) != OK)
		return because(why, r, "/etc/%s", name);
	if (move_mount(clone, "", layer, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(why, ERR_SYSTEM, "mount /etc/%s", name);
	return OK;
}

/* Where something is mounted below /etc, as in a container, overlayfs refuses it: then each entry is bound by itself. */
static enum err
bind_entries(int layer, struct why *why)
{
	int fd = open("etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;
	enum err r = OK;

	if (dir == NULL) {
		clean_fd(&fd);
		return fail_errno(why, ERR_SYSTEM, "read /etc");
	}
	while (r == OK && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    faccessat(layer, entry->d_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue; /* ours stands there */
		r = ++n > ENTRIES_MAX ? fail(why, ERR_LIMIT, "/etc has more than %d entries", ENTRIES_MAX)
				      : bind_entry(layer, fd, entry->d_name, why);
	}
	closedir(dir);
	if (r != OK || (r = mount_narrow(layer, SAFE | MOUNT_ATTR_RDONLY, false, why)) != OK)
		return r;
	return mount_attach(layer, "/etc", why); /* moved, with all that is mounted in it */
}

static enum err
lay(const struct msg_spawner_setup *setup, int root_fd, struct why *why)
{
	auto_fd int layer = -1;
	enum err r;

	if ((r = mount_fresh("tmpfs", layer_options, SAFE, &layer, why)) != OK ||
	    (r = write_account(layer, setup, why)) != OK || (r = write_tls(layer, setup, root_fd, why)) != OK ||
	    (r = mount_attach(layer, "/tmp", why)) != OK)
		return r;
	r = overlay(why);
	if (r == ERR_UNIMPLEMENTED)
		r = bind_entries(layer, why);
	return r == OK ? OK : because(why, r, "lay files over /etc");
}

/* Programs that know no variable for it read the system's anchors: they find the bundle with the sandbox's CA there. */
static enum err
cover_anchors(struct why *why)
{
	char path[PATH_MAX];
	struct stat st;
	enum err r = OK;

	for (size_t i = 0; r == OK && hostfiles_anchor_paths[i] != NULL; i++) {
		auto_fd int bundle = -1;

		if (fstatat(AT_FDCWD, hostfiles_anchor_paths[i], &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		snprintf(path, sizeof(path), "/%s", hostfiles_anchor_paths[i]);
		if ((r = mount_clone(AT_FDCWD, &VIEW_TLS_BUNDLE[1], SAFE | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, &bundle, why)) == OK)
			r = mount_attach(bundle, path, why);
	}
	return r == OK ? OK : because(why, r, "lay the sandbox's CA over the system's");
}

/* ---- where nothing is shared at /etc itself ---- */

/* A file of the policy's at this path is covered, another is written. */
static enum err
put_account(const struct account_file *file, const struct msg_spawner_setup *setup, struct why *why)
{
	const char *path = file->path;
	bool there = faccessat(AT_FDCWD, path + 1, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	char text[ACCOUNT_BYTES];
	auto_fd int clone = -1;
	enum err r;

	account_write(file, setup, text);
	if (!there && (r = mount_ground(path, false, why)) != OK)
		return r;
	if ((r = write_file(AT_FDCWD, there ? "account" : path + 1, span_of_text(text), why)) != OK || !there)
		return r;
	if ((r = mount_clone(AT_FDCWD, "account", SAFE | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, &clone, why)) == OK)
		r = mount_attach(clone, path, why);
	unlinkat(AT_FDCWD, "account", 0);
	return r;
}

static enum err
put(const struct msg_spawner_setup *setup, int root_fd, struct why *why)
{
	auto_fd int dir = -1;
	enum err r = OK;

	for (size_t i = 0; r == OK && setup->host_root && i < account_files_n; i++)
		r = put_account(&account_files[i], setup, why);
	if (r != OK || (r = mount_ground("/etc", true, why)) != OK)
		return r;
	if ((dir = open("etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "/etc");
	return write_tls(dir, setup, root_fd, why);
}

enum err
view_etc(const struct msg_spawner_setup *setup, const struct places *places, int root_fd, bool *laid, struct why *why)
{
	const struct place *shared = place_at_etc(places);
	enum err r;

	if (setup->host_root && shared != NULL && shared->write)
		return fail(why, ERR_INVALID, "filesystem path /etc of a host cannot be written by a sandbox");
	*laid = shared != NULL && !shared->write && (setup->host_root || setup->ca.length > 0);
	if (!*laid)
		return put(setup, root_fd, why);
	if ((r = lay(setup, root_fd, why)) != OK || setup->ca.length == 0)
		return r;
	return cover_anchors(why);
}
