/* The driver as a whole: its directories, the one lock, and the boxes that it finds when it comes back. */
#include "services/driver-local/driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"

#define REAP_AGAIN_MS 20

#define MAKER_SUFFIX "-box"

static enum err
directory_open(int at, const char *path, int *out, struct why *why)
{
	if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
		return fail_errno(why, ERR_SYSTEM, "make %s", path);
	if ((*out = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "open %s", path);
	return OK;
}

static enum err
lock_take(struct driver *driver, int data_dir, struct why *why)
{
	driver->lock_fd = openat(data_dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (driver->lock_fd < 0)
		return fail_errno(why, ERR_SYSTEM, "%s/lock", driver->config.data_dir);
	if (flock(driver->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return fail(why, ERR_BUSY, "%s: another driver-local works here", driver->config.data_dir);
	return OK;
}

/* What its control groups are called: the same at each start, another for another data directory (FNV-1a). */
static void
places_find(struct driver *driver)
{
	char own[4096], label[24];
	auto_fd int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, own, sizeof(own));
	uint32_t hash = 2166136261u;

	for (const char *at = driver->config.data_dir; *at != '\0'; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u;
	snprintf(label, sizeof(label), "openshell-%08x", hash);
	cgroup_find(&driver->places, span_of_bytes(own, n < 0 ? 0 : (size_t)n), "/sys/fs/cgroup", label);
}

struct sandbox *
driver_find(struct driver *driver, struct id id)
{
	struct sandbox *sandbox;

	list_each(sandbox, &driver->sandboxes, struct sandbox, link)
		if (id_equal(sandbox->id, id))
			return sandbox;
	return NULL;
}

struct sandbox *
sandbox_new(struct driver *driver, struct id id)
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));

	if (sandbox == NULL)
		abort();
	sandbox->driver = driver;
	sandbox->id = id;
	sandbox->pidfd = sandbox->report_fd = sandbox->maker.pidfd = -1;
	list_append(&driver->sandboxes, &sandbox->link);
	driver->count++;
	return sandbox;
}

void
sandbox_free(struct sandbox *sandbox)
{
	struct loop *loop = sandbox->driver->loop;

	report_drop(sandbox);
	start_cancel(sandbox);
	loop_timer_stop(loop, &sandbox->timer);
	loop_remove(loop, &sandbox->pid_watch);
	loop_remove(loop, &sandbox->report_watch);
	child_done(&sandbox->maker);
	clean_fd(&sandbox->pidfd);
	clean_fd(&sandbox->report_fd);
	list_remove(&sandbox->link);
	sandbox->driver->count--;
	free(sandbox);
}

static bool
keep_id(void *self, struct id id)
{
	return driver_find(self, id) != NULL;
}

static bool
keep_text(void *self, struct span text)
{
	struct id id;

	return id_parse(text, &id, NULL) == OK && driver_find(self, id) != NULL;
}

/* Every directory is a sandbox that this driver or one before it began. */
static enum err
boxes_read(struct driver *driver, struct why *why)
{
	auto_fd int again = openat(driver->boxes_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	struct id id;
	DIR *dir;

	if (again < 0 || (dir = fdopendir(again)) == NULL)
		return fail_errno(why, ERR_SYSTEM, "read %s/boxes", driver->config.data_dir);
	fd_take(&again);
	while ((entry = readdir(dir)) != NULL)
		if (id_parse(span_of_text(entry->d_name), &id, NULL) == OK)
			sandbox_adopt(sandbox_new(driver, id));
	closedir(dir);
	uids_collect(&driver->uids, keep_id, driver);
	cgroup_collect(&driver->places, keep_text, driver);
	return OK;
}

/* It is beside this program, and called after it. */
static enum err
maker_open(int *out, struct why *why)
{
	char path[SERVICE_PATH_BYTES] = {0};
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(MAKER_SUFFIX));

	if (n < 0)
		return fail_errno(why, ERR_SYSTEM, "own executable");
	memcpy(path + n, MAKER_SUFFIX, sizeof(MAKER_SUFFIX));
	if ((*out = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	return OK;
}

enum err
driver_open(struct driver *driver, struct why *why)
{
	auto_fd int data_dir = -1;
	int uids_dir;
	enum err r;

	list_init(&driver->sandboxes);
	driver->boxes_dir = driver->lock_fd = -1;
	/* Boxes outlive their makers: they become this process's children, so that their ends can be told. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_CHILD_SUBREAPER");
	if ((r = maker_open(&driver->maker_fd, why)) != OK ||
	    (r = directory_open(AT_FDCWD, driver->config.data_dir, &data_dir, why)) != OK ||
	    (r = lock_take(driver, data_dir, why)) != OK ||
	    (r = directory_open(data_dir, "boxes", &driver->boxes_dir, why)) != OK ||
	    (r = directory_open(data_dir, "uids", &uids_dir, why)) != OK ||
	    (r = uids_open(&driver->uids, uids_dir, driver->config.sandboxes_max, why)) != OK)
		return r;
	places_find(driver);
	return boxes_read(driver, why);
}

void
driver_close(struct driver *driver)
{
	struct sandbox *sandbox;

	if (driver->sandboxes.next != NULL)
		list_each(sandbox, &driver->sandboxes, struct sandbox, link)
			sandbox_free(sandbox);
	uids_close(&driver->uids);
	clean_fd(&driver->boxes_dir);
	clean_fd(&driver->maker_fd);
	clean_fd(&driver->lock_fd);
}

/* While a box is being made its first process may be any: it is looked at when that is known. */
static bool
watched(struct driver *driver, pid_t pid)
{
	struct sandbox *sandbox;

	list_each(sandbox, &driver->sandboxes, struct sandbox, link)
		if (sandbox->phase == PHASE_MAKING || (sandbox->maker.pidfd >= 0 && sandbox->maker.pid == pid) ||
		    (sandbox->pidfd >= 0 && sandbox->pid == pid))
			return true;
	return false;
}

static void
reap_again(void *self)
{
	driver_reap(self);
}

/* The first that has ended stands before the others: where it is somebody's, that one takes it away in a moment. */
void
driver_reap(struct driver *driver)
{
	siginfo_t info = {0};

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
		if (watched(driver, info.si_pid)) {
			loop_timer_set(driver->loop, &driver->reaper, REAP_AGAIN_MS, reap_again, driver);
			return;
		}
		waitpid(info.si_pid, NULL, WNOHANG);
		info.si_pid = 0;
	}
}

void
driver_leave(struct driver *driver)
{
	struct sandbox *sandbox;

	driver->leaving = true;
	list_each(sandbox, &driver->sandboxes, struct sandbox, link)
		sandbox_reconcile(sandbox);
	driver_left(driver);
}

void
driver_left(struct driver *driver)
{
	struct sandbox *sandbox;

	if (!driver->leaving)
		return;
	list_each(sandbox, &driver->sandboxes, struct sandbox, link)
		if (sandbox->phase == PHASE_MAKING || sandbox->phase == PHASE_RUNNING ||
		    sandbox->phase == PHASE_ENDING || sandbox->phase == PHASE_CLEARING)
			return;
	loop_stop(driver->loop);
}
