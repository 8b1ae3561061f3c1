/* Marks: a mark is moved after the journal was; a death between the two is seen by the journal's having moved. */
#include "sandbox/link/marks.h"

#include <sys/mman.h>
#include <sys/stat.h>

static void
set(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static void
recover(struct mark *mark, const struct journal *journal)
{
	if (mark->taking == mark->next && journal->head->next > mark->place)
		mark->next += journal->head->next - mark->place;
	set(&mark->taking, 0); /* what moves the journal from here on is another's until this source is heard again */
}

enum err
marks_open(struct marks *marks, const struct journal *journal, int fd, size_t offset, struct why *why)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "the memory for log lines");
	if ((size_t)st.st_size < offset + MARKS_BYTES)
		return fail(why, ERR_INVALID, "the memory for log lines has %zu bytes", (size_t)st.st_size);
	if ((at = mmap(NULL, MARKS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset)) == MAP_FAILED)
		return fail_errno(why, ERR_SYSTEM, "%u bytes for marks", MARKS_BYTES);
	marks->at = at;
	for (size_t i = 0; i < MARKS_MAX; i++)
		recover(&marks->at[i], journal);
	return OK;
}

void
marks_done(struct marks *marks)
{
	if (marks->at != NULL)
		munmap(marks->at, MARKS_BYTES);
	marks->at = NULL;
}

struct mark *
marks_find(struct marks *marks, struct id source)
{
	struct mark *mark = NULL, *oldest = &marks->at[0];
	uint64_t newest = 0;

	for (size_t i = 0; i < MARKS_MAX; i++) {
		if (marks->at[i].next != 0 && id_equal(marks->at[i].source, source))
			mark = &marks->at[i];
		if (marks->at[i].heard < oldest->heard)
			oldest = &marks->at[i];
		if (marks->at[i].heard > newest)
			newest = marks->at[i].heard;
	}
	if (mark == NULL) {
		mark = oldest;
		*mark = (struct mark){0}; /* none, should we die here */
		mark->source = source;
		set(&mark->next, 1);
	}
	mark->heard = newest + 1;
	return mark;
}

void
mark_begin(struct mark *mark, const struct journal *journal)
{
	set(&mark->place, journal->head->next);
	set(&mark->taking, mark->next);
}

void
mark_end(struct mark *mark, uint64_t next)
{
	set(&mark->next, next);
}
