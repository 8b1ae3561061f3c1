/*
 * The flow of a lane. From the client: what nobody takes stays in libssh, whose window then closes. When it is read out
 * of it later, all of it is: libssh opens the window wide with each read, so reading in parts would let it grow without
 * end. To the client: no more than its window, and nothing while the connection takes nothing.
 */
#include "sandbox/sshd/lane_flow.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/text.h"

#define LIBSSH_WINDOW_BYTES 1280000u /* that libssh opens (WINDOWBASE of its channels.c) */
#define LEFT_MAX_BYTES	    (2 * LIBSSH_WINDOW_BYTES)
#define HELD_MAX_BYTES	    (16u << 20) /* by all lanes together; then what comes stays in libssh */

/* ---- from the client ---- */

static size_t
offer(struct lane *lane, struct span bytes)
{
	if (lane->kind == NULL)
		return lane->leave ? bytes.length : 0; /* over: dropped. Not begun: kept */
	return lane->kind->take == NULL ? bytes.length : lane->kind->take(lane, bytes);
}

size_t
lane_got(struct lane *lane, struct span bytes)
{
	size_t n = lane->held_n > 0 ? 0 : offer(lane, bytes);

	lane->left = bytes.length - n;
	if (lane->left > LEFT_MAX_BYTES) { /* libssh looks at no window: we do */
		log_warning("client.window", "unread=%zu", lane->left);
		lane->sshd->over = true;
	}
	return n;
}

/* Take out all that libssh holds. */
static bool
hold(struct lane *lane)
{
	int n;

	if (lane->left == 0 || lane->sshd->held_bytes > HELD_MAX_BYTES)
		return false;
	if ((lane->held = malloc(lane->left)) == NULL)
		abort();
	n = ssh_channel_read_nonblocking(lane->channel, lane->held, (uint32_t)lane->left, 0);
	lane->left -= n > 0 ? (size_t)n : lane->left;
	lane->held_at = 0;
	lane->held_n = n > 0 ? (size_t)n : 0;
	lane->sshd->held_bytes += lane->held_n;
	return n > 0;
}

static void
let_go(struct lane *lane, size_t n)
{
	lane->held_at += n;
	lane->held_n -= n;
	lane->sshd->held_bytes -= n;
	if (lane->held_n > 0)
		return;
	free(lane->held);
	lane->held = NULL;
}

bool
lane_pull(struct lane *lane)
{
	if (lane->channel == NULL)
		return false;
	while (lane->held_n > 0 || (lane->left > 0 && (lane->kind != NULL || lane->leave) && hold(lane))) {
		size_t n = offer(lane, span_of_bytes(lane->held + lane->held_at, lane->held_n));

		let_go(lane, n);
		if (lane->held_n > 0) {
			lane->offered = false;
			return false;
		}
	}
	return lane->left == 0;
}

void
lane_offer(struct lane *lane)
{
	lane->offered = true;
}

/* ---- to the client ---- */

static size_t
window(const struct lane *lane)
{
	const struct sshd *sshd = lane->sshd;

	if (lane->channel == NULL || sshd->over || (ssh_get_status(sshd->session) & SSH_WRITE_PENDING) != 0)
		return 0;
	return ssh_channel_window_size(lane->channel);
}

bool
lane_waits(const struct lane *lane)
{
	return lane->waiting[LANE_OUT].n > 0 || lane->waiting[LANE_ERR].n > 0;
}

size_t
lane_room(struct lane *lane)
{
	size_t room = lane_waits(lane) ? 0 : window(lane);

	if (room == 0)
		lane->starved = true;
	return room < LANE_CHUNK_BYTES ? room : LANE_CHUNK_BYTES;
}

/* How much of it libssh took. */
static size_t
write_some(struct lane *lane, enum lane_output output, struct span bytes)
{
	size_t room = window(lane);
	int n;

	if (lane->finished || lane->closed) /* nobody hears it any more */
		return bytes.length;
	bytes = span_head(bytes, room);
	if (bytes.length == 0 || !ssh_channel_is_open(lane->channel))
		return 0;
	if (output == LANE_OUT)
		n = ssh_channel_write(lane->channel, bytes.at, (uint32_t)bytes.length);
	else
		n = ssh_channel_write_stderr(lane->channel, bytes.at, (uint32_t)bytes.length);
	if (n < 0)
		lane->sshd->over =
		    true; /* its buffers are full: a client that asks for packets of no byte gets there */
	return n > 0 ? (size_t)n : 0;
}

static void
wait_with(struct waiting *waiting, struct span bytes)
{
	if (bytes.length == 0)
		return;
	if ((waiting->bytes = realloc(waiting->bytes, waiting->n + bytes.length)) == NULL)
		abort();
	memcpy(waiting->bytes + waiting->n, bytes.at, bytes.length);
	waiting->n += bytes.length;
}

void
lane_write(struct lane *lane, enum lane_output output, struct span bytes)
{
	size_t n = lane_waits(lane) ? 0 : write_some(lane, output, bytes);

	wait_with(&lane->waiting[output], span_tail(bytes, n));
}

void
lane_say(struct lane *lane, const char *words)
{
	wait_with(&lane->waiting[LANE_ERR], span_of_text(words));
}

void
lane_say_line(struct lane *lane, struct span words)
{
	char line[4 * WHY_BYTES];
	struct text text = TEXT_OF(line);

	text_add(&text, "openshell: ");
	text_add_escaped(&text, words);
	text_add(&text, "\r\n");
	lane_say(lane, line);
}

static void
flush(struct lane *lane, enum lane_output output)
{
	struct waiting *waiting = &lane->waiting[output];
	size_t n;

	if (waiting->n == 0)
		return;
	n = write_some(lane, output, span_of_bytes(waiting->bytes, waiting->n));
	waiting->n -= n;
	memmove(waiting->bytes, waiting->bytes + n, waiting->n);
	if (waiting->n > 0)
		return;
	free(waiting->bytes);
	waiting->bytes = NULL;
}

void
lane_flush(struct lane *lane)
{
	flush(lane, LANE_OUT);
	flush(lane, LANE_ERR);
}

void
lane_flow_done(struct lane *lane)
{
	lane->sshd->held_bytes -= lane->held_n;
	free(lane->held);
	free(lane->waiting[LANE_OUT].bytes);
	free(lane->waiting[LANE_ERR].bytes);
}
