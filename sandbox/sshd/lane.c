/* Lanes: from one step of the loop to the next, what each can do. */
#include "sandbox/sshd/lane.h"

#include <libssh/server.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "sandbox/sshd/signals.h"

/* ---- what libssh calls, in the middle of a packet ---- */

static int
got_data(ssh_session session, ssh_channel channel, void *data, uint32_t length, int is_error, void *self)
{
	(void)session;
	(void)channel;
	return is_error ? (int)length : (int)lane_got(self, span_of_bytes(data, length));
}

static void
got_end(ssh_session session, ssh_channel channel, void *self)
{
	struct lane *lane = self;

	(void)session;
	(void)channel;
	lane->ended = lane->offered = true;
}

static void
got_close(ssh_session session, ssh_channel channel, void *self)
{
	struct lane *lane = self;

	(void)session;
	(void)channel;
	lane->closed = lane->ended = lane->offered = true;
}

static void
got_signal(ssh_session session, ssh_channel channel, const char *name, void *self)
{
	struct lane *lane = self;
	int number = signal_number(span_of_text(name));

	(void)session;
	(void)channel;
	if (number != 0 && lane->kind != NULL && lane->kind->signal != NULL)
		lane->kind->signal(lane, number);
}

/* ---- from birth to end ---- */

enum err
lane_join(struct lane *lane, ssh_channel channel, struct why *why)
{
	lane->channel = channel;
	lane->calls = (struct ssh_channel_callbacks_struct){
	    .userdata = lane,
	    .channel_data_function = got_data,
	    .channel_eof_function = got_end,
	    .channel_close_function = got_close,
	    .channel_signal_function = got_signal,
	};
	ssh_callbacks_init(&lane->calls);
	if (ssh_set_channel_callbacks(channel, &lane->calls) != SSH_OK)
		return fail(why, ERR_SYSTEM, "libssh takes no callbacks");
	return OK;
}

void
lane_begin(struct lane *lane, const struct lane_kind *kind, void *behind)
{
	lane->kind = kind;
	lane->behind = behind;
	lane->offered = true;
}

void
lane_forsake(struct lane *lane)
{
	lane->kind = NULL;
	lane->behind = NULL;
	lane->starved = false;
}

void
lane_free(struct lane *lane)
{
	struct sshd *sshd = lane->sshd;

	if (lane->channel != NULL) {
		(void)ssh_remove_channel_callbacks(lane->channel, &lane->calls);
		ssh_channel_free(lane->channel);
	}
	lane_flow_done(lane);
	list_remove(&lane->in_sshd);
	sshd->lanes_n--;
	free(lane);
}

/* Closed by its client, and nothing of what that sent is still on its way. */
static bool
lane_over(const struct lane *lane)
{
	return lane->closed && (lane->kind == NULL || !lane->kind->drains || lane->told);
}

static void
lane_gone(struct lane *lane)
{
	const struct lane_kind *kind = lane->kind;

	if (kind != NULL && kind->gone != NULL)
		kind->gone(lane);
	lane_free(lane);
}

/* Those that their client has closed, before their turn. */
static void
reap(struct sshd *sshd)
{
	struct lane *lane;

	list_each(lane, &sshd->lanes, struct lane, in_sshd)
		if (lane_over(lane))
			lane_gone(lane);
}

enum err
lane_new(struct sshd *sshd, struct lane **out, struct why *why)
{
	struct lane *lane;

	if (sshd->lanes_n >= LANES_MAX)
		reap(sshd);
	if (sshd->lanes_n >= LANES_MAX)
		return fail(why, ERR_LIMIT, "%d channels are open", LANES_MAX);
	if ((lane = calloc(1, sizeof(*lane))) == NULL)
		abort();
	lane->sshd = sshd;
	list_append(&sshd->lanes, &lane->in_sshd);
	sshd->lanes_n++;
	*out = lane;
	return OK;
}

void
lanes_end(struct sshd *sshd)
{
	struct lane *lane;

	list_each(lane, &sshd->lanes, struct lane, in_sshd)
		lane_gone(lane);
}

/* ---- the end, in its order: output, its end, the exit, the close ---- */

void
lane_finish(struct lane *lane)
{
	lane->finish = true;
}

void
lane_close(struct lane *lane)
{
	lane->finish = lane->leave = true;
}

void
lane_exit(struct lane *lane, int code, int signal)
{
	lane->exits = true;
	lane->exit_code = code;
	lane->exit_signal = signal;
	lane_close(lane);
}

static void
say_exit(struct lane *lane)
{
	const char *name = signal_name(lane->exit_signal);
	int r;

	if (name != NULL)
		r = ssh_channel_request_send_exit_signal(lane->channel, name, 0, "", "");
	else
		r = ssh_channel_request_send_exit_status(lane->channel, lane->exit_code);
	if (r != SSH_OK)
		log_debug("exit.unsaid", "code=%d", lane->exit_code);
}

/* Without output that waits: say the end, and the exit. */
static bool
say_end(struct lane *lane)
{
	if (lane_waits(lane) || lane->channel == NULL || !ssh_channel_is_open(lane->channel))
		return false;
	if (lane->finish && !lane->finished) {
		lane->finished = true;
		(void)ssh_channel_send_eof(lane->channel);
	}
	if (!lane->leave || lane->left_it)
		return false;
	lane->left_it = true;
	if (lane->exits)
		say_exit(lane);
	lane_forsake(lane);
	(void)ssh_channel_close(lane->channel);
	return true;
}

/* ---- each turn of the loop ---- */

/* The client takes bytes again; who was served goes behind the others. */
static void
give_room(struct lane *lane)
{
	if (!lane->starved || lane->kind == NULL || lane->kind->room == NULL || lane_room(lane) == 0)
		return;
	lane->starved = false;
	list_remove(&lane->in_sshd);
	list_append(&lane->sshd->lanes, &lane->in_sshd);
	lane->kind->room(lane);
}

static void
pass_on(struct lane *lane)
{
	if (!lane->offered || !lane_pull(lane))
		return;
	lane->offered = false;
	if (!lane->ended || lane->told || lane->kind == NULL)
		return;
	lane->told = true;
	if (lane->kind->ended != NULL)
		lane->kind->ended(lane);
}

static bool
lane_work(struct lane *lane)
{
	lane_flush(lane);
	if (lane_over(lane)) {
		lane_gone(lane);
		return true;
	}
	if (lane->kind != NULL && lane->kind->work != NULL)
		return lane->kind->work(lane);
	pass_on(lane);
	give_room(lane);
	return say_end(lane);
}

bool
lanes_work(struct sshd *sshd)
{
	unsigned n = sshd->lanes_n; /* who was served goes behind the others, and is met again */
	bool worked = false;
	struct lane *lane;

	list_each(lane, &sshd->lanes, struct lane, in_sshd) {
		if (n-- == 0)
			break;
		worked |= lane_work(lane);
	}
	return worked;
}
