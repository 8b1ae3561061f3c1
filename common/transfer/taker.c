/* Taking: one file at a time, summed while it is written. */
#include "common/transfer/taker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/transfer/extent.h"

#define ACK_EVERY_BYTES (1u << 20)

enum step { STEP_HELLO, STEP_TOTAL, STEP_ENTRY, STEP_SUM, STEP_FROM, STEP_FILE, STEP_OVER };

struct taker {
	struct taker_config config;
	struct taker_state state;
	struct beneath beneath;
	int root;
	bool single, named; /* named: the target is known */
	const char *name;   /* of a single entry */
	enum step step;
	char last[RELATIVE_MAX_BYTES + 1]; /* the entry that came last, complete directories aside */
	char done[RELATIVE_MAX_BYTES + 1]; /* ... of those that are in place */
	char path[RELATIVE_MAX_BYTES + 1]; /* of the file that is being taken; empty: none */
	int fd;
	mode_t mode;
	struct timespec mtime;
	uint64_t size;
	struct sum sum;
	uint64_t holes; /* bytes of all holes, breaks or not */
	uint32_t data;	/* bytes of a DATA parcel that are still to come */
	uint64_t session_entries, acked_bytes, acked_entries;
	bool hello, taken;		 /* to be said */
	uint8_t input[PARCEL_MAX_BYTES]; /* of a parcel that is not whole yet */
	size_t input_length;
};

struct taker *
taker_new(const struct taker_config *config)
{
	struct taker *taker = calloc(1, sizeof(*taker));

	if (taker == NULL)
		abort();
	taker->config = *config;
	if (config->holes_max == 0)
		taker->config.holes_max = TAKER_HOLES_MAX;
	taker->root = taker->fd = -1;
	taker->hello = true;
	beneath_init(&taker->beneath, -1);
	return taker;
}

void
taker_free(struct taker *taker, bool keep)
{
	if (taker == NULL)
		return;
	if (taker->path[0] != '\0' && !keep)
		beneath_discard(&taker->beneath, span_of_text(taker->path));
	clean_fd(&taker->fd);
	beneath_done(&taker->beneath);
	clean_fd(&taker->root);
	free(taker);
}

/* The part stays; its lock goes with the descriptor. */
void
taker_again(struct taker *taker)
{
	clean_fd(&taker->fd);
	taker->step = STEP_HELLO;
	taker->hello = true;
	taker->taken = false;
	taker->data = 0;
	taker->input_length = 0;
	taker->session_entries = taker->acked_entries = taker->acked_bytes = 0;
	taker->state.bytes = taker->state.summed = taker->state.sum_all = 0;
	memcpy(taker->last, taker->done, sizeof(taker->last));
}

struct taker_state
taker_state(const struct taker *taker)
{
	return taker->state;
}

static enum err
path_fail(struct span path, enum err r, struct why *why)
{
	char shown[300];
	struct text text = TEXT_OF(shown);

	text_add_escaped(&text, path);
	return because(why, r, "%s", shown);
}

static struct span
current(const struct taker *taker)
{
	return span_of_text(taker->path);
}

/* ---- entries ---- */

static void
entry_done(struct taker *taker, struct span path, enum parcel_kind kind)
{
	taker->session_entries++;
	if (kind == PARCEL_COMPLETE)
		return;
	taker->state.entries++;
	(void)span_copy(path, taker->done, sizeof(taker->done));
}

/* What there is of a file from before a break, in whole pieces: summed by taker_pull. */
static void
have(struct taker *taker)
{
	off_t end = lseek(taker->fd, 0, SEEK_END);
	uint64_t size = end < 0 ? 0 : (uint64_t)end;

	taker->state.sum_all = (size < taker->size ? size : taker->size) / SUM_PIECE_BYTES * SUM_PIECE_BYTES;
	taker->step = STEP_SUM;
}

static enum err
file_begin(struct taker *taker, const struct parcel *parcel, struct span path, struct why *why)
{
	enum err r;

	if ((r = beneath_part(&taker->beneath, path, parcel->again, &taker->fd, why)) != OK)
		return r;
	(void)span_copy(path, taker->path, sizeof(taker->path));
	taker->size = parcel->size;
	sum_begin(&taker->sum);
	taker->step = STEP_FILE;
	if (parcel->again)
		have(taker);
	return OK;
}

/* What was half there before a break and does not come again. */
static void
part_forget(struct taker *taker, const struct parcel *parcel, struct span path)
{
	bool same = parcel->kind == PARCEL_FILE && parcel->again && span_equal(path, current(taker));

	if (taker->path[0] == '\0' || parcel->kind == PARCEL_COMPLETE || same)
		return;
	beneath_discard(&taker->beneath, current(taker));
	taker->path[0] = '\0';
}

static enum err
link_make(struct taker *taker, const struct parcel *parcel, struct span path, struct why *why)
{
	char target[PARCEL_TEXT_MAX + 1];

	if (!span_copy(parcel->target, target, sizeof(target)))
		return fail(why, ERR_PROTOCOL, "a link's target with a NUL in it");
	return beneath_link(&taker->beneath, path, target, &taker->mtime, why);
}

/* Each entry but complete directories comes behind the last one in the walk's order: so none comes twice. */
static enum err
entry_check(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	enum err r;

	if ((r = relative_check(parcel->text, why)) != OK)
		return because(why, r, "refused");
	if (parcel->kind == PARCEL_COMPLETE)
		return taker->single ? fail(why, ERR_PROTOCOL, "a directory where a file was announced") : OK;
	if (taker->last[0] != '\0' && relative_order(parcel->text, span_of_text(taker->last)) <= 0)
		return fail(why, ERR_PROTOCOL, "refused: it comes twice, or out of order");
	if (taker->single && (parcel->kind == PARCEL_DIRECTORY || taker->last[0] != '\0'))
		return fail(why, ERR_PROTOCOL, "refused: one file was announced");
	(void)span_copy(parcel->text, taker->last, sizeof(taker->last));
	return OK;
}

static enum err
entry_make(struct taker *taker, const struct parcel *parcel, struct span path, struct why *why)
{
	switch (parcel->kind) {
	case PARCEL_FILE:
		return file_begin(taker, parcel, path, why);
	case PARCEL_DIRECTORY:
		return beneath_directory(&taker->beneath, path, why);
	case PARCEL_COMPLETE:
		return beneath_complete(&taker->beneath, path, taker->mode, &taker->mtime, why);
	default:
		return link_make(taker, parcel, path, why);
	}
}

static enum err
take_entry(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	struct span path = taker->name != NULL ? span_of_text(taker->name) : parcel->text;
	enum err r;

	if ((r = entry_check(taker, parcel, why)) != OK)
		return path_fail(parcel->text, r, why);
	part_forget(taker, parcel, path);
	taker->mode = parcel->mode & taker->config.mode;
	taker->mtime = (struct timespec){.tv_sec = (time_t)parcel->seconds, .tv_nsec = (long)parcel->nanoseconds};
	if ((r = entry_make(taker, parcel, path, why)) != OK)
		return path_fail(path, r, why);
	if (parcel->kind != PARCEL_FILE)
		entry_done(taker, parcel->text, (enum parcel_kind)parcel->kind);
	return OK;
}

/* ---- files ---- */

static enum err
take_from(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	if (parcel->offset != 0 && parcel->offset != taker->sum.size)
		return fail(why, ERR_PROTOCOL, "it goes on where nobody is");
	if (parcel->offset == 0)
		sum_begin(&taker->sum);
	if (ftruncate(taker->fd, (off_t)parcel->offset) < 0)
		return path_fail(current(taker), fail_errno(why, ERR_SYSTEM, "begin the file anew"), why);
	taker->step = STEP_FILE;
	return OK;
}

/* A few bytes of a parcel announce a hole, and its sum is work: so there is an end to what one sender can order. */
static enum err
hole_until(struct taker *taker, uint64_t offset, struct why *why)
{
	uint64_t length = offset - taker->sum.size, most = taker->config.holes_max;

	if (length > most - taker->holes)
		return fail(why, ERR_LIMIT, "with it the files of this copy have more than %llu bytes of holes",
		    (unsigned long long)most);
	taker->holes += length;
	sum_add_hole(&taker->sum, length);
	return OK;
}

static enum err
take_data(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	enum err r;

	if (parcel->offset < taker->sum.size || parcel->offset > taker->size ||
	    parcel->length > taker->size - parcel->offset)
		return path_fail(current(taker), fail(why, ERR_PROTOCOL, "bytes that are not in it"), why);
	if ((r = hole_until(taker, parcel->offset, why)) != OK)
		return path_fail(current(taker), r, why);
	taker->data = parcel->length;
	return OK;
}

/* Bytes of the DATA parcel that has begun. */
static enum err
data_write(struct taker *taker, struct span bytes, struct why *why)
{
	while (bytes.length > 0) {
		ssize_t n = pwrite(taker->fd, bytes.at, bytes.length, (off_t)taker->sum.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return path_fail(current(taker),
			    fail_errno(why, errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_SYSTEM, "write"), why);
		sum_add(&taker->sum, bytes.at, (size_t)n);
		taker->data -= (uint32_t)n;
		taker->state.bytes += (uint64_t)n;
		bytes = span_tail(bytes, (size_t)n);
	}
	return OK;
}

static enum err
take_sum(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	struct span path = current(taker);
	uint8_t mine[SUM_BYTES];
	enum err r;

	if (parcel->size < taker->sum.size || parcel->size > taker->size)
		return path_fail(path, fail(why, ERR_PROTOCOL, "it ends before its last byte"), why);
	if ((r = hole_until(taker, parcel->size, why)) != OK)
		return path_fail(path, r, why);
	sum_get(&taker->sum, mine);
	if (memcmp(mine, parcel->sum, SUM_BYTES) != 0)
		return path_fail(path, fail(why, ERR_STATE, "it arrived damaged: its sum is another"), why);
	if (ftruncate(taker->fd, (off_t)parcel->size) < 0)
		return path_fail(path, fail_errno(why, ERR_SYSTEM, "end the file"), why);
	if ((r = beneath_commit(&taker->beneath, path, taker->fd, taker->mode, &taker->mtime, why)) != OK)
		return path_fail(path, r, why);
	clean_fd(&taker->fd);
	taker->path[0] = '\0';
	entry_done(taker, span_of_text(taker->last), PARCEL_FILE);
	taker->step = STEP_ENTRY;
	return OK;
}

/* ---- beginning and end ---- */

static enum err
take_total(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	enum err r;

	taker->state.bytes_all = parcel->bytes;
	taker->state.entries_all = parcel->entries;
	taker->step = STEP_ENTRY;
	if (taker->named)
		return taker->single == (parcel->single != 0)
			   ? OK
			   : fail(why, ERR_STATE, "it is something else now than before the break");
	taker->single = parcel->single != 0;
	if ((r = taker->config.target(taker->config.self, taker->single, &taker->root, &taker->name, why)) != OK)
		return r;
	beneath_init(&taker->beneath, taker->root);
	taker->named = true;
	return OK;
}

static enum err
take_end(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	if (parcel->entries != taker->session_entries)
		return fail(why, ERR_PROTOCOL, "%llu entries came, and %llu were sent",
		    (unsigned long long)taker->session_entries, (unsigned long long)parcel->entries);
	taker->step = STEP_OVER;
	taker->taken = true;
	return OK;
}

static enum err
take_hello(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	if (parcel->version != PARCEL_VERSION)
		return fail(why, ERR_PROTOCOL, "the other end speaks version %u", parcel->version);
	taker->step = STEP_TOTAL;
	return OK;
}

/* Which parcel may come when. */
static const struct {
	enum parcel_type type;
	enum step step;
	enum err (*take)(struct taker *taker, const struct parcel *parcel, struct why *why);
} takes[] = {
    {PARCEL_HELLO, STEP_HELLO, take_hello},
    {PARCEL_TOTAL, STEP_TOTAL, take_total},
    {PARCEL_ENTRY, STEP_ENTRY, take_entry},
    {PARCEL_FROM, STEP_FROM, take_from},
    {PARCEL_DATA, STEP_FILE, take_data},
    {PARCEL_SUM, STEP_FILE, take_sum},
    {PARCEL_END, STEP_ENTRY, take_end},
};

static enum err
take_parcel(struct taker *taker, const struct parcel *parcel, struct why *why)
{
	char shown[400];
	struct text text = TEXT_OF(shown);

	if (parcel->type == PARCEL_FAILED) {
		parcel_words(parcel->text, &text);
		return fail(why, ERR_CANCELLED, "%s", shown);
	}
	for (size_t i = 0; i < COUNT(takes); i++)
		if (takes[i].type == parcel->type && takes[i].step == taker->step)
			return takes[i].take(taker, parcel, why);
	return fail(why, ERR_PROTOCOL, "a parcel of type %d is out of order", parcel->type);
}

/* Bytes that wait for the rest of their parcel, or bytes themselves: what one parcel can be read from. */
static struct span
gather(struct taker *taker, struct span *bytes, size_t *added)
{
	size_t room = sizeof(taker->input) - taker->input_length;

	*added = 0;
	if (taker->input_length == 0)
		return *bytes;
	*added = bytes->length < room ? bytes->length : room;
	memcpy(taker->input + taker->input_length, bytes->at, *added);
	return span_of_bytes(taker->input, taker->input_length + *added);
}

/* One parcel off the front; false: there is none yet, and bytes were kept. */
static enum err
parcel_next(struct taker *taker, struct span *bytes, bool *got, struct why *why)
{
	size_t added, used;
	struct span from = gather(taker, bytes, &added);
	struct parcel parcel;
	enum err r = parcel_read(from, &parcel, &used, why);

	*got = r != ERR_MORE;
	if (r == ERR_MORE) {
		if (taker->input_length == 0)
			memcpy(taker->input, from.at, from.length); /* less than the longest parcel, else it were one */
		taker->input_length = from.length;
		*bytes = SPAN_NONE;
		return OK;
	}
	if (r != OK)
		return r;
	r = take_parcel(taker, &parcel, why);
	*bytes = span_tail(*bytes, used - taker->input_length);
	taker->input_length = 0;
	return r;
}

enum err
taker_feed(struct taker *taker, struct span bytes, struct why *why)
{
	enum err r = OK;
	bool got = true;

	while (r == OK && got && bytes.length > 0) {
		if (taker->data > 0) {
			struct span data = span_head(bytes, taker->data);

			if ((r = data_write(taker, data, why)) == OK)
				bytes = span_tail(bytes, data.length);
		} else {
			r = parcel_next(taker, &bytes, &got, why);
		}
	}
	return r;
}

/* ---- to the sender ---- */

static size_t
hello_write(const struct taker *taker, uint8_t *to)
{
	struct parcel hello = {.type = PARCEL_HELLO, .version = PARCEL_VERSION};
	struct parcel begin = {
	    .type = PARCEL_BEGIN, .text = span_of_text(taker->done), .again = taker->path[0] != '\0'};
	size_t n = parcel_write(&hello, to);

	return n + parcel_write(&begin, to + n);
}

static size_t
ack_write(struct taker *taker, uint8_t *to)
{
	struct parcel ack = {.type = PARCEL_ACK, .entries = taker->session_entries, .bytes = taker->state.bytes};

	taker->acked_entries = taker->session_entries;
	taker->acked_bytes = taker->state.bytes;
	return parcel_write(&ack, to);
}

static size_t
have_write(struct taker *taker, uint8_t *to)
{
	struct parcel parcel = {.type = PARCEL_HAVE, .offset = taker->sum.size};

	taker->state.summed = taker->state.sum_all = 0;
	taker->step = STEP_FROM;
	sum_get(&taker->sum, parcel.sum);
	return parcel_write(&parcel, to);
}

/* A slice of what is half there: it may be long. */
static enum err
sum_slice(struct taker *taker, uint8_t *to, size_t *out, struct why *why)
{
	enum err r = extent_sum_slice(taker->fd, taker->state.sum_all, &taker->sum, why);

	if (r != OK)
		return path_fail(current(taker), r, why);
	taker->state.summed = taker->sum.size;
	if (taker->sum.size == taker->state.sum_all)
		*out = have_write(taker, to);
	return OK;
}

static size_t
words_write(struct taker *taker, void *to)
{
	if (taker->hello) {
		taker->hello = false;
		return hello_write(taker, to);
	}
	if (taker->taken) {
		size_t n = ack_write(taker, to);

		taker->taken = false;
		taker->state.over = true;
		return n + parcel_write(&(struct parcel){.type = PARCEL_TAKEN, .entries = taker->session_entries},
			       (uint8_t *)to + n);
	}
	if (taker->session_entries == taker->acked_entries && taker->state.bytes - taker->acked_bytes < ACK_EVERY_BYTES)
		return 0;
	return ack_write(taker, to);
}

enum err
taker_pull(struct taker *taker, void *to, size_t room, size_t *out, struct why *why)
{
	*out = 0;
	if (room < TAKER_ROOM_BYTES)
		return OK;
	if (taker->step == STEP_SUM)
		return sum_slice(taker, to, out, why);
	*out = words_write(taker, to);
	return OK;
}
