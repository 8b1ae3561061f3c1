/* Attachments: a stream with link behind a lane; credit is granted as the client takes what came. */
#include "sandbox/sshd/attach.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "sandbox/sshd/coming.h"
#include "sandbox/sshd/detach.h"

#define ATTACH_MS  8000
#define CODE_LOST  255
#define SIZE_BYTES 4 /* columns, rows: 16 bits each, big-endian */

enum channel { CHANNEL_IN, CHANNEL_OUT, CHANNEL_ERR, CHANNEL_SIZE };

struct attachment {
	struct sshd *sshd;
	struct list in_sshd;
	struct lane *lane;
	uint64_t number; /* on link's channel */
	uint64_t call;	 /* main_attach that is not answered; 0: it takes part */
	bool tty, owner;
	struct coming coming[LANE_OUTPUTS];
	struct stream_out in, size;
	struct detach detach;
	bool over; /* exec_exited came */
	int exit_code;
	char message[512];
};

static struct attachment *
find_attachment(struct sshd *sshd, uint64_t number)
{
	struct attachment *attachment;

	list_each(attachment, &sshd->attachments, struct attachment, in_sshd)
		if (attachment->number == number)
			return attachment;
	return NULL;
}

static void
attachment_free(struct attachment *attachment)
{
	if (attachment->sshd->link != NULL)
		call_cancel(attachment->sshd->link, attachment->call);
	for (size_t i = 0; i < LANE_OUTPUTS; i++)
		coming_done(&attachment->coming[i]);
	list_remove(&attachment->in_sshd);
	free(attachment);
}

void
attachments_end(struct sshd *sshd)
{
	struct attachment *attachment;

	list_each(attachment, &sshd->attachments, struct attachment, in_sshd)
		attachment_free(attachment);
}

static void
tell_link(const struct sshd *sshd, const struct msg *m)
{
	struct why why;

	if (sshd->link != NULL && peer_tell(sshd->link, m, &why) != OK)
		log_debug("link.untold", "why=\"%s\"", why.text);
}

static void
leave(struct attachment *attachment)
{
	const struct msg m = {.id = DOOR_CLOSED, .door_closed = {.stream = attachment->number}};

	tell_link(attachment->sshd, &m);
}

/* The lane goes its own way, with this exit; the attachment is gone. */
static void
part(struct attachment *attachment, int code)
{
	lane_exit(attachment->lane, code, 0);
	lane_forsake(attachment->lane);
	attachment_free(attachment);
}

/* Something broke: the client reads what. */
static void
lose(struct attachment *attachment, const char *words)
{
	lane_say_line(attachment->lane, span_of_text(words));
	leave(attachment);
	part(attachment, CODE_LOST);
}

void
attachments_lost(struct sshd *sshd)
{
	struct attachment *attachment;

	list_each(attachment, &sshd->attachments, struct attachment, in_sshd)
		lose(attachment, "the main process's output is lost: this process was started again");
}

/* ---- output ---- */

/* The exit follows the output. */
static void
end_when_poured(struct attachment *attachment)
{
	if (!attachment->over || attachment->coming[LANE_OUT].n > 0 || attachment->coming[LANE_ERR].n > 0)
		return;
	if (attachment->message[0] != '\0')
		lane_say_line(attachment->lane, span_of_text(attachment->message));
	part(attachment, attachment->exit_code);
}

static void
pour_all(struct attachment *attachment)
{
	struct why why = {0};

	if (coming_pour(&attachment->coming[LANE_OUT], attachment->lane, LANE_OUT, &why) != OK ||
	    coming_pour(&attachment->coming[LANE_ERR], attachment->lane, LANE_ERR, &why) != OK)
		lose(attachment, why.text);
	else
		end_when_poured(attachment);
}

static struct attachment *
of_message(struct sshd *sshd, const struct msg *m, uint64_t number)
{
	return m->from == sshd->link ? find_attachment(sshd, number) : NULL;
}

/* A breach of the stream's rules costs the attachment. */
static enum err
checked(struct attachment *attachment, enum err r, const struct why *why)
{
	if (r != OK)
		lose(attachment, why->text);
	return r;
}

/*
 * Output of the main process.
 *
 * in      stream_data, from link, channels 1 and 2
 * errors  ERR_PROTOCOL beyond the credit, out of order, after the end, another channel: the attachment ends
 */
enum err
attach_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_stream_data *in = &m->stream_data;
	struct attachment *attachment = of_message(self, m, in->stream);
	struct coming *coming;
	enum err r;

	(void)answer;
	if (attachment == NULL)
		return OK;
	if (attachment->call != 0 || (in->channel != CHANNEL_OUT && in->channel != CHANNEL_ERR))
		return checked(attachment, fail(why, ERR_PROTOCOL, "channel %u brings no bytes", in->channel), why);
	coming = &attachment->coming[in->channel - CHANNEL_OUT];
	if ((r = coming_take(coming, in, why)) != OK)
		return checked(attachment, r, why);
	pour_all(attachment);
	return OK;
}

/* The end of an output. In: stream_end, from link, channels 1 and 2. */
enum err
attach_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_stream_end *in = &m->stream_end;
	struct attachment *attachment = of_message(self, m, in->stream);

	(void)answer;
	if (attachment == NULL)
		return OK;
	if (attachment->call != 0 || (in->channel != CHANNEL_OUT && in->channel != CHANNEL_ERR))
		return checked(attachment, fail(why, ERR_PROTOCOL, "channel %u does not end", in->channel), why);
	return checked(attachment, stream_ended(&attachment->coming[in->channel - CHANNEL_OUT].in, in, why), why);
}

/* Credit for input or size. In: stream_grant, from link, channels 0 and 3; may come before main_attached. */
enum err
attach_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_stream_grant *in = &m->stream_grant;
	struct attachment *attachment = of_message(self, m, in->stream);
	enum err r;

	(void)answer;
	if (attachment == NULL)
		return OK;
	if (in->channel != CHANNEL_IN && in->channel != CHANNEL_SIZE)
		return checked(attachment, fail(why, ERR_PROTOCOL, "channel %u needs no credit", in->channel), why);
	r = stream_granted(in->channel == CHANNEL_IN ? &attachment->in : &attachment->size, in, why);
	lane_offer(attachment->lane);
	return checked(attachment, r, why);
}

/* Link ends it. In: door_closed, from link. */
enum err
attach_closed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct attachment *attachment = of_message(self, m, m->door_closed.stream);

	(void)answer;
	(void)why;
	if (attachment == NULL)
		return OK;
	lose(attachment, m->door_closed.message.length > 0 ? arena_text(m->arena, m->door_closed.message)
							   : "the main process was left");
	return OK;
}

enum err
attach_exited(struct sshd *sshd, const struct msg_exec_exited *m)
{
	struct attachment *attachment = find_attachment(sshd, m->stream);

	if (attachment == NULL || attachment->over)
		return OK;
	attachment->over = true;
	attachment->exit_code = m->exit_code <= UINT8_MAX ? m->exit_code : CODE_LOST;
	(void)span_copy(m->message, attachment->message, sizeof(attachment->message));
	if (attachment->call == 0)
		end_when_poured(attachment);
	return OK;
}

/* ---- input ---- */

/* The client has left by Ctrl-P Ctrl-Q. */
static void
detach(struct attachment *attachment)
{
	struct lane *lane = attachment->lane;

	lane_say(lane, "\r\nDetached; the main process goes on.\r\n");
	if (lane->hint[0] != '\0') {
		lane_say(lane, "Come back with: ");
		lane_say(lane, lane->hint);
		lane_say(lane, "\r\n");
	}
	leave(attachment);
	part(attachment, 0);
}

/* Who only watches may type the detach keys alone. */
static enum err
pass_on(struct attachment *attachment, struct span bytes, struct why *why)
{
	if (bytes.length == 0 || !attachment->owner)
		return OK;
	return stream_send(&attachment->in, bytes.at, bytes.length, why);
}

static size_t
attachment_take(struct lane *lane, struct span bytes)
{
	struct attachment *attachment = lane->behind;
	size_t room = stream_room(&attachment->in);
	struct typed typed;
	struct why why = {0};

	if (attachment->call != 0)
		return 0;
	if (attachment->owner && room < 2) /* a Ctrl-P that was held back goes first */
		return 0;
	if (attachment->owner)
		bytes = span_head(bytes, room - 1 < STREAM_CHUNK_BYTES ? room - 1 : STREAM_CHUNK_BYTES);
	typed = lane->terminal ? detach_look(&attachment->detach, bytes) : (struct typed){.bytes = bytes};
	if ((typed.late_p && pass_on(attachment, SPAN("\020"), &why) != OK) ||
	    pass_on(attachment, typed.bytes, &why) != OK)
		lose(attachment, why.text);
	else if (typed.detached)
		detach(attachment);
	return bytes.length;
}

/* Its end is the main process's only where that reads a pipe: a terminal stays for who comes next. */
static void
attachment_ended(struct lane *lane)
{
	struct attachment *attachment = lane->behind;
	struct why why = {0};

	if (attachment->call != 0)
		lane->told = false; /* later: attached() offers again */
	else if (attachment->owner && !attachment->tty && stream_finish(&attachment->in, &why) != OK)
		lose(attachment, why.text);
}

static void
attachment_room(struct lane *lane)
{
	pour_all(lane->behind);
}

static void
attachment_signal(struct lane *lane, int number)
{
	const struct attachment *attachment = lane->behind;
	const struct msg m = {.id = EXEC_SIGNAL, .exec_signal = {attachment->number, (uint8_t)number}};

	if (attachment->call == 0 && !lane->read_only)
		tell_link(attachment->sshd, &m);
}

static void
attachment_resize(struct lane *lane)
{
	struct attachment *attachment = lane->behind;
	const uint8_t size[SIZE_BYTES] = {
	    (uint8_t)(lane->columns >> 8), (uint8_t)lane->columns, (uint8_t)(lane->rows >> 8), (uint8_t)lane->rows};
	struct why why;

	if (attachment->call != 0 || !attachment->owner || !attachment->tty ||
	    stream_room(&attachment->size) < sizeof(size))
		return;
	if (stream_send(&attachment->size, size, sizeof(size), &why) != OK)
		log_debug("terminal.size", "why=\"%s\"", why.text);
}

static void
attachment_gone(struct lane *lane)
{
	struct attachment *attachment = lane->behind;

	leave(attachment);
	attachment_free(attachment);
}

static const struct lane_kind attachment_kind = {
    .take = attachment_take,
    .ended = attachment_ended,
    .room = attachment_room,
    .signal = attachment_signal,
    .resize = attachment_resize,
    .gone = attachment_gone,
};

/* ---- start ---- */

static enum err
streams_open(struct attachment *attachment, struct why *why)
{
	struct peer *link = attachment->sshd->link;
	enum err r = OK;

	for (size_t i = 0; i < LANE_OUTPUTS && r == OK; i++)
		r = stream_in_open(&attachment->coming[i].in, link, attachment->number, (uint8_t)(CHANNEL_OUT + i),
		    STREAM_WINDOW_BYTES, why);
	return r;
}

/* Words that scripts look for: keep "read-only" and "already has an input owner". */
static void
say_part(const struct attachment *attachment)
{
	if ((attachment->lane->read_only || !attachment->owner) && attachment->lane->terminal)
		lane_say(attachment->lane, "\r\n"); /* a prompt may stand there already */
	if (attachment->lane->read_only)
		lane_say_line(attachment->lane, SPAN("this session is read-only"));
	else if (!attachment->owner)
		lane_say_line(
		    attachment->lane, SPAN("the main process already has an input owner; this session is read-only"));
}

static void
attached(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct attachment *attachment = self;
	struct why reason = {0};

	attachment->call = 0;
	if (r != OK)
		reason = *why;
	else if (answer->id != MAIN_ATTACHED)
		r = fail(&reason, ERR_PROTOCOL, "link answered main_attach with another message");
	if (r == OK) {
		attachment->tty = answer->main_attached.tty;
		attachment->owner = answer->main_attached.owner;
		r = streams_open(attachment, &reason);
	}
	if (r != OK) {
		lose(attachment, reason.text);
		return;
	}
	say_part(attachment);
	lane_offer(attachment->lane);
	end_when_poured(attachment);
}

static struct attachment *
attachment_new(struct lane *lane)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));

	if (attachment == NULL)
		abort();
	attachment->sshd = lane->sshd;
	attachment->lane = lane;
	attachment->number = ++lane->sshd->next;
	stream_out_init(&attachment->in, lane->sshd->link, attachment->number, CHANNEL_IN);
	stream_out_init(&attachment->size, lane->sshd->link, attachment->number, CHANNEL_SIZE);
	list_append(&lane->sshd->attachments, &attachment->in_sshd);
	return attachment;
}

void
attach_start(struct lane *lane)
{
	struct attachment *attachment = attachment_new(lane);
	const struct msg m = {.id = MAIN_ATTACH,
	    .main_attach = {.stream = attachment->number,
		.read_only = lane->read_only,
		.columns = lane->terminal ? lane->columns : 0,
		.rows = lane->terminal ? lane->rows : 0}};

	lane_begin(lane, &attachment_kind, attachment);
	if (lane->sshd->link == NULL)
		lose(attachment, "the sandbox's link is away: try again");
	else
		attachment->call = peer_call(lane->sshd->link, &m, ATTACH_MS, attached, attachment);
}
