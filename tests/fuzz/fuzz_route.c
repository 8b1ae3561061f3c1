/* Fuzzes a route_open and a route_trailers of a broken proxy: what is let through is one head of one request, within a binding, and fields that end it. */
#include <stdint.h>
#include <stdlib.h>

#include "common/bus/codec.h"
#include "common/wire/http_head.h"
#include "common/wire/http_target.h"
#include "sandbox/router/request.h"
#include "tests/unit/router/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct request *request)
{
	char room[HTTP_PATH_BYTES];
	struct http_target target;
	struct why why;

	if (http_target_parse(request->target, true, room, &target, &why) != OK || !http_token(request->method) ||
	    request->target.at[0] != '/')
		abort();
	for (size_t i = 0; i < request->fields_n; i++)
		if (!http_token(request->fields[i].name) || !http_value_ok(request->fields[i].value))
			abort();
	if (!request->tls && request->backend.length == 0 && request->slots)
		abort();
}

static void
trailers(const struct msg_route_trailers *in)
{
	struct request request = {0};
	size_t bytes = 0;
	struct why why;

	if (request_trailers(&request, in->trailers, in->trailers_n, &why) == OK) {
		for (size_t i = 0; i < request.trailers_n; i++) {
			struct span name = request.trailers[i].name, value = request.trailers[i].value;

			bytes += name.length + value.length;
			if (!http_token(name) || !http_value_ok(value) || http_trailer_of(name, value).hop)
				abort();
		}
		if (bytes > HTTP_HEAD_BYTES)
			abort();
	}
	request_done(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vault *vault;
	auto_arena struct arena arena = {0};
	struct request request;
	const char *code = NULL;
	struct msg m;
	struct why why;

	if (vault == NULL)
		vault = fixture_vault();
	if (msg_decode(span_of_bytes(data, size), &arena, &m, &why) != OK)
		return 0;
	if (m.id == ROUTE_TRAILERS)
		trailers(&m.route_trailers);
	if (m.id != ROUTE_OPEN)
		return 0;
	if (request_make(vault, &m.route_open, 5000, &request, &code, &why) == OK)
		check(&request);
	else if (code == NULL || *code == 0)
		abort();
	request_done(&request);
	return 0;
}
