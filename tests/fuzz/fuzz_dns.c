/* The DNS query reader on any bytes: every answer to a query fits, and what cannot be read is answered by a header. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/wire/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span message = span_of_bytes(data, size);
	uint8_t to[DNS_ANSWER_BYTES];
	char name[HOST_NAME_BYTES];
	struct dns_query query;
	struct why why;
	enum err r = dns_query_read(message, &query, &why);
	size_t n;

	if (r != OK) {
		n = dns_refuse(message, dns_code_of(r), to);
		assert(r == ERR_INVALID ? n == 0 || size > DNS_MESSAGE_BYTES : n == 12);
		return 0;
	}
	assert(host_name(span_of_text(query.name), name) && strcmp(name, query.name) == 0);
	assert(query.question_bytes <= DNS_QUESTION_BYTES);
	n = dns_answer_write(&query, DNS_NOERROR, data, 30, to);
	assert(n > 12 + query.question_bytes && n <= sizeof(to));
	return 0;
}
