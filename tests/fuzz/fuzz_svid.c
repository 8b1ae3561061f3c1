/* What comes of a Workload API: any bytes as its answer; an identity that is taken is a JWT. */
#include <assert.h>
#include <stdint.h>

#include "common/base/clean.h"
#include "common/wire/protobuf.h"
#include "sandbox/grant/grant.h"
#include "spiffe/workload.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 1 << 20};
	ProtobufCMessage *answer;
	struct span svid;

	if (protobuf_read(&spiffe__jwtsvidresponse__descriptor, span_of_bytes(data, size), &arena, &answer, NULL) ==
		OK &&
	    svid_take((const Spiffe__JWTSVIDResponse *)answer, &arena, &svid, NULL) == OK)
		assert(svid_is_jwt(svid) && svid.length <= 16384);
	return 0;
}
