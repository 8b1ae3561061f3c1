/* Entries of the ledger of credentials: any bytes; what is read lies within them, and written again is the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/seal/ledger_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ledger_entry entry;
	size_t used, length, at = 0, before = 0;

	if (ledger_entry_read(span_of_bytes(data, size), &entry, &used, NULL) == OK) {
		char *again = ledger_entry_write(&entry, &length);

		assert(length == used && used <= size && memcmp(again, data, used) == 0);
		free(again);
	}
	for (; ledger_entry_next(span_of_bytes(data, size), &at, &entry); before = at)
		assert(at > before && at <= size);
	return 0;
}
