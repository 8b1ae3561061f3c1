/* The journal: a ring of records that never wrap. What is cut short by our death was never there: a record counts from the
 * moment the end is behind it. */
#include "sandbox/link/journal.h"

#include <assert.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define NUMBER_MAX (1ull << 53) /* as bus.def has it for lines */

/* In front of each record's bytes; all begin at multiples of its size. */
struct record {
	uint64_t number; /* 0: there is nothing from here to the end of the memory */
	uint64_t length;
};

/* Others see the memory only when we are dead: it is enough that no step is taken before the one in front of it. */
static void
set(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static size_t
room_of(size_t length)
{
	return sizeof(struct record) +
	       (length + sizeof(struct record) - 1) / sizeof(struct record) * sizeof(struct record);
}

static struct record *
record_at(const struct journal *journal, uint64_t offset)
{
	return (struct record *)(void *)(journal->at + offset % journal->size);
}

/* From an offset to the end of the memory. */
static size_t
rest_of(const struct journal *journal, uint64_t offset)
{
	return journal->size - (size_t)(offset % journal->size);
}

bool
journal_read(const struct journal *journal, uint64_t *at, uint64_t *number, struct span *bytes)
{
	const struct journal_head *head = journal->head;
	const struct record *record;

	if (head == NULL)
		return false;
	if (*at < head->begin)
		*at = head->begin;
	if (*at < head->end && record_at(journal, *at)->number == 0)
		*at += rest_of(journal, *at);
	if (*at >= head->end)
		return false;
	record = record_at(journal, *at);
	*number = record->number;
	*bytes = span_of_bytes((const char *)(record + 1), (size_t)record->length);
	*at += room_of(bytes->length);
	return true;
}

bool
journal_drop(struct journal *journal, uint64_t below)
{
	uint64_t at = 0, number;
	struct span bytes;

	if (!journal_read(journal, &at, &number, &bytes) || number >= below)
		return false;
	set(&journal->head->begin, at);
	journal->records_n--;
	return true;
}

/* Of memory that was never ours: the next record is whole, its number is behind the last one's, and it is what it should be. */
static bool
record_good(const struct journal *journal, uint64_t at, uint64_t last, bool (*good)(struct span bytes))
{
	const struct record *record = record_at(journal, at);
	size_t rest = rest_of(journal, at);

	if (rest > journal->head->end - at)
		rest = (size_t)(journal->head->end - at);
	return record->number > last && record->number < NUMBER_MAX && record->length <= rest - sizeof(*record) &&
	       room_of((size_t)record->length) <= rest &&
	       good(span_of_bytes((const char *)(record + 1), (size_t)record->length));
}

static bool
head_good(const struct journal *journal)
{
	const struct journal_head *head = journal->head;

	return head->next >= 1 && head->next < NUMBER_MAX && head->begin <= head->end && head->end < NUMBER_MAX &&
	       head->end - head->begin <= journal->size && head->begin % sizeof(struct record) == 0 &&
	       head->end % sizeof(struct record) == 0;
}

/* Count the records; false: this is no journal. */
static bool
journal_look(struct journal *journal, bool (*good)(struct span bytes))
{
	struct journal_head *head = journal->head;
	uint64_t last = 0;

	if (!head_good(journal))
		return false;
	for (uint64_t at = head->begin; at < head->end;) {
		const struct record *record = record_at(journal, at);

		if (record->number == 0) {
			at += rest_of(journal, at);
			if (at > head->end)
				return false;
			continue;
		}
		if (!record_good(journal, at, last, good))
			return false;
		last = record->number;
		at += room_of((size_t)record->length);
		journal->records_n++;
	}
	if (head->next <= last) /* it died between the two */
		head->next = last + 1;
	return true;
}

static void
journal_begin(struct journal *journal)
{
	*journal->head = (struct journal_head){.next = 1};
	randombytes_buf(&journal->head->id, sizeof(journal->head->id));
	journal->records_n = 0;
}

enum err
journal_open(
    struct journal *journal, size_t size, int fd, bool (*good)(struct span bytes), bool *forgot, struct why *why)
{
	static const struct journal_head none;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *at;

	assert(size % sizeof(struct record) == 0);
	if (seals < 0 || fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "the memory for log lines");
	if ((size_t)st.st_size < size || (seals & F_SEAL_SHRINK) == 0)
		return fail(
		    why, ERR_INVALID, "the memory for log lines has %zu bytes, or may lose some", (size_t)st.st_size);
	if ((at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0)) == MAP_FAILED)
		return fail_errno(why, ERR_SYSTEM, "%zu bytes for log lines", size);
	*journal = (struct journal){
	    .head = at, .at = (char *)at + sizeof(struct journal_head), .size = size - sizeof(struct journal_head)};
	*forgot = false;
	if (memcmp(at, &none, sizeof(none)) == 0 || (*forgot = !journal_look(journal, good)))
		journal_begin(journal);
	return OK;
}

void
journal_done(struct journal *journal)
{
	if (journal->head != NULL)
		munmap(journal->head, sizeof(struct journal_head) + journal->size);
	*journal = (struct journal){0};
}

/* Where the next record goes, if so many bytes are kept free behind it. */
static uint64_t
place_for(const struct journal *journal, size_t room)
{
	uint64_t end = journal->head->end;

	return rest_of(journal, end) < room ? end + rest_of(journal, end) : end;
}

void
journal_put(struct journal *journal, struct span bytes)
{
	struct journal_head *head = journal->head;
	size_t room = room_of(bytes.length);
	uint64_t place = place_for(journal, room);
	struct record *record = record_at(journal, place);

	assert(room <= journal->size / 4);
	while (place + room - head->begin > journal->size && journal_drop(journal, UINT64_MAX))
		continue;
	if (place != head->end) {
		record_at(journal, head->end)->number = 0;
		set(&head->end, place);
	}
	if (journal->records_n == 0)
		set(&head->begin, place);
	memcpy(record + 1, bytes.at, bytes.length);
	record->length = bytes.length;
	record->number = head->next;
	set(&head->end, place + room);
	set(&head->next, head->next + 1);
	journal->records_n++;
}

void
journal_skip(struct journal *journal, uint64_t n)
{
	set(&journal->head->next, journal->head->next + n);
}
