/* Answers of sock_diag on any bytes: only one with both ends gives an inode. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "sandbox/policyd/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag_ends ends = {
	    .local = SPAN("\x7f\0\0\1"), .remote = SPAN("\x7f\0\0\2"), .local_port = 0x4242, .remote_port = 443};
	uint64_t inode = 0;
	struct why why = {0};

	if (diag_answer(span_of_bytes(data, size), &ends, 0x42424242, &inode, &why) == OK)
		assert(inode != 0 && memmem(data, size, "\x7f\0\0\1", 4) != NULL);
	return 0;
}
