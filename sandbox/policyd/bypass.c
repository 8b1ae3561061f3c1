/* Bypasses: what the fence refused. So many a second are looked at; of the others the kernel's numbers tell how many. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "sandbox/policyd/diag.h"
#include "sandbox/policyd/policyd.h"

#define A_SECOND       10 /* half of what all events may be */
#define AT_ONCE	       64 /* datagrams read at one go */
#define DATAGRAM_BYTES 4096

/*
 * Which process has the socket that it was sent from? As well as can be told now: by the port, which may have been given
 * back. A connect that was refused has none any more. 0: nobody.
 */
static pid_t
sender_of(struct policyd *policyd, const struct refusal *refusal)
{
	struct diag_ends ends = {.local = span_of_bytes(refusal->source, refusal->address_bytes),
	    .remote = span_of_bytes(refusal->destination, refusal->address_bytes),
	    .local_port = refusal->source_port,
	    .remote_port = refusal->port,
	    .datagrams = refusal->protocol == IPPROTO_UDP};
	const struct holding *holders;
	struct record *record;
	uint64_t inode;
	size_t n = 0;
	struct why why;

	if (refusal->source_port == 0 || diag_find(policyd->diag, &policyd->diag_sequence, &ends, &inode, &why) != OK)
		return 0;
	if ((record = record_find(&policyd->records, inode)) != NULL)
		return record->pid;
	if (look_now(&policyd->observer.look, &why) != OK) {
		policyd->looked = false; /* what was seen before is gone */
		return 0;
	}
	holders = look_holders(&policyd->observer.look, inode, &n);
	return n > 0 ? holders[0].pid : 0;
}

static void
tell(struct policyd *policyd, const struct refusal *refusal)
{
	char path[PROC_PATH_BYTES] = "";
	auto_fd int dir = -1;
	pid_t pid = sender_of(policyd, refusal);
	struct why why;

	if (pid != 0 && (proc_open(pid, &dir, &why) != OK || proc_exe_path(dir, path, &why) != OK))
		path[0] = '\0';
	event_bypass(policyd, refusal, path, dir < 0 ? 0 : proc_inner_pid(dir));
}

/* The kernel counts all of them, also those that found no room. */
static void
take(struct policyd *policyd, const struct refusal *refusal)
{
	struct bypasses *b = &policyd->bypasses;

	if (b->begun)
		b->dropped += refusal->sequence - b->next;
	b->begun = true; /* what was refused before there was a policyd, the one before has told */
	b->next = refusal->sequence + 1;
	if (b->in_second++ < A_SECOND)
		tell(policyd, refusal);
	else
		b->dropped++;
}

static bool
take_datagram(struct policyd *policyd)
{
	char bytes[DATAGRAM_BYTES];
	ssize_t n = recv(policyd->bypasses.watch.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct span rest = span_of_bytes(bytes, n < 0 ? 0 : (size_t)n);
	struct refusal refusal;
	struct why why;
	enum err r;

	if (n <= 0)
		return false;
	while ((r = refusal_next(&rest, &refusal, &why)) == OK)
		take(policyd, &refusal);
	if (r != ERR_NOT_FOUND)
		log_failure("refusal.unreadable", r, &why);
	return true;
}

static void
listen_again(void *self)
{
	struct policyd *policyd = self;

	policyd->bypasses.in_second = 0;
	loop_change(policyd->loop, &policyd->bypasses.watch, EPOLLIN);
}

/* More than are told: nothing is read for a second, the kernel counts on. */
static void
refused_packets(void *self, uint32_t events)
{
	struct policyd *policyd = self;
	struct bypasses *b = &policyd->bypasses;
	uint64_t second = clock_ms() / 1000;
	int left = AT_ONCE;

	if (b->second != second)
		b->in_second = 0;
	b->second = second;
	while (left > 0 && take_datagram(policyd))
		left--;
	if ((events & (EPOLLERR | EPOLLHUP)) != 0 && left == AT_ONCE) {
		loop_remove(policyd->loop, &b->watch);
		return;
	}
	if (b->in_second >= A_SECOND) {
		loop_change(policyd->loop, &b->watch, 0);
		loop_timer_set(policyd->loop, &b->timer, 1000, listen_again, policyd);
	}
}

enum err
bypasses_begin(struct policyd *policyd, int fd, struct why *why)
{
	struct bypasses *b = &policyd->bypasses;

	b->fd = fd;
	return loop_add(policyd->loop, &b->watch, fd, EPOLLIN, refused_packets, policyd, why);
}

void
bypasses_end(struct policyd *policyd)
{
	struct bypasses *b = &policyd->bypasses;

	loop_remove(policyd->loop, &b->watch);
	if (b->timer.place != 0)
		loop_timer_stop(policyd->loop, &b->timer);
	clean_fd(&b->fd);
}
