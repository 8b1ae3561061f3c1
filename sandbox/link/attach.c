/*
 * Attaching: each reads the main process's output from the ring at its own pace, and one writes its standard input: the
 * process waits for that one while it reads. Who else reads too slowly, or not at all, keeps nobody waiting: it is told how
 * much it missed, and goes on with the oldest that is kept.
 */
#include "sandbox/link/attach.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "sandbox/link/flow.h"
#include "sandbox/link/main_io.h"
#include "sandbox/link/pump.h"
#include "sandbox/link/sizes.h"

#define MAIN_STREAM UINT64_MAX /* the supervisor's name for the main process */
#define NOTE_BYTES  128

enum channel { CHANNEL_IN, CHANNEL_OUT, CHANNEL_ERR, CHANNEL_SIZE };

struct attach {
	struct flow flow; /* under the SSH server's number */
	struct main_io *io;
	struct main_reader reader;
	bool writes;	  /* it is the owner of standard input, which is open */
	uint64_t skipped; /* bytes that it was too slow for, and has not been told of */
	struct stream_out out[MAIN_OUTPUTS];
	struct sink in;
	struct sizes sizes;
};

static struct attach *
attach_of(struct main_reader *reader)
{
	return (struct attach *)((char *)reader - offsetof(struct attach, reader));
}

static void
attach_free(struct attach *attach)
{
	struct main_io *io = attach->io;

	if (io->owner == &attach->reader)
		io->owner = NULL; /* the next that asks may write: who was told that it may not goes on reading */
	sink_close(&attach->in);
	flow_remove(&attach->flow);
	list_remove(&attach->reader.in_io);
	io->readers_n--;
	main_io_moved(io);
	free(attach);
}

static void
tell(const struct attach *attach, const struct msg *m)
{
	struct why why;

	if (peer_tell(attach->flow.peer, m, &why) != OK)
		log_debug("attach.untold", "why=\"%s\"", why.text);
}

static void
lose(struct attach *attach, const char *words)
{
	const struct msg m = {
	    .id = DOOR_CLOSED, .door_closed = {attach->flow.stream, span_head(span_of_text(words), 512)}};

	log_info("attach.lost", "why=\"%s\"", words);
	tell(attach, &m);
	attach_free(attach);
}

static void
gone(struct main_reader *reader)
{
	attach_free(attach_of(reader));
}

void
attach_peer_down(struct link *link, const struct peer *peer)
{
	struct main_reader *reader;

	if (link->main_io == NULL)
		return;
	list_each(reader, &link->main_io->readers, struct main_reader, in_io)
		if (attach_of(reader)->flow.peer == peer)
			attach_free(attach_of(reader));
}

/* ---- what it reads ---- */

static struct stream_out *
out_of(struct attach *attach, uint8_t channel)
{
	return &attach->out[channel == CHANNEL_ERR ? 1 : 0];
}

/* Where it is seen and disturbs nobody: a terminal has one channel, and standard output may be data. */
static enum err
tell_skipped(struct attach *attach, struct why *why)
{
	struct stream_out *out = out_of(attach, attach->io->tty ? CHANNEL_OUT : CHANNEL_ERR);
	const char *end = attach->io->tty ? "\r\n" : "\n";
	char bytes[NOTE_BYTES];
	struct text note = TEXT_OF(bytes);

	text_add(&note, "%s[%llu bytes of output are missing here: they were not read in time]%s", end,
	    (unsigned long long)attach->skipped, end);
	if (stream_room(out) < note.length)
		return ERR_MORE;
	attach->skipped = 0;
	return stream_send(out, bytes, note.length, why);
}

/* One piece of the ring. ERR_MORE: there is none, or no credit for it. */
static enum err
send_piece(struct attach *attach, struct why *why)
{
	const struct ring *ring = &attach->io->ring;
	char bytes[STREAM_CHUNK_BYTES];
	struct stream_out *out;
	size_t n;
	enum err r;

	if (attach->reader.offset < ring_oldest(ring)) {
		attach->skipped += ring_oldest(ring) - attach->reader.offset;
		attach->reader.offset = ring_oldest(ring);
	}
	if (attach->skipped > 0 && (r = tell_skipped(attach, why)) != OK)
		return r;
	if (attach->reader.offset == ring_end(ring))
		return ERR_MORE;
	out = out_of(attach, ring_channel(ring, attach->reader.offset));
	n = ring_copy(ring, &attach->reader.offset, bytes, stream_room(out));
	return n == 0 ? ERR_MORE : stream_send(out, bytes, n, why);
}

/* All that was written has been sent: the ends, and then the code. */
static void
finish(struct attach *attach)
{
	const struct msg m = {
	    .id = EXEC_EXITED, .exec_exited = {attach->flow.stream, attach->io->link->main_end.exit_code, SPAN("")}};
	struct why why = {0};
	enum err r = OK;

	for (size_t i = 0; r == OK && i < MAIN_OUTPUTS; i++)
		r = stream_finish(&attach->out[i], &why);
	if (r != OK) {
		lose(attach, why.text);
		return;
	}
	tell(attach, &m);
	attach_free(attach);
}

static void
serve(struct attach *attach)
{
	struct why why = {0};
	enum err r;

	while ((r = send_piece(attach, &why)) == OK)
		;
	main_io_moved(attach->io);
	if (r != ERR_MORE)
		lose(attach, why.text);
	else if (main_io_over(attach->io) && attach->skipped == 0 &&
		 attach->reader.offset == ring_end(&attach->io->ring))
		finish(attach);
}

static void
more(struct main_reader *reader)
{
	serve(attach_of(reader));
}

/* ---- what it says ---- */

static enum err
attach_data(struct flow *flow, const struct msg_stream_data *m, struct why *why)
{
	struct attach *attach = (struct attach *)flow;

	if (attach->writes && m->channel == CHANNEL_IN)
		return sink_take(&attach->in, m, why);
	if (attach->writes && m->channel == CHANNEL_SIZE && attach->io->tty)
		return sizes_take(&attach->sizes, m, attach->io->in_fd, why);
	return fail(why, ERR_PROTOCOL, "channel %u takes no bytes", m->channel);
}

static enum err
attach_grant(struct flow *flow, const struct msg_stream_grant *m, struct why *why)
{
	struct attach *attach = (struct attach *)flow;
	enum err r;

	if (m->channel != CHANNEL_OUT && m->channel != CHANNEL_ERR)
		return fail(why, ERR_PROTOCOL, "channel %u needs no credit", m->channel);
	if ((r = stream_granted(out_of(attach, m->channel), m, why)) == OK)
		serve(attach);
	return r;
}

/* Nothing more from this one; the main process's input goes on with the next. */
static enum err
attach_end(struct flow *flow, const struct msg_stream_end *m, struct why *why)
{
	struct attach *attach = (struct attach *)flow;

	if (attach->writes && m->channel == CHANNEL_IN)
		return sink_ended(&attach->in, m, why);
	if (attach->writes && m->channel == CHANNEL_SIZE && attach->io->tty)
		return stream_ended(&attach->sizes.in, m, why);
	return fail(why, ERR_PROTOCOL, "channel %u does not end", m->channel);
}

static void
attach_drop(struct flow *flow, const char *words)
{
	lose((struct attach *)flow, words);
}

/* From the one who writes alone: the others only watch. */
static void
attach_signal(struct flow *flow, uint8_t number)
{
	struct attach *attach = (struct attach *)flow;
	const struct msg m = {.id = EXEC_SIGNAL, .exec_signal = {MAIN_STREAM, number}};
	struct why why;

	if (attach->writes && peer_tell(attach->io->link->supervisor, &m, &why) != OK)
		log_warning("supervisor.untold", "why=\"%s\"", why.text);
}

static void
attach_closed(struct flow *flow)
{
	attach_free((struct attach *)flow);
}

static const struct flow_kind attach_flow = {
    attach_data, attach_grant, attach_end, attach_drop, attach_signal, attach_closed};

/* ---- the beginning ---- */

static void
in_done(void *self, enum err r)
{
	if (r != OK)
		lose(self, "the main process's input could not be given");
}

static struct attach *
attach_new(struct main_io *io, const struct msg *m)
{
	struct attach *attach = calloc(1, sizeof(*attach));
	uint64_t stream = m->main_attach.stream;

	if (attach == NULL)
		abort();
	attach->io = io;
	attach->in.fd = -1;
	attach->reader.offset = ring_oldest(&io->ring);
	for (size_t i = 0; i < MAIN_OUTPUTS; i++)
		stream_out_init(&attach->out[i], m->from, stream, (uint8_t)(CHANNEL_OUT + i));
	flow_add(io->link, &attach->flow, &attach_flow, m->from, stream);
	attach->reader.more = more;
	attach->reader.gone = gone;
	list_append(&io->readers, &attach->reader.in_io);
	io->readers_n++;
	return attach;
}

/* Standard input and the terminal's size are its own now. */
static enum err
own(struct attach *attach, const struct msg_main_attach *m, struct why *why)
{
	struct main_io *io = attach->io;
	struct link *link = io->link;
	auto_fd int fd = fcntl(io->in_fd, F_DUPFD_CLOEXEC, 3);
	enum err r;

	if (fd < 0)
		return fail_errno(why, ERR_LIMIT, "a descriptor of the main process");
	attach->writes = true;
	if (io->tty)
		size_set(io->in_fd, m->columns, m->rows);
	r = sink_open(
	    &attach->in, link->loop, fd_take(&fd), attach->flow.peer, m->stream, PUMP_HELD, in_done, attach, why);
	return r == OK && io->tty ? sizes_open(&attach->sizes, attach->flow.peer, m->stream, why) : r;
}

static enum err
attach_allowed(struct link *link, const struct msg *m, struct why *why)
{
	if (m->call == 0)
		return fail(why, ERR_PROTOCOL, "main_attach wants an answer: send it as a request");
	if (link->main_io == NULL)
		return fail(why, ERR_STATE, "the sandbox's main process has not started");
	if (flow_find(link, m->from, m->main_attach.stream) != NULL)
		return fail(why, ERR_EXISTS, "the stream's number is in use");
	if (link->main_io->readers_n >= ATTACHED_MAX)
		return fail(why, ERR_LIMIT, "%d take part in the main process", ATTACHED_MAX);
	return OK;
}

/*
 * Take part in the main process, also when it has ended: its output from the oldest that is kept, then its code.
 *
 * in      main_attach, from an SSH server
 * out     main_attached; then channels 1 and 2 are open, and 0 and 3 (of a terminal) for the one who writes
 * errors  ERR_STATE it has not started; ERR_EXISTS the number is in use; ERR_LIMIT
 */
enum err
main_attach(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct main_io *io = link->main_io;
	struct msg attached = {.id = MAIN_ATTACHED};
	struct why lost = {0};
	struct attach *attach;
	struct reply reply;
	enum err r;

	(void)answer;
	if ((r = attach_allowed(link, m, why)) != OK)
		return r;
	attach = attach_new(io, m);
	if (!m->main_attach.read_only && io->owner == NULL)
		io->owner = &attach->reader;
	attached.main_attached.tty = io->tty;
	attached.main_attached.owner = io->owner == &attach->reader;
	reply = reply_later(m); /* before what follows it */
	reply_send(&reply, &attached);
	if (io->owner == &attach->reader && own(attach, &m->main_attach, &lost) != OK)
		lose(attach, lost.text);
	else
		serve(attach);
	return OK;
}
