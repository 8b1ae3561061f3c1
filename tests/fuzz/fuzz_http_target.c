/* Request targets and authorities of any bytes: what comes out is canonical, so it goes in again and stays as it is. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of_bytes(data, size);
	char room[HTTP_PATH_BYTES], more[HTTP_PATH_BYTES];
	struct http_authority authority;
	struct http_target target, again;
	struct why why = {0};

	if (http_authority_parse(bytes, &authority, &why) == OK)
		assert(authority.host.length >= 1 && authority.host.length <= 253);
	for (int slash = 0; slash < 2; slash++) {
		if (http_target_parse(bytes, slash, room, &target, &why) != OK)
			continue;
		assert(target.path.length >= 1 && target.path.length <= HTTP_PATH_BYTES && room[0] == '/');
		assert(memmem(room, target.path.length, "//", 2) == NULL &&
		       memmem(room, target.path.length, "/../", 4) == NULL);
		assert(http_target_parse(target.path, slash, more, &again, &why) == OK);
		assert(span_equal(target.path, again.path) && target.encoded_slash == again.encoded_slash);
	}
	return 0;
}
