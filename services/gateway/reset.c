/* Reset: the names a gateway gives its files, and their removal, the lock last so that a half done reset can go on. */
#include "services/gateway/reset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/os/remove.h"
#include "services/gateway/file.h"
#include "services/gateway/lock.h"
#include "services/gateway/pki.h"

#define LOCK_NAME "gateway.pid"

/* What it makes in data_dir. A name with a dot and more behind it is a file being written, or a log put aside. */
static const char *const data_names[] = {"sandboxes", "postgres", "keys", "run", "gateway.log", "status.json", NULL};

static const char *const tls_names[] = {"ca.key", "ca.crt", "server/tls.key", "server/tls.crt", "server",
    "client/tls.key", "client/tls.crt", "client", NULL};

/* last_sandbox is the client's. */
static const char *const entry_names[] = {
    "mtls/tls.key", "mtls/tls.crt", "mtls/ca.crt", "mtls", "metadata.json", "last_sandbox", NULL};

/* ---- may it be? ---- */

/* Does the process of a box's record ("started EPOCH PID TICKS BOOT") still run? */
static bool
box_runs(int boxes, const char *id)
{
	char path[PATH_BYTES], line[256], boot[64], now_boot[64], stat[1024];
	unsigned long long ticks, now_ticks;
	unsigned epoch;
	struct why why;
	char *behind, state; /* a zombie (Z, X) runs no more, though nobody has waited for it yet */
	int pid;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%.200s/box", boxes, id);
	if (file_read(path, line, sizeof(line), NULL, &why) != OK ||
	    sscanf(line, "started %u %d %llu %63s", &epoch, &pid, &ticks, boot) != 4 ||
	    file_read("/proc/sys/kernel/random/boot_id", now_boot, sizeof(now_boot), NULL, &why) != OK ||
	    strncmp(boot, now_boot, strlen(boot)) != 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return file_read(path, stat, sizeof(stat), NULL, &why) == OK && (behind = strrchr(stat, ')')) != NULL &&
	       sscanf(behind, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &state, &now_ticks) == 2 &&
	       now_ticks == ticks && state != 'Z' && state != 'X';
}

static unsigned
boxes_running(const struct config *config)
{
	DIR *dir = opendir(data_path(config, "sandboxes/boxes"));
	struct dirent *entry;
	unsigned running = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		running += entry->d_name[0] != '.' && box_runs(dirfd(dir), entry->d_name);
	closedir(dir);
	return running;
}

static enum err
ask(const struct config *config, struct why *why)
{
	char line[16];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return fail(why, ERR_DENIED,
		    "reset removes every sandbox, its files and the database in %s: say --yes to do it",
		    config->data_dir);
	fprintf(stderr,
	    "This removes every sandbox with its files, the database and the keys in %s,\n"
	    "and the certificates in %s. Type yes to go on: ",
	    config->data_dir, config->tls_dir);
	if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, "yes\n") != 0)
		return fail(why, ERR_DENIED, "nothing was removed");
	return OK;
}

/* ---- removal ---- */

/* Also "name.more". */
static bool
named(const char *name, const char *const *names)
{
	for (; *names != NULL; names++) {
		size_t length = strlen(*names);

		if (strncmp(name, *names, length) == 0 && (name[length] == '\0' || name[length] == '.'))
			return true;
	}
	return false;
}

static enum err
whole_remove(int dir, const char *name, struct why *why)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return OK;
	return tree_remove_whole(dir, name, why);
}

/* The directory itself, when it is empty; else say that it stays. */
static enum err
last_remove(const char *path, struct why *why)
{
	if (rmdir(path) == 0) {
		printf("Removed %s\n", path);
		return OK;
	}
	if (errno == ENOTEMPTY || errno == EEXIST)
		printf("Removed what the gateway made in %s; other files are there, so the directory stays.\n", path);
	else if (errno != ENOENT && errno != ENOTDIR)
		return fail_errno(why, ERR_SYSTEM, "remove %s", path);
	return OK;
}

/* Each name's directory is a directory, not a link to one, or the name is not ours. */
static enum err
names_remove(const char *path, const char *const *names, struct why *why)
{
	auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? OK : fail_errno(why, ERR_SYSTEM, "remove %s", path);
	for (; *names != NULL; names++) {
		const char *slash = strchr(*names, '/');
		char parent[64];
		auto_fd int in = -1;

		snprintf(parent, sizeof(parent), "%.*s", slash == NULL ? 1 : (int)(slash - *names),
		    slash == NULL ? "." : *names);
		if ((in = openat(dir, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
			continue;
		if (unlinkat(in, slash == NULL ? *names : slash + 1, 0) < 0 && errno == EISDIR)
			(void)!unlinkat(in, *names, AT_REMOVEDIR); /* when others put something there it stays */
	}
	return last_remove(path, why);
}

static enum err
data_remove(const struct config *config, struct why *why)
{
	auto_fd int dir = open(config->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = dir < 0 ? NULL : fdopendir(dup(dir));
	struct dirent *entry;
	enum err r = OK;

	if (list == NULL)
		return fail_errno(why, ERR_SYSTEM, "read %s", config->data_dir);
	while (r == OK && (entry = readdir(list)) != NULL)
		if (named(entry->d_name, data_names))
			r = whole_remove(dir, entry->d_name, why);
	closedir(list);
	if (r != OK)
		return because(why, r, "%s", config->data_dir);
	(void)!unlinkat(dir, LOCK_NAME, 0);
	return last_remove(config->data_dir, why);
}

static bool
same_files(const char *one, const char *other)
{
	char a[8192], b[8192];
	struct why why;

	return file_read(one, a, sizeof(a), NULL, &why) == OK && file_read(other, b, sizeof(b), NULL, &why) == OK &&
	       strcmp(a, b) == 0;
}

/* Ours is the one that has our authority; without TLS, the one that a start would have written over. */
static bool
entry_ours(const struct config *config, const char *entry)
{
	char ca[2 * PATH_BYTES], own[PATH_BYTES], metadata[2 * PATH_BYTES];

	snprintf(ca, sizeof(ca), "%s/mtls/ca.crt", entry);
	snprintf(own, sizeof(own), "%s/ca.crt", config->tls_dir);
	snprintf(metadata, sizeof(metadata), "%s/metadata.json", entry);
	return file_exists(metadata) && (file_exists(ca) ? same_files(ca, own) : !pki_entry_foreign(metadata));
}

static enum err
entry_remove(const struct config *config, struct why *why)
{
	char entry[PATH_BYTES], path[2 * PATH_BYTES], active[80];
	enum err r;

	snprintf(entry, sizeof(entry), "%s/gateways/%s", config->client_dir, config->gateway_name);
	if (!entry_ours(config, entry))
		return OK;
	if ((r = names_remove(entry, entry_names, why)) != OK)
		return r;
	snprintf(path, sizeof(path), "%s/active_gateway", config->client_dir);
	if (file_read(path, active, sizeof(active), NULL, why) == OK) {
		active[strcspn(active, "\n")] = '\0';
		if (strcmp(active, config->gateway_name) == 0)
			unlink(path);
	}
	snprintf(path, sizeof(path), "%s/gateways", config->client_dir);
	rmdir(path); /* as far as they are empty */
	rmdir(config->client_dir);
	return OK;
}

/* "openshell" in a directory for the state of programs is ours when it is empty. */
static void
parent_remove(const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[CONFIG_PATH_BYTES];

	snprintf(parent, sizeof(parent), "%.*s", slash == NULL ? 0 : (int)(slash - path), path);
	if ((slash = strrchr(parent, '/')) != NULL && strcmp(slash, "/openshell") == 0)
		rmdir(parent);
}

enum err
reset_run(const struct config *config, bool yes, struct why *why)
{
	auto_fd int lock = -1;
	bool data = file_exists(data_path(config, LOCK_NAME));
	unsigned running;
	pid_t pid;
	enum err r;

	if ((r = lock_holder(config, &pid, why)) != OK)
		return r;
	if (pid != 0)
		return fail(why, ERR_STATE, "the gateway runs with the data directory %s (pid %d): stop it first",
		    config->data_dir, (int)pid);
	if (data && (r = lock_take(config, &lock, why)) != OK)
		return r;
	if (data && (running = boxes_running(config)) > 0)
		return fail(why, ERR_STATE,
		    "%u sandbox%s still running: \"openshell-gateway start\", then \"stop --sandboxes\", ends what "
		    "runs",
		    running, running == 1 ? " is" : "es are");
	if (!data && !file_exists(config->tls_dir)) {
		printf("There is nothing to remove: %s holds no gateway's data.\n", config->data_dir);
		return OK;
	}
	if (!yes && (r = ask(config, why)) != OK)
		return r;
	if ((r = entry_remove(config, why)) != OK ||
	    (config->tls_cert[0] == '\0' && (r = names_remove(config->tls_dir, tls_names, why)) != OK) ||
	    (data && (r = data_remove(config, why)) != OK))
		return r;
	parent_remove(config->tls_dir);
	parent_remove(config->data_dir);
	return OK;
}
