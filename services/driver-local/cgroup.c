/* Control groups: version 2 where its controllers are delegated, else the hierarchies of version 1 that can be written. */
#include "services/driver-local/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define PERIOD_US 100000 /* cpu quotas are counted over this; the kernel's default */

static const char *const names[CONTROLLER_COUNT] = {"pids", "memory", "cpu"};

static bool
file_set(const char *dir, const char *name, const char *value)
{
	char path[CGROUP_PATH_BYTES + 128];
	auto_fd int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
}

static bool
file_has(const char *dir, const char *name, const char *word)
{
	char path[CGROUP_PATH_BYTES + 128], text[512];
	struct span rest;
	auto_fd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || (n = read(fd, text, sizeof(text))) <= 0)
		return false;
	for (rest = span_of_bytes(text, (size_t)n - 1); rest.length > 0;)
		if (span_is(span_cut(&rest, ' '), word))
			return true;
	return false;
}

static bool
list_has(struct span list, const char *word)
{
	while (list.length > 0)
		if (span_is(span_cut(&list, ','), word))
			return true;
	return false;
}

/* Lines of /proc/self/cgroup: "hierarchy:controllers:path" (cgroups(7)); no controllers on the unified one. */
static bool
line_find(struct span own, const char *controller, struct span *controllers, struct span *path)
{
	while (own.length > 0) {
		struct span line = span_cut(&own, '\n'), list;

		span_cut(&line, ':');
		list = span_cut(&line, ':');
		if (controller == NULL ? list.length == 0 : list_has(list, controller)) {
			*controllers = list;
			*path = line;
			return true;
		}
	}
	return false;
}

static bool
directory_is(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A path of another cgroup namespace is not there: then the top of what is mounted. */
static void
place(char to[CGROUP_PATH_BYTES], const char *mounts, struct span hierarchy, struct span path)
{
	const char *between = hierarchy.length > 0 ? "/" : "";

	snprintf(to, CGROUP_PATH_BYTES, "%s%s" SPAN_FORMAT SPAN_FORMAT, mounts, between, SPAN_ARGS(hierarchy),
	    SPAN_ARGS(path));
	if (!directory_is(to) || span_is(path, "/"))
		snprintf(to, CGROUP_PATH_BYTES, "%s%s" SPAN_FORMAT, mounts, between, SPAN_ARGS(hierarchy));
}

static bool
find_first(const char *mounts, struct span own, enum controller controller, char to[CGROUP_PATH_BYTES])
{
	struct span hierarchy, path;

	if (!line_find(own, names[controller], &hierarchy, &path))
		return false;
	place(to, mounts, hierarchy, path);
	return directory_is(to);
}

static bool
find_unified(const char *mounts, struct span own, enum controller controller, char to[CGROUP_PATH_BYTES])
{
	char enable[16];
	struct span hierarchy, path;

	if (!line_find(own, NULL, &hierarchy, &path))
		return false;
	place(to, mounts, hierarchy, path);
	snprintf(enable, sizeof(enable), "+%s", names[controller]);
	return file_has(to, "cgroup.controllers", names[controller]) &&
	       (file_has(to, "cgroup.subtree_control", names[controller]) ||
		   file_set(to, "cgroup.subtree_control", enable));
}

static bool
writable(const char *dir, const char *label)
{
	char path[CGROUP_PATH_BYTES + 64];

	snprintf(path, sizeof(path), "%s/%s-try", dir, label);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return false;
	return rmdir(path) == 0;
}

void
cgroup_find(struct cgroup_places *out, struct span own, const char *mounts, const char *label)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->label, sizeof(out->label), "%s", label);
	for (int i = 0; i < CONTROLLER_COUNT; i++) {
		char *dir = out->at[i].dir;

		out->at[i].unified = find_unified(mounts, own, (enum controller)i, dir);
		if (!out->at[i].unified && !find_first(mounts, own, (enum controller)i, dir)) {
			snprintf(out->at[i].why, sizeof(out->at[i].why),
			    "controller %s is not delegated to the gateway", names[i]);
			dir[0] = '\0';
		} else if (!writable(dir, label)) {
			snprintf(out->at[i].why, sizeof(out->at[i].why), "no group can be made: %s", strerror(errno));
			dir[0] = '\0';
		}
	}
}

static bool
limit_pids(const char *dir, bool unified, const struct cgroup_limits *limits)
{
	char value[32];

	(void)unified;
	snprintf(value, sizeof(value), "%u", limits->pids);
	return file_set(dir, "pids.max", value);
}

static bool
limit_memory(const char *dir, bool unified, const struct cgroup_limits *limits)
{
	char value[32];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)limits->memory_bytes);
	if (!unified)
		return file_set(dir, "memory.limit_in_bytes", value);
	file_set(dir, "memory.swap.max", "0"); /* a kernel without swap accounting has no such file */
	return file_set(dir, "memory.max", value);
}

static bool
limit_cpu(const char *dir, bool unified, const struct cgroup_limits *limits)
{
	unsigned long long quota = limits->cpu_milli * (unsigned long long)PERIOD_US / 1000;
	char value[64];

	if (quota < 1000)
		quota = 1000; /* the kernel takes no less */
	snprintf(value, sizeof(value), unified ? "%llu %d" : "%llu", quota, PERIOD_US);
	return file_set(dir, unified ? "cpu.max" : "cpu.cfs_quota_us", value);
}

static bool
wanted(const struct cgroup_limits *limits, enum controller controller)
{
	const bool want[CONTROLLER_COUNT] = {limits->pids != 0, limits->memory_bytes != 0, limits->cpu_milli != 0};

	return want[controller];
}

/* NULL when the group stands under its limit, else why not. */
static const char *
group_make(const struct cgroup_places *places, enum controller i, const char *id, const struct cgroup_limits *limits,
    char dir[CGROUP_PATH_BYTES + 64])
{
	static bool (*const set[CONTROLLER_COUNT])(const char *, bool, const struct cgroup_limits *) = {
	    limit_pids, limit_memory, limit_cpu};

	dir[0] = '\0';
	if (!wanted(limits, i))
		return "no limit is set";
	if (places->at[i].dir[0] == '\0')
		return places->at[i].why;
	snprintf(dir, CGROUP_PATH_BYTES + 64, "%s/%s-%s", places->at[i].dir, places->label, id);
	if ((mkdir(dir, 0755) == 0 || errno == EEXIST) && set[i](dir, places->at[i].unified, limits))
		return NULL;
	dir[0] = '\0';
	return strerror(errno);
}

void
cgroup_make(const struct cgroup_places *places, const char *id, const struct cgroup_limits *limits, struct cgroups *out,
    struct cgroup_walls *walls)
{
	for (int i = 0; i < CONTROLLER_COUNT; i++) {
		const char *absent = group_make(places, (enum controller)i, id, limits, out->dir[i]);

		out->unified[i] = places->at[i].unified;
		if (absent == NULL)
			snprintf(walls->text[i], CGROUP_WALL_BYTES, "cgroup_%s=enforced", names[i]);
		else
			snprintf(walls->text[i], CGROUP_WALL_BYTES, "cgroup_%s=absent: %s", names[i], absent);
	}
}

enum err
cgroup_enter(const struct cgroups *groups, int *unified, struct why *why)
{
	auto_fd int fd = -1;

	for (int i = 0; i < CONTROLLER_COUNT; i++) {
		const char *dir = groups->dir[i];

		if (dir[0] == '\0')
			continue;
		if (groups->unified[i] && fd < 0 && (fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
			return fail_errno(why, ERR_SYSTEM, "open %s", dir);
		if (!groups->unified[i] && !file_set(dir, "tasks", "0"))
			return fail_errno(why, ERR_SYSTEM, "enter %s", dir);
	}
	*unified = fd_take(&fd);
	return OK;
}

enum err
cgroup_remove(const struct cgroup_places *places, const char *id, struct why *why)
{
	char dir[CGROUP_PATH_BYTES + 64];
	enum err r = OK;

	for (int i = 0; i < CONTROLLER_COUNT; i++) {
		if (places->at[i].dir[0] == '\0')
			continue;
		snprintf(dir, sizeof(dir), "%s/%s-%s", places->at[i].dir, places->label, id);
		if (rmdir(dir) < 0 && errno != ENOENT)
			r = fail_errno(why, errno == EBUSY ? ERR_BUSY : ERR_SYSTEM, "remove %s", dir);
	}
	return r;
}

static void
collect_in(const struct cgroup_places *places, const char *dir, bool (*keep)(void *self, struct span id), void *self)
{
	size_t prefix = strlen(places->label);
	DIR *at = opendir(dir);
	struct dirent *entry;

	while (at != NULL && (entry = readdir(at)) != NULL)
		if (strncmp(entry->d_name, places->label, prefix) == 0 && entry->d_name[prefix] == '-' &&
		    !keep(self, span_of_text(entry->d_name + prefix + 1)))
			unlinkat(dirfd(at), entry->d_name, AT_REMOVEDIR);
	if (at != NULL)
		closedir(at);
}

void
cgroup_collect(const struct cgroup_places *places, bool (*keep)(void *self, struct span id), void *self)
{
	for (int i = 0; i < CONTROLLER_COUNT; i++)
		if (places->at[i].dir[0] != '\0')
			collect_in(places, places->at[i].dir, keep, self);
}
