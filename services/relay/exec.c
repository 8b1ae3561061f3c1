/* Execs: started on the link for a caller, their streams passed through under other numbers and held to the
 * credit. */
#include "services/relay/exec.h"

#include <signal.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "services/relay/session.h"

#define CHANNELS 4
#define START_MS CALL_DEADLINE_MS /* for the link's answer */

/* What one channel may carry: credit is between the ends, but neither end may make us the queue of the other.
 */
struct channel {
	uint64_t sent, limit;
	bool ended;
};

/* A command: its caller on one side, its sandbox on the other. */
struct exec {
	struct relay *relay;
	struct peer *api; /* referenced */
	struct session *session;
	uint64_t api_stream, link_stream;
	uint64_t start; /* the call on the link that is not answered; 0: it runs */
	struct reply reply;
	struct channel channels[CHANNELS];
	struct table_entry by_api, by_link;
	struct list in_caller, in_session;
};

static uint64_t
api_hash(const struct peer *api, uint64_t stream)
{
	return table_mix(stream ^ table_mix((uintptr_t)api));
}

static struct exec *
find_by_api(const struct relay *relay, const struct peer *api, uint64_t stream)
{
	struct table_entry *entry = table_first(&relay->by_api, api_hash(api, stream));

	for (; entry != NULL; entry = table_next(entry)) {
		struct exec *exec = table_item(entry, struct exec, by_api);

		if (exec->api == api && exec->api_stream == stream)
			return exec;
	}
	return NULL;
}

static struct exec *
find_by_link(const struct relay *relay, const struct peer *link, uint64_t stream)
{
	struct table_entry *entry = table_first(&relay->by_link, table_mix(stream));

	for (; entry != NULL; entry = table_next(entry)) {
		struct exec *exec = table_item(entry, struct exec, by_link);

		if (exec->link_stream == stream && exec->session->peer == link)
			return exec;
	}
	return NULL;
}

/* The exec that a message of either side is about; NULL when it has ended: races at the end are no breach. */
static struct exec *
find(struct relay *relay, const struct peer *from, uint64_t stream)
{
	struct exec *exec =
	    from->role == ROLE_API ? find_by_api(relay, from, stream) : find_by_link(relay, from, stream);

	if (exec == NULL)
		relay->counts.stray++;
	return exec;
}

static void
exec_free(struct exec *exec)
{
	struct relay *relay = exec->relay;

	if (exec->start != 0)
		call_cancel(exec->session->peer, exec->start);
	exec->session->execs_n--;
	table_remove(&relay->by_api, &exec->by_api);
	table_remove(&relay->by_link, &exec->by_link);
	list_remove(&exec->in_caller);
	list_remove(&exec->in_session);
	peer_unref(exec->reply.peer); /* not answered: its caller is gone */
	peer_unref(exec->api);
	free(exec);
}

/* Tell that end what nobody would miss if it is gone: its own end tells it all. */
static void
tell(struct peer *peer, const struct msg *m)
{
	struct why why;

	if (peer_tell(peer, m, &why) != OK)
		log_debug("exec.untold", "role=%s why=\"%s\"", role_name(peer->role), why.text);
}

static void
kill_command(const struct exec *exec)
{
	const struct msg m = {.id = EXEC_SIGNAL, .exec_signal = {exec->link_stream, SIGKILL}};

	tell(exec->session->peer, &m);
}

/* The caller hears that its command is lost: as the answer, when it waits for one. */
static void
lose(struct exec *exec, const char *words)
{
	struct msg m = {.id = EXEC_EXITED, .exec_exited = {exec->api_stream, 256, span_of_text(words)}};
	struct why why = {0};

	if (exec->reply.peer != NULL) {
		(void)fail(&why, ERR_UNAVAILABLE, "%s", words);
		reply_fail(&exec->reply, ERR_UNAVAILABLE, &why);
	} else {
		tell(exec->api, &m);
	}
	exec_free(exec);
}

void
caller_open(struct peer *peer)
{
	struct caller *caller = calloc(1, sizeof(*caller));

	if (caller == NULL)
		abort();
	list_init(&caller->execs);
	peer->self = caller;
}

void
caller_close(struct relay *relay, struct peer *peer)
{
	struct caller *caller = peer->self;
	struct exec *exec;

	(void)relay;
	list_each (exec, &caller->execs, struct exec, in_caller) {
		kill_command(exec);
		exec_free(exec);
	}
	free(caller);
	peer->self = NULL;
}

void
exec_end_all(struct session *session, const char *words)
{
	struct exec *exec;

	list_each (exec, &session->execs, struct exec, in_session)
		lose(exec, words);
}

static struct exec *
exec_new(struct relay *relay, const struct msg *m, struct session *session)
{
	struct exec *exec = calloc(1, sizeof(*exec));
	struct caller *caller = m->from->self;

	if (exec == NULL)
		abort();
	exec->relay = relay;
	exec->api = peer_ref(m->from);
	exec->api_stream = m->exec_start.stream;
	exec->session = session;
	exec->link_stream = relay->next_stream++;
	table_put(&relay->by_api, &exec->by_api, api_hash(exec->api, exec->api_stream));
	table_put(&relay->by_link, &exec->by_link, table_mix(exec->link_stream));
	list_append(&caller->execs, &exec->in_caller);
	list_append(&session->execs, &exec->in_session);
	session->execs_n++;
	return exec;
}

static void
started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct exec *exec = self;
	struct why reason = {0};

	exec->start = 0;
	if (r == OK && answer->id != EXEC_STARTED)
		r = fail(&reason, ERR_PROTOCOL, "the sandbox answered exec_start with another message");
	else if (r != OK)
		reason = *why;
	if (r == OK) {
		reply_send(&exec->reply, answer);
		return;
	}
	reply_fail(&exec->reply, r, &reason);
	kill_command(exec); /* it may be on its way still, when the answer was late */
	exec_free(exec);
}

static enum err
start_allowed(struct relay *relay, const struct msg *m, const struct session *session, struct why *why)
{
	if (m->from->role != ROLE_API)
		return fail(why, ERR_DENIED, "only api starts commands here");
	if (m->call == 0)
		return fail(why, ERR_PROTOCOL, "exec_start wants an answer: send it as a request");
	if (id_none(m->exec_start.sandbox))
		return fail(why, ERR_INVALID, "exec_start without a sandbox");
	if (find_by_api(relay, m->from, m->exec_start.stream) != NULL)
		return fail(why, ERR_EXISTS, "stream %lu is in use", m->exec_start.stream);
	if (session == NULL)
		return fail(why, ERR_UNAVAILABLE, "supervisor session not connected");
	if (relay->by_link.count >= EXECS_MAX)
		return fail(why, ERR_LIMIT, "%d commands run", EXECS_MAX);
	if (session->execs_n >= EXECS_SANDBOX_MAX)
		return fail(why, ERR_LIMIT, "%d commands run in this sandbox", EXECS_SANDBOX_MAX);
	return OK;
}

/*
 * Run a command in a sandbox and open its stream.
 *
 * in      exec_start, from api, which chose the stream's number
 * out     exec_started, as the link answers
 * errors  ERR_UNAVAILABLE no session; ERR_EXISTS the number is in use; ERR_LIMIT; ERR_TIMEOUT; the sandbox's
 */
enum err
exec_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct relay *relay = self;
	struct session *session = session_find(relay, m->exec_start.sandbox);
	struct msg start = {.id = EXEC_START, .exec_start = m->exec_start};
	struct exec *exec;
	enum err r;

	(void)answer;
	if ((r = start_allowed(relay, m, session, why)) != OK)
		return r;
	exec = exec_new(relay, m, session);
	start.exec_start.stream = exec->link_stream;
	start.exec_start.sandbox = (struct id){{0}}; /* the link knows whose it is */
	exec->reply = reply_later(m);
	exec->start = peer_call(session->peer, &start, START_MS, started, exec);
	return OK;
}

/* An end broke the stream's rules: a link is cut, and with it all its streams; a caller loses this one. */
static enum err
breach(struct exec *exec, const struct peer *from, const char *words, struct why *why)
{
	enum err r = fail(why, ERR_PROTOCOL, "%s", words);

	exec->relay->counts.breaches++;
	log_warning("stream.breach", "role=%s sandbox=%s why=\"%s\"", role_name(from->role),
	    id_text(exec->session->sandbox), words);
	if (from->role == ROLE_LINK) {
		session_cut(exec->session, "session.breach", words);
		return r;
	}
	kill_command(exec);
	lose(exec, "the stream's rules were broken");
	return r;
}

/* Standard input (0) and terminal size (3) flow to the link, output (1) and error (2) to api. */
static bool
may_write(const struct peer *from, uint8_t channel)
{
	return (from->role == ROLE_API) == (channel == 0 || channel == 3);
}

/* The writer of a channel goes on at this offset: the channel, NULL when it may not. */
static struct channel *
follows(struct exec *exec, const struct peer *from, uint8_t channel, uint64_t offset)
{
	struct channel *at = &exec->channels[channel];

	return may_write(from, channel) && !at->ended && offset == at->sent ? at : NULL;
}

/* Pass on under the other side's number. An end whose queue is full is not reading: its stream is over. */
static enum err
forward(struct exec *exec, const struct peer *from, struct msg *m, uint64_t *stream, struct why *why)
{
	bool up = from->role == ROLE_LINK;
	enum err r;

	*stream = up ? exec->api_stream : exec->link_stream;
	m->call = 0;
	if ((r = peer_tell(up ? exec->api : exec->session->peer, m, why)) == OK || r == ERR_UNAVAILABLE)
		return OK; /* away: its own end follows and ends all */
	log_warning("stream.lost", "sandbox=%s why=\"%s\"", id_text(exec->session->sandbox), why->text);
	kill_command(exec);
	lose(exec, "the other end does not take its data");
	return OK;
}

/*
 * Bytes of a channel, to the other end.
 *
 * in      stream_data, from api or a link
 * errors  ERR_PROTOCOL not the next offset, beyond the credit, after the end, or against the channel's
 * direction
 */
enum err
exec_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg_stream_data *in = &m->stream_data;
	struct exec *exec = find(self, m->from, in->stream);
	struct channel *channel;

	(void)answer;
	if (exec == NULL)
		return OK;
	if ((channel = follows(exec, m->from, in->channel, in->offset)) == NULL)
		return breach(exec, m->from, "data that does not follow", why);
	if (in->bytes.length > channel->limit - channel->sent)
		return breach(exec, m->from, "data beyond the credit", why);
	channel->sent += in->bytes.length;
	return forward(exec, m->from, m, &in->stream, why);
}

/*
 * Credit for a channel, to the end that writes it.
 *
 * in      stream_grant, from the end that reads the channel
 * errors  ERR_PROTOCOL it goes back, gives over WINDOW_MAX at once, or comes from the writer
 */
enum err
exec_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg_stream_grant *in = &m->stream_grant;
	struct exec *exec = find(self, m->from, in->stream);
	struct channel *channel;

	(void)answer;
	if (exec == NULL)
		return OK;
	channel = &exec->channels[in->channel];
	if (may_write(m->from, in->channel) || in->limit < channel->limit ||
	    in->limit - channel->sent > WINDOW_MAX)
		return breach(exec, m->from, "credit that cannot be given", why);
	channel->limit = in->limit;
	return forward(exec, m->from, m, &in->stream, why);
}

/*
 * The end of a channel, to the other end.
 *
 * in      stream_end, from the end that writes the channel
 * errors  ERR_PROTOCOL twice, from the reader, or with another offset than what was sent
 */
enum err
exec_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg_stream_end *in = &m->stream_end;
	struct exec *exec = find(self, m->from, in->stream);
	struct channel *channel;

	(void)answer;
	if (exec == NULL)
		return OK;
	if ((channel = follows(exec, m->from, in->channel, in->offset)) == NULL)
		return breach(exec, m->from, "an end that does not follow", why);
	channel->ended = true;
	return forward(exec, m->from, m, &in->stream, why);
}

/* The command ended: told to its caller, and forgotten. In: exec_exited, from a link. */
enum err
exec_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct exec *exec = find(self, m->from, m->exec_exited.stream);

	(void)answer;
	if (exec == NULL)
		return OK;
	if (exec->start != 0)
		return breach(exec, m->from, "exec_exited before exec_started", why);
	m->exec_exited.stream = exec->api_stream;
	m->call = 0;
	tell(exec->api, m);
	exec_free(exec);
	return OK;
}

/* A signal for the command's process group. In: exec_signal, from api. */
enum err
exec_signal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct exec *exec = m->from->role == ROLE_API ? find(self, m->from, m->exec_signal.stream) : NULL;

	(void)answer;
	return exec == NULL ? OK : forward(exec, m->from, m, &m->exec_signal.stream, why);
}
