/* The HTTP/1 head readers on any bytes: spans stay inside, a head is read the same alone as with more behind. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_head head, again;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of_bytes(data, size);
	size_t used = 0, used_again = 0;
	struct why why = {0};

	if (http_response_parse(bytes, HTTP_HEAD_BYTES, size & 1, &head, &used, &why) == OK)
		assert(used <= size && head.status >= 100 && head.fields_n <= HTTP_FIELDS_MAX);
	if (http_request_parse(bytes, HTTP_HEAD_BYTES, &head, &used, &why) != OK)
		return 0;
	assert(used > 0 && used <= size && used <= HTTP_HEAD_BYTES &&
	       !(head.has_length && head.body == HTTP_BODY_CHUNKED));
	assert(http_request_parse(span_head(bytes, used), HTTP_HEAD_BYTES, &again, &used_again, &why) == OK);
	assert(used_again == used && again.fields_n == head.fields_n && again.body == head.body);
	for (size_t i = 0; i < head.fields_n; i++)
		assert(http_token(head.fields[i].name) && http_value_ok(head.fields[i].value));
	return 0;
}
