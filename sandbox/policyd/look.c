/* The full look. Threads may have descriptors of their own (CLONE_FILES not shared): then each table is read. */
#include "sandbox/policyd/look.h"

#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "sandbox/policyd/proc.h"

#define PAUSE_FROM_US 3000

/* One process, or one thread of it, that is being looked at. */
struct walk {
	struct look *look;
	pid_t pid; /* of the process */
	int dir;
	enum err r;
};

static enum err
holding_add(struct look *look, uint64_t inode, pid_t pid)
{
	if (look->holdings_n == LOOK_HOLDINGS_MAX)
		return ERR_LIMIT;
	if (look->holdings_n == look->room) {
		look->room = look->room == 0 ? 256 : look->room * 2;
		look->holdings = reallocarray(look->holdings, look->room, sizeof(struct holding));
		if (look->holdings == NULL)
			abort();
	}
	look->holdings[look->holdings_n++] = (struct holding){inode, pid};
	return OK;
}

/* One descriptor. That it is closed meanwhile is no error: so it is not held. */
static bool
each_descriptor(void *self, const char *name, uint32_t number)
{
	struct walk *walk = self;
	struct look *look = walk->look;
	struct proc_fdinfo info;
	enum err r;

	(void)number;
	if (look->files++ == LOOK_FILES_MAX) {
		walk->r = ERR_LIMIT;
		return false;
	}
	r = proc_descriptor(walk->dir, name, &info, NULL);
	if (r == OK && info.mount == look->socket_mount)
		r = holding_add(look, info.inode, walk->pid);
	walk->r = r == ERR_NOT_FOUND ? OK : r;
	return walk->r == OK;
}

static enum err
table(struct look *look, int dir, pid_t pid)
{
	struct walk walk = {.look = look, .pid = pid, .dir = dir};
	enum err r = proc_each(dir, "fdinfo", each_descriptor, &walk, NULL);

	return r != OK ? r : walk.r;
}

/* Shared with the first thread, which is looked at already? Where the kernel cannot tell, it is not. */
static bool
shares_files(pid_t pid, pid_t thread)
{
	return syscall(SYS_kcmp, pid, thread, KCMP_FILES, 0, 0) == 0;
}

static bool
each_thread(void *self, const char *name, uint32_t number)
{
	struct walk *walk = self;
	auto_fd int dir = -1;
	enum err r;

	(void)name;
	if ((pid_t)number == walk->pid || shares_files(walk->pid, (pid_t)number))
		return true;
	if ((r = proc_open((pid_t)number, &dir, NULL)) == OK)
		r = table(walk->look, dir, walk->pid);
	walk->r = r == ERR_NOT_FOUND ? OK : r;
	return walk->r == OK;
}

static enum err
threads(struct look *look, int dir, pid_t pid)
{
	struct walk walk = {.look = look, .pid = pid, .dir = dir};
	uint32_t n = 0;
	enum err r = proc_threads(dir, &n, NULL);

	if (r != OK || n < 2)
		return r;
	r = proc_each(dir, "task", each_thread, &walk, NULL);
	return r != OK ? r : walk.r;
}

/* Dead, and not buried: it holds nothing. Its first thread alone may be dead, while others go on. */
static bool
is_dead(int dir)
{
	struct proc_stat stat;

	return proc_stat(dir, &stat, NULL) != OK || ((stat.state == 'Z' || stat.state == 'X') && stat.threads < 2);
}

static enum err
process(struct look *look, pid_t pid)
{
	uint64_t namespace = 0;
	auto_fd int dir = -1;
	enum err r = proc_open(pid, &dir, NULL);

	if (r != OK)
		return r == ERR_NOT_FOUND ? OK : r;
	r = proc_namespace(dir, "pid", &namespace, NULL);
	if (r == OK && namespace != look->pid_namespace)
		return OK;
	look->processes++;
	if (r == OK)
		r = table(look, dir, pid);
	if (r == OK)
		r = threads(look, dir, pid);
	return (r == ERR_NOT_FOUND || r == ERR_DENIED) && is_dead(dir) ? OK : r;
}

static bool
each_process(void *self, const char *name, uint32_t number)
{
	struct walk *walk = self;
	struct look *look = walk->look;
	enum err r;

	(void)name;
	if ((pid_t)number == look->spawner)
		return true;
	r = process(look, (pid_t)number);
	if (r == ERR_LIMIT)
		walk->r = r;
	else if (r != OK)
		look->opaque = (pid_t)number;
	return walk->r == OK;
}

static int
by_inode(const void *one, const void *two)
{
	const struct holding *a = one, *b = two;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* A process that has a socket twice holds it once. */
static void
sort(struct look *look)
{
	size_t n = 0;

	if (look->holdings_n > 0)
		qsort(look->holdings, look->holdings_n, sizeof(struct holding), by_inode);
	for (size_t i = 0; i < look->holdings_n; i++)
		if (n == 0 || by_inode(&look->holdings[n - 1], &look->holdings[i]) != 0)
			look->holdings[n++] = look->holdings[i];
	look->holdings_n = n;
}

enum err
look_now(struct look *look, struct why *why)
{
	struct walk walk = {.look = look};
	uint64_t begun = clock_us();
	enum err r;

	look->holdings_n = look->files = look->processes = 0;
	look->opaque = 0;
	look->number++;
	if ((r = proc_each(AT_ROOT, "/", each_process, &walk, why)) != OK)
		r = because(why, ERR_SYSTEM, "look at all processes");
	else if (walk.r != OK)
		r = fail(why, walk.r, "there are too many descriptors to look at");
	if (r != OK)
		look->opaque = look->spawner; /* what was not seen may be anything */
	sort(look);
	look->ended_us = clock_us();
	look->took_us = look->ended_us - begun;
	return r;
}

uint32_t
look_pause_ms(const struct look *look)
{
	uint64_t due = look->ended_us + look->took_us, now = clock_us();

	return look->took_us < PAUSE_FROM_US || due <= now ? 0 : (uint32_t)((due - now + 999) / 1000);
}

const struct holding *
look_holders(const struct look *look, uint64_t inode, size_t *n)
{
	size_t low = 0, high = look->holdings_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (look->holdings[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	for (*n = 0; low + *n < look->holdings_n && look->holdings[low + *n].inode == inode;)
		(*n)++;
	return look->holdings + low;
}

void
look_done(struct look *look)
{
	free(look->holdings);
	look->holdings = NULL;
	look->holdings_n = look->room = 0;
}
