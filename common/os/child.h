/* Child processes: started by fork and exec, handed the descriptors they need by number, watched by pidfd. */
#ifndef COMMON_OS_CHILD_H
#define COMMON_OS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/os/loop.h"

#define CHILD_FDS_MAX 16

/* What to start. Descriptors fds[i] (>= 0) become number i in the child; all others are closed in it. */
struct child_plan {
	const char *path;	 /* the executable; or exec_fd >= 1 with path as its name */
	int exec_fd;		 /* execveat(exec_fd, "", AT_EMPTY_PATH) when > 0 */
	const char *const *argv; /* NULL-terminated */
	const char *const *envp; /* NULL-terminated; NULL is an empty environment, never the parent's */
	int fds[CHILD_FDS_MAX];	 /* -1 at 0, 1 or 2: /dev/null; -1 above: closed */
	size_t fds_count;
	bool die_with_parent;	   /* PR_SET_PDEATHSIG SIGKILL */
	bool new_session;	   /* setsid */
	unsigned long clone_flags; /* CLONE_NEW*: namespaces that the child begins in */
	uid_t uid;		   /* with set_ids: setgroups(0), setresgid, setresuid before exec */
	gid_t gid;
	bool set_ids;
};

/* A started child. */
struct child {
	pid_t pid;
	int pidfd;
	struct watch watch;
	struct loop *loop;
	void (*ended)(void *self, int status);
	void *self;
};

/*
 * Start a child. Signals blocked by the loop are unblocked in it, handlers are default.
 *
 * out     pid and pidfd are filled in; free with child_done
 * errors  ERR_SYSTEM with the step that failed (also when exec itself failed: the child reports by a pipe)
 */
enum err child_start(struct child *out, const struct child_plan *plan, struct why *why) must_check;

/* Call ended(self, wait status) once from the loop when it ends; the child is reaped by then. */
enum err child_watch(struct child *child, struct loop *loop, void (*ended)(void *self, int status), void *self,
    struct why *why) must_check;

/* Send a signal through the pidfd; false when it is gone. */
bool child_kill(const struct child *child, int signal);

/* Block until it ends and reap it: the wait status. For short-lived tools during start-up. */
int child_wait(struct child *child);

/* Stop watching and close the pidfd; does not kill. */
void child_done(struct child *child);

/* 0..255, 128 + n for signal n: what a shell would say of a wait status. */
int child_exit_code(int status);

#endif
