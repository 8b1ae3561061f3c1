/* SSH servers: a process for each connection, without privilege; its commands are the supervisor's to start, and end with it. */
#include "sandbox/supervisor/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"
#include "sandbox/supervisor/bundle.h"

#define SSHD	      BUNDLE_PROGRAMS "sshd"
#define SSHDS_MAX     20
#define SETUP_WAIT_MS 6000 /* less than link waits for us */
#define LAST_WORDS_MS 1000 /* between the end of a channel and of its process */
#define WORKSPACE     "/sandbox"

struct sshd {
	struct list link;
	struct supervisor *s;
	struct child child;
	struct peer *peer;  /* borrowed; NULL: its channel is gone */
	struct reply reply; /* to ssh_start, until it serves */
	struct timer kill;
};

static void
sshd_free(struct sshd *sshd)
{
	loop_timer_stop(sshd->s->loop, &sshd->kill);
	peer_unref(sshd->reply.peer);
	child_done(&sshd->child);
	list_remove(&sshd->link);
	sshd->s->sshds_n--;
	free(sshd);
}

static void
sshd_ended(void *self, int status)
{
	struct sshd *sshd = self;
	struct peer *peer = sshd->peer;

	log_info("sshd.ended", "code=%d", child_exit_code(status));
	sshd->child.pid = 0;
	if (peer != NULL)
		peer->transport->cut(peer); /* ssh_down */
	sshd_free(sshd);
}

static void
kill_now(void *self)
{
	child_kill(&((struct sshd *)self)->child, SIGKILL);
}

void
ssh_down(struct supervisor *s, const struct peer *peer)
{
	struct sshd *sshd;

	list_each(sshd, &s->sshds, struct sshd, link)
		if (sshd->peer == peer) {
			sshd->peer = NULL;
			loop_timer_set(s->loop, &sshd->kill, LAST_WORDS_MS, kill_now, sshd);
		}
}

void
ssh_link_gone(struct supervisor *s)
{
	struct sshd *sshd;

	list_each(sshd, &s->sshds, struct sshd, link)
		loop_timer_set(s->loop, &sshd->kill, LAST_WORDS_MS, kill_now, sshd);
}

bool
ssh_owns(const struct supervisor *s, pid_t pid)
{
	const struct sshd *sshd;

	list_each(sshd, &s->sshds, const struct sshd, link)
		if (sshd->child.pid == pid)
			return true;
	return false;
}

/* ---- the beginning ---- */

static void
set_up(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct sshd *sshd = self;

	(void)answer;
	if (r == OK) {
		reply_send(&sshd->reply, &(struct msg){.id = DONE});
		return;
	}
	reply_fail(&sshd->reply, r == ERR_UNAVAILABLE ? ERR_INTERNAL : r, why);
	child_kill(&sshd->child, SIGKILL);
}

/* Its connection, and its channel to link. */
static void
tell_setup(struct sshd *sshd, int connection, int to_link)
{
	struct supervisor *s = sshd->s;
	const struct msg m = {.id = SSH_SETUP,
	    .ssh_setup = {.host_key = span_of_bytes(s->identity.host_key.bytes, 32),
		.workspace = SPAN(WORKSPACE),
		.bash = s->bash},
	    .fds = {connection, to_link},
	    .fds_n = 2};

	peer_call(sshd->peer, &m, SETUP_WAIT_MS, set_up, sshd);
}

static enum err
start(struct sshd *sshd, struct why *why)
{
	static const char *const argv[] = {"sshd", NULL};
	struct supervisor *s = sshd->s;
	struct child_plan plan = {.path = SSHD,
	    .argv = argv,
	    .envp = bundle_environment,
	    .fds = {0, 1, 2, -1},
	    .fds_count = 4,
	    .die_with_parent = true};
	auto_fd int ours = -1;
	auto_fd int theirs = -1;
	enum err r;

	if ((r = finish_replaced(s, why)) != OK || (r = channel_pair(&ours, &theirs, why)) != OK)
		return r;
	plan.fds[3] = theirs;
	if ((r = child_start(&sshd->child, &plan, why)) != OK)
		return r;
	if ((r = child_watch(&sshd->child, s->loop, sshd_ended, sshd, why)) != OK) {
		child_kill(&sshd->child, SIGKILL);
		child_wait(&sshd->child);
		sshd->child.pid = 0;
		return r;
	}
	return channel_open(&s->bus, ROLE_SSHD, "sshd", fd_take(&ours), &sshd->peer, why);
}

/* A pair for it and link; link's end is given away. */
static enum err
introduce(struct supervisor *s, int *theirs, struct why *why)
{
	struct msg m = {.id = CHANNEL_GIVE, .channel_give.role = ROLE_SSHD, .fds_n = 1};
	auto_fd int links = -1;
	enum err r;

	if ((r = channel_pair(&links, theirs, why)) != OK)
		return r;
	m.fds[0] = links;
	return peer_tell(s->link.peer, &m, why);
}

static struct sshd *
sshd_new(struct supervisor *s)
{
	struct sshd *sshd = calloc(1, sizeof(*sshd));

	if (sshd == NULL)
		abort();
	sshd->s = s;
	sshd->child.pidfd = -1;
	list_append(&s->sshds, &sshd->link);
	s->sshds_n++;
	return sshd;
}

static enum err
start_allowed(const struct supervisor *s, const struct msg *m, struct why *why)
{
	if (m->call == 0 || m->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "ssh_start is a request with one descriptor");
	if (s->failed)
		return fail(why, ERR_STATE, "the sandbox did not start");
	if (access(SSHD, X_OK) < 0)
		return fail(why, ERR_UNIMPLEMENTED, "this sandbox has no SSH server");
	if (s->sshds_n >= SSHDS_MAX)
		return fail(why, ERR_LIMIT, "%d SSH connections are open in this sandbox", SSHDS_MAX);
	return OK;
}

/*
 * Start an SSH server for a connection. Where the main process has ended it still tells of it.
 *
 * in      ssh_start, from link, with the connection
 * out     done, once it serves
 * errors  ERR_STATE the sandbox did not start; ERR_LIMIT; ERR_UNIMPLEMENTED the bundle has none; ERR_INTERNAL, ERR_SYSTEM
 */
enum err
ssh_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	auto_fd int to_link = -1;
	struct sshd *sshd;
	enum err r;

	(void)answer;
	if ((r = start_allowed(s, m, why)) != OK)
		return r;
	sshd = sshd_new(s);
	if ((r = start(sshd, why)) == OK)
		r = introduce(s, &to_link, why);
	if (r == OK) {
		sshd->reply = reply_later(m);
		tell_setup(sshd, m->fds[0], to_link);
	} else if (sshd->child.pid != 0) {
		child_kill(&sshd->child, SIGKILL); /* freed when it has ended */
	} else {
		sshd_free(sshd);
	}
	return r;
}
