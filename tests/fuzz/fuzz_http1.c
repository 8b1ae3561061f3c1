/* The HTTP/1.1 request reader on any bytes: spans stay inside, a head is read the same alone as with more behind. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of_bytes(data, size);
	struct http1_request request = {0}, again = {0};
	size_t used = 0, used_again = 0;
	struct why why = {0};

	if (http1_request_parse(bytes, &request, &used, &why) != OK)
		return 0;
	assert(used > 0 && used <= size && used <= HTTP1_HEAD_BYTES);
	assert(http1_request_parse(span_head(bytes, used), &again, &used_again, &why) == OK);
	assert(used_again == used && again.fields_n == request.fields_n);
	assert(request.target.length > 0 && request.target.at[0] == '/');
	return 0;
}
