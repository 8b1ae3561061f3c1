/* What a fetch reads of servers: any bytes as a token answer, as keys of STS, as an address. */
#include <assert.h>
#include <stdint.h>

#include "common/https/https.h"
#include "common/https/oauth.h"
#include "services/credentials/fetch/aws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 1 << 20};
	struct span text = span_of_bytes(data, size);
	struct oauth_token token;
	struct aws_keys keys;
	struct https_url url;

	if (oauth_token_read(text, &arena, &token, NULL) == OK)
		assert(token.access_token.length > 0);
	assert(oauth_error_read(text).length <= 64);
	if (aws_keys_read(text, &keys, NULL) == OK)
		assert(keys.session_token.length > 0 && keys.secret_key.at > text.at);
	if (https_url_parse(text, true, &url, NULL) == OK)
		assert(url.host.length > 0 && url.port > 0);
	return 0;
}
