/* What api reads of a request for a service: its host, its origin, its cookies; and the head that it writes for the sandbox. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "services/api/service_head.h"
#include "services/api/service_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char room[2 * 4096 + 1], head[SERVICE_HEAD_BYTES];
	struct span bytes = span_of_bytes(data, size < 4096 ? size : 4096), rest = bytes, first = span_cut(&rest, '\n');
	struct rpc_field fields[] = {{SPAN("cookie"), rest}, {SPAN("x-any"), rest}};
	const struct service_request request = {
	    .method = SPAN("GET"), .path = first, .fields = fields, .fields_n = 2, .port = 80};
	const struct service_origin origin = {SPAN_NONE, first, rest};
	struct text text = TEXT_OF(head);
	struct service_domains domains;
	struct service_name name;
	struct http_head again;
	struct why why;
	size_t used;

	service_domains_read(NULL, 0, &domains);
	if (service_host_parse(first, &domains, &name, &why) == OK)
		assert(name.workspace.length > 0 && name.sandbox.length > 0 && name.service.length <= 19);
	(void)service_same_origin(&origin, first, rest.length % 2 == 0);
	assert(service_cookies(rest, room).length <= 2 * rest.length &&
	       service_set_cookie(rest, room).length <= 2 * rest.length);
	/* Whatever a field's value is that our readers let in, the head is one request, whole. */
	if (http_value_ok(rest) && service_request_write(&request, &text, &why) == OK &&
	    http_request_parse(text_span(&text), SERVICE_HEAD_BYTES, &again, &used, &why) == OK)
		assert(used == text.length && again.body == HTTP_BODY_NONE);
	return 0;
}
