/* The journal on any memory that a link before this one has left: what is read lies in it, in order, and it takes more. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/file.h"
#include "sandbox/link/journal.h"

#define SIZE 1024u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
good(struct span bytes)
{
	return bytes.length > 0 && bytes.at[0] != '!';
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_fd int fd = -1;
	struct journal journal = {0};
	uint64_t at = 0, number, last = 0;
	struct span bytes;
	bool forgot;

	if (memfd_fixed("journal", SIZE, &fd, NULL) != OK || pwrite(fd, data, size < SIZE ? size : SIZE, 0) < 0 ||
	    journal_open(&journal, SIZE, fd, good, &forgot, NULL) != OK)
		abort();
	for (size_t i = 0; i < 20; i++)
		journal_put(&journal, span_of_bytes("twenty-one characters", i));
	while (journal_read(&journal, &at, &number, &bytes)) {
		assert(number > last && bytes.at >= journal.at && bytes.at + bytes.length <= journal.at + journal.size);
		last = number;
	}
	assert(last + 1 == journal.head->next);
	journal_done(&journal);
	return 0;
}
