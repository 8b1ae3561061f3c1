/* Sending: a walk, one open file, and the paths of what is under way. */
#include "common/transfer/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/transfer/extent.h"

#define UNDER_WAY_MAX 1024 /* entries that are sent and not yet acknowledged */

enum step { STEP_HELLO, STEP_TOTAL, STEP_WALK, STEP_HAVE, STEP_SUM, STEP_FROM, STEP_FILE, STEP_OVER };

struct sender {
	struct sender_config config;
	struct walker *walker;
	char after[RELATIVE_MAX_BYTES + 1]; /* config.walk.after points here */
	enum step step;
	bool begun;	   /* the taker is ready */
	struct walked now; /* the entry that is being sent */
	int fd;
	uint64_t size, offset;
	bool dense; /* it has no holes to look for */
	struct extent extent;
	struct sum sum;
	uint8_t have_sum[SUM_BYTES];	/* of state.sum_all bytes, as the taker says */
	char *under_way[UNDER_WAY_MAX]; /* paths by number of entry */
	uint64_t sent, acknowledged;	/* entries, complete directories among them */
	char *done;
	struct sender_state state;
	uint8_t input[PARCEL_MAX_BYTES]; /* of a parcel that is not whole yet */
	size_t input_length;
};

static void
config_after(struct sender *sender, struct span after)
{
	(void)span_copy(after, sender->after, sizeof(sender->after));
	sender->config.walk.after = span_of_text(sender->after);
}

struct sender *
sender_new(const struct sender_config *config)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (sender == NULL)
		abort();
	sender->config = *config;
	sender->fd = -1;
	config_after(sender, config->walk.after);
	return sender;
}

void
sender_free(struct sender *sender)
{
	if (sender == NULL)
		return;
	walker_free(sender->walker);
	clean_fd(&sender->fd);
	for (size_t i = 0; i < UNDER_WAY_MAX; i++)
		free(sender->under_way[i]);
	free(sender->done);
	free(sender);
}

struct sender_state
sender_state(const struct sender *sender)
{
	return sender->state;
}

struct span
sender_done(const struct sender *sender)
{
	return sender->done != NULL ? span_of_text(sender->done) : sender->config.walk.after;
}

/* ---- from the taker ---- */

static enum err
take_begin(struct sender *sender, const struct parcel *parcel, struct why *why)
{
	struct why reason;

	if (sender->begun)
		return fail(why, ERR_PROTOCOL, "begin comes once");
	if (parcel->text.length > 0 && relative_check(parcel->text, &reason) != OK)
		return fail(why, ERR_PROTOCOL, "begin: %s", reason.text);
	if (parcel->text.length > 0)
		config_after(sender, parcel->text);
	sender->config.again |= parcel->again;
	sender->begun = true;
	return OK;
}

/* Up to entries are done: their paths are forgotten, but for the last. */
static enum err
take_ack(struct sender *sender, const struct parcel *parcel, struct why *why)
{
	if (parcel->entries < sender->acknowledged || parcel->entries > sender->sent ||
	    parcel->bytes < sender->state.bytes)
		return fail(why, ERR_PROTOCOL, "what was not sent is acknowledged");
	for (uint64_t i = sender->acknowledged; i < parcel->entries; i++) {
		char **path = &sender->under_way[i % UNDER_WAY_MAX];

		if (*path != NULL) {
			free(sender->done);
			sender->done = *path;
			*path = NULL;
			sender->state.entries++;
		}
	}
	sender->acknowledged = parcel->entries;
	sender->state.bytes = parcel->bytes;
	return OK;
}

/* What the taker has of the file counts when it is what the file begins with. */
static enum err
take_have(struct sender *sender, const struct parcel *parcel, struct why *why)
{
	if (sender->step != STEP_HAVE || parcel->offset % SUM_PIECE_BYTES != 0)
		return fail(why, ERR_PROTOCOL, "nobody asked what there is");
	sum_begin(&sender->sum);
	sender->step = parcel->offset == 0 || parcel->offset > sender->size ? STEP_FROM : STEP_SUM;
	if (sender->step == STEP_SUM)
		sender->state.sum_all = parcel->offset;
	memcpy(sender->have_sum, parcel->sum, SUM_BYTES);
	return OK;
}

static enum err
take_taken(struct sender *sender, const struct parcel *parcel, struct why *why)
{
	if (sender->step != STEP_OVER || parcel->entries != sender->sent || sender->acknowledged != sender->sent)
		return fail(why, ERR_PROTOCOL, "the taker says that it has all, and it has not");
	sender->state.over = true;
	return OK;
}

static enum err
take_parcel(struct sender *sender, const struct parcel *parcel, struct why *why)
{
	char shown[400];
	struct text text = TEXT_OF(shown);

	switch (parcel->type) {
	case PARCEL_HELLO:
		return parcel->version == PARCEL_VERSION
			   ? OK
			   : fail(why, ERR_PROTOCOL, "the other end speaks version %u", parcel->version);
	case PARCEL_FAILED:
		parcel_words(parcel->text, &text);
		return fail(why, ERR_CANCELLED, "%s", shown);
	case PARCEL_BEGIN:
		return take_begin(sender, parcel, why);
	case PARCEL_HAVE:
		return take_have(sender, parcel, why);
	case PARCEL_ACK:
		return take_ack(sender, parcel, why);
	case PARCEL_TAKEN:
		return take_taken(sender, parcel, why);
	default:
		return fail(why, ERR_PROTOCOL, "a taker sends no parcel of type %d", parcel->type);
	}
}

enum err
sender_feed(struct sender *sender, struct span bytes, struct why *why)
{
	while (bytes.length > 0 || sender->input_length > 0) {
		size_t room = sizeof(sender->input) - sender->input_length, used;
		size_t n = bytes.length < room ? bytes.length : room;
		struct parcel parcel;
		enum err r;

		if (n > 0)
			memcpy(sender->input + sender->input_length, bytes.at, n);
		sender->input_length += n;
		bytes = span_tail(bytes, n);
		r = parcel_read(span_of_bytes(sender->input, sender->input_length), &parcel, &used, why);
		if (r == ERR_MORE && n == 0)
			return OK;
		if (r == ERR_MORE)
			continue;
		if (r != OK || (r = take_parcel(sender, &parcel, why)) != OK)
			return r;
		sender->input_length -= used;
		memmove(sender->input, sender->input + used, sender->input_length);
	}
	return OK;
}

/* ---- to the taker ---- */

static enum err
path_fail(const struct sender *sender, enum err r, struct why *why)
{
	char shown[300];
	struct text text = TEXT_OF(shown);

	text_add_escaped(&text, sender->now.path);
	return because(why, r, "%s", shown);
}

/* How much it is, for whoever waits; a walk of its own. */
static enum err
total(struct sender *sender, struct parcel *parcel, struct why *why)
{
	struct walker *walker = walker_new(&sender->config.walk);
	struct walked walked;
	enum err r;

	while ((r = walker_next(walker, &walked, why)) == OK && walked.kind != 0) {
		uint64_t held = (uint64_t)walked.st.st_blocks * 512, size = (uint64_t)walked.st.st_size;

		sender->state.entries_all += walked.kind != PARCEL_COMPLETE;
		if (walked.kind == PARCEL_FILE)
			sender->state.bytes_all += held < size ? held : size;
	}
	walker_free(walker);
	*parcel = (struct parcel){.type = PARCEL_TOTAL,
	    .single = sender->config.single,
	    .entries = sender->state.entries_all,
	    .bytes = sender->state.bytes_all};
	return r;
}

/* there: it did not go away meanwhile. */
static enum err
file_open(struct sender *sender, bool *there, struct why *why)
{
	struct stat *st = &sender->now.st;

	sender->fd = openat(sender->now.directory, sender->now.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	*there = sender->fd >= 0;
	if (!*there && (errno == ENOENT || errno == ELOOP))
		return OK;
	if (!*there || fstat(sender->fd, st) < 0)
		return path_fail(sender, fail_errno(why, errno == EACCES ? ERR_DENIED : ERR_SYSTEM, "open"), why);
	if (!S_ISREG(st->st_mode)) { /* another thing has its name now */
		clean_fd(&sender->fd);
		*there = false;
		return OK;
	}
	if ((uint64_t)st->st_size > PARCEL_SIZE_MAX)
		return path_fail(
		    sender, fail(why, ERR_LIMIT, "a file of more than %llu TiB", PARCEL_SIZE_MAX >> 40), why);
	sender->size = (uint64_t)st->st_size;
	sender->dense = (uint64_t)st->st_blocks * 512 >= sender->size;
	sender->offset = 0;
	sender->extent = (struct extent){0};
	sum_begin(&sender->sum);
	return OK;
}

static enum err
entry_fill(struct sender *sender, struct parcel *parcel, char target[PARCEL_TEXT_MAX], bool *there, struct why *why)
{
	struct stat *st = &sender->now.st;
	ssize_t n;
	enum err r;

	*there = true;
	if (sender->now.kind == PARCEL_FILE && ((r = file_open(sender, there, why)) != OK || !*there))
		return r;
	*parcel = (struct parcel){.type = PARCEL_ENTRY,
	    .kind = sender->now.kind,
	    .mode = st->st_mode & 0777,
	    .seconds = (uint64_t)st->st_mtim.tv_sec,
	    .nanoseconds = (uint32_t)st->st_mtim.tv_nsec,
	    .text = sender->now.path};
	if (sender->now.kind == PARCEL_FILE)
		parcel->size = sender->size;
	if (sender->now.kind != PARCEL_LINK)
		return OK;
	if ((n = readlinkat(sender->now.directory, sender->now.name, target, PARCEL_TEXT_MAX)) <= 0) {
		*there = false;
		return errno == ENOENT || errno == EINVAL
			   ? OK
			   : path_fail(sender, fail_errno(why, ERR_SYSTEM, "read the link"), why);
	}
	parcel->target = span_of_bytes(target, (size_t)n);
	return OK;
}

static void
entry_sent(struct sender *sender)
{
	char **path = &sender->under_way[sender->sent++ % UNDER_WAY_MAX];

	/* A directory that is complete is told again where the walk goes on: only the order of the others counts. */
	free(*path);
	*path = sender->now.kind == PARCEL_COMPLETE ? NULL : span_dup(sender->now.path);
}

/* The next entry, or the end. out is 0 where there is none to be told. */
static enum err
step_walk(struct sender *sender, void *to, size_t *out, struct why *why)
{
	struct parcel parcel = {.type = PARCEL_END, .entries = sender->sent};
	char target[PARCEL_TEXT_MAX];
	bool there = true;
	enum err r;

	if ((r = walker_next(sender->walker, &sender->now, why)) != OK)
		return r;
	if (sender->now.kind == 0) {
		sender->step = STEP_OVER;
		*out = parcel_write(&parcel, to);
		return OK;
	}
	if ((r = entry_fill(sender, &parcel, target, &there, why)) != OK || !there)
		return r;
	if (sender->now.kind == PARCEL_FILE) {
		parcel.again = sender->config.again;
		sender->step = parcel.again ? STEP_HAVE : STEP_FILE;
	}
	if (sender->now.kind != PARCEL_COMPLETE)
		sender->config.again = false;
	entry_sent(sender);
	*out = parcel_write(&parcel, to);
	return OK;
}

/* The file ends where it was said to, or where it became shorter. */
static size_t
file_end(struct sender *sender, void *to)
{
	struct parcel parcel = {.type = PARCEL_SUM, .size = sender->sum.size};

	sum_get(&sender->sum, parcel.sum);
	clean_fd(&sender->fd);
	sender->step = STEP_WALK;
	return parcel_write(&parcel, to);
}

/* Bytes of the file, read to where they are sent from. */
static enum err
step_file(struct sender *sender, uint8_t *to, size_t room, size_t *out, struct why *why)
{
	struct parcel parcel = {.type = PARCEL_DATA};
	uint64_t left;
	size_t most = room - PARCEL_DATA_BYTES;
	ssize_t n;
	enum err r;

	if (sender->offset >= sender->extent.to && sender->dense)
		sender->extent = (struct extent){sender->offset, sender->size};
	else if (sender->offset >= sender->extent.to &&
		 (r = extent_next(sender->fd, sender->offset, sender->size, &sender->extent, why)) != OK)
		return path_fail(sender, r, why);
	sender->offset = sender->offset < sender->extent.from ? sender->extent.from : sender->offset;
	sum_add_hole(&sender->sum, sender->offset - sender->sum.size);
	left = sender->extent.to - sender->offset;
	most = most < PARCEL_DATA_MAX ? most : PARCEL_DATA_MAX;
	n = left == 0 ? 0 : pread(sender->fd, to + PARCEL_DATA_BYTES, left < most ? left : most, (off_t)sender->offset);
	if (n < 0)
		return path_fail(sender, fail_errno(why, ERR_SYSTEM, "read"), why);
	if (n == 0) {
		*out = file_end(sender, to);
		return OK;
	}
	parcel.offset = sender->offset;
	parcel.length = (uint32_t)n;
	sum_add(&sender->sum, to + PARCEL_DATA_BYTES, (size_t)n);
	sender->offset += (uint64_t)n;
	*out = parcel_write(&parcel, to) + (size_t)n;
	return OK;
}

static enum err
step_total(struct sender *sender, void *to, size_t *out, struct why *why)
{
	struct parcel parcel;
	enum err r = total(sender, &parcel, why);

	if (r != OK)
		return r;
	sender->walker = walker_new(&sender->config.walk);
	sender->step = STEP_WALK;
	*out = parcel_write(&parcel, to);
	return OK;
}

/* A slice of what the taker has: it may be long. */
static void
step_sum(struct sender *sender)
{
	uint64_t all = sender->state.sum_all;
	uint8_t mine[SUM_BYTES];
	struct why unused;
	bool readable = extent_sum_slice(sender->fd, all, &sender->sum, &unused) == OK;

	sender->state.summed = sender->sum.size;
	if (readable && sender->sum.size < all)
		return;
	sum_get(&sender->sum, mine);
	if (!readable || memcmp(mine, sender->have_sum, SUM_BYTES) != 0)
		sum_begin(&sender->sum);
	sender->offset = sender->sum.size;
	sender->state.summed = sender->state.sum_all = 0;
	sender->step = STEP_FROM;
}

static enum err
step(struct sender *sender, uint8_t *to, size_t room, size_t *out, struct why *why)
{
	switch (sender->step) {
	case STEP_HELLO:
		sender->step = STEP_TOTAL;
		*out = parcel_write(&(struct parcel){.type = PARCEL_HELLO, .version = PARCEL_VERSION}, to);
		return OK;
	case STEP_TOTAL:
		return step_total(sender, to, out, why);
	case STEP_WALK:
		return step_walk(sender, to, out, why);
	case STEP_SUM:
		step_sum(sender);
		return OK;
	case STEP_FROM:
		sender->step = STEP_FILE;
		*out = parcel_write(&(struct parcel){.type = PARCEL_FROM, .offset = sender->offset}, to);
		return OK;
	case STEP_FILE:
		return step_file(sender, to, room, out, why);
	default:
		return OK;
	}
}

/* Is it the taker's turn? */
static bool
waits(const struct sender *sender)
{
	return (sender->step == STEP_TOTAL && !sender->begun) || sender->step == STEP_HAVE ||
	       sender->step == STEP_OVER ||
	       (sender->step == STEP_WALK && sender->sent - sender->acknowledged >= UNDER_WAY_MAX);
}

enum err
sender_pull(struct sender *sender, void *to, size_t room, size_t *out, struct why *why)
{
	enum err r = OK;

	for (*out = 0; r == OK && room - *out >= SENDER_ROOM_BYTES && !waits(sender);) {
		size_t n = 0;

		if ((r = step(sender, (uint8_t *)to + *out, room - *out, &n, why)) == OK)
			*out += n;
		if (sender->step == STEP_SUM)
			break;
	}
	return r;
}
