/* The first bytes of anything: a classifier that decides for good by FIRST_BYTES, and hellos whose names are host
 * names. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/wire/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of_bytes(data, size);
	enum first_bytes protocol = 0, early = 0;
	struct tls_hello hello;
	char name[HOST_NAME_BYTES];
	struct why why;
	enum err r = first_bytes(bytes, &protocol);

	assert(r == OK || size < FIRST_BYTES);
	if (first_bytes(span_head(bytes, size / 2), &early) == OK)
		assert(r == OK && protocol == early);
	if (tls_hello_read(bytes, &hello, &why) != OK)
		return 0;
	assert(r == OK && protocol == FIRST_TLS);
	assert(hello.name[0] == '\0' || (host_name(span_of_text(hello.name), name) && strcmp(name, hello.name) == 0));
	return 0;
}
