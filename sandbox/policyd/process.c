/* Processes that own connections. An entry never changes: one that executes another file is another entry. */
#include "sandbox/policyd/process.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"

static struct list *
bucket_of(struct processes *processes, pid_t pid)
{
	return &processes->buckets[(unsigned)pid % PROCESS_BUCKETS];
}

static bool
same_now(const struct process *process)
{
	struct stat st;

	return proc_exe_stat(process->dir, &st, NULL) == OK && st.st_dev == process->device &&
	       st.st_ino == process->inode;
}

static enum err
process_new(struct processes *processes, pid_t pid, struct process **out, struct why *why)
{
	struct process *process;
	auto_fd int dir = -1;
	struct stat st;
	enum err r;

	if ((r = proc_open(pid, &dir, why)) != OK || (r = proc_exe_stat(dir, &st, why)) != OK)
		return r;
	if ((process = calloc(1, sizeof(*process))) == NULL)
		abort();
	process->pid = pid;
	process->dir = fd_take(&dir);
	process->device = st.st_dev;
	process->inode = st.st_ino;
	process->references = 1;
	list_append(bucket_of(processes, pid), &process->link);
	processes->n++;
	*out = process;
	return OK;
}

enum err
process_get(struct processes *processes, pid_t pid, struct process **out, struct why *why)
{
	struct process *process;

	list_each(process, bucket_of(processes, pid), struct process, link)
		if (process->pid == pid && same_now(process)) {
			*out = process_ref(process);
			return OK;
		}
	return process_new(processes, pid, out, why);
}

bool
process_same(struct processes *processes, struct process *process)
{
	if (process->checked == processes->round)
		return true;
	if (!same_now(process))
		return false;
	process->checked = processes->round;
	return true;
}

struct process *
process_ref(struct process *process)
{
	process->references++;
	return process;
}

void
process_unref(struct processes *processes, struct process *process)
{
	if (process == NULL || --process->references > 0)
		return;
	list_remove(&process->link);
	close(process->dir);
	free(process);
	processes->n--;
}

void
processes_init(struct processes *processes)
{
	processes->round = 1;
	processes->n = 0;
	for (size_t i = 0; i < PROCESS_BUCKETS; i++)
		list_init(&processes->buckets[i]);
}
