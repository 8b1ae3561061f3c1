/* Laying the sandbox's own files over /etc, or writing them where the policy shares nothing there. */
#include "sandbox/supervisor/view_etc.h"

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
#include "sandbox/supervisor/view_lay.h"
#include "sandbox/supervisor/view_mount.h"

#define ANCHORS_MAX_BYTES (4u << 20)

static const char *const layer_options[] = {"size", "8m", "nr_inodes", "2048", "mode", "755", NULL};

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

	for (size_t left = ANCHORS_MAX_BYTES;
	     out >= 0 && anchors >= 0 && left >= sizeof(bytes) && (n = read(anchors, bytes, sizeof(bytes))) > 0;
	     left -= (size_t)n)
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

static enum err
lay(const struct msg_spawner_setup *setup, int root_fd, struct why *why)
{
	auto_fd int layer = -1;
	enum err r;

	if ((r = mount_fresh("tmpfs", layer_options, SAFE, &layer, why)) != OK ||
	    (r = write_account(layer, setup, why)) != OK || (r = write_tls(layer, setup, root_fd, why)) != OK)
		return r;
	r = view_lay(layer, "/etc", why);
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
		if ((r = mount_clone(AT_FDCWD, &VIEW_TLS_BUNDLE[1], SAFE | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC,
			 &bundle, why)) == OK)
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
	const struct place *shared = places_shared_at(places, "/etc");
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
