/* Upstream in HTTP/2, the requests: heads, bodies as there is room for them, and what stands behind them. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/router/h2_inside.h"

#define NV_MAX (REQUEST_FIELDS_MAX + 16)

static nghttp2_nv
nv(struct span name, struct span value, bool secret)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.at,
	    .namelen = name.length,
	    .value = (uint8_t *)(uintptr_t)(value.length == 0 ? "" : value.at),
	    .valuelen = value.length,
	    .flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
}

/* What stands behind the body: it ends the stream in place of the last of its bytes. */
static void
trailers_submit(struct flow *flow, const struct request *request)
{
	nghttp2_nv fields[HTTP_TRAILERS_MAX];
	nghttp2_session *session = flow->upstream->session;
	size_t n = 0;

	for (; n < request->trailers_n && n < HTTP_TRAILERS_MAX; n++)
		fields[n] = nv(request->trailers[n].name, request->trailers[n].value, false);
	if (nghttp2_submit_trailer(session, flow->stream, fields, n) != 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_INTERNAL_ERROR);
}

static ssize_t
body_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	struct flow *flow = nghttp2_session_get_stream_user_data(session, stream);
	struct errand *errand;
	size_t n;

	(void)source, (void)self;
	if (flow == NULL || flow->errand == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	errand = flow->errand;
	n = bytes_length(&errand->body) < room ? bytes_length(&errand->body) : room;
	if (n == 0 && !errand->body_ended) {
		flow->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		memcpy(to, bytes_span(&errand->body).at, n);
	if (n == bytes_length(&errand->body) && errand->body_ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (errand->request.trailers_n > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			trailers_submit(flow, &errand->request);
		}
	}
	errand_body_taken(errand, n);
	return (ssize_t)n;
}

static size_t
fields_make(const struct errand *errand, nghttp2_nv *to, char length[24])
{
	const struct request *request = &errand->request;
	size_t n = 0;

	to[n++] = nv(SPAN(":method"), request->method, false);
	to[n++] = nv(SPAN(":scheme"), request->tls ? SPAN("https") : SPAN("http"), false);
	to[n++] = nv(SPAN(":authority"), request->authority, false);
	to[n++] = nv(SPAN(":path"), request->target, true);
	for (size_t i = 0; i < request->fields_n; i++)
		if (request->mask.n == 0 || !span_is(request->fields[i].name, "accept-encoding"))
			to[n++] = nv(request->fields[i].name, request->fields[i].value, request->fields[i].secret);
	if (request->mask.n > 0)
		to[n++] = nv(SPAN("accept-encoding"), SPAN("identity"), false);
	snprintf(length, 24, "%llu", (unsigned long long)request->length);
	if (request->body == REQUEST_LENGTH || request->body == REQUEST_PIECES)
		to[n++] = nv(SPAN("content-length"), span_of_text(length), false);
	return n;
}

bool
h2_start(struct upstream *upstream, struct errand *errand)
{
	nghttp2_data_provider provider = {.read_callback = body_read};
	bool empty = errand->body_ended && bytes_length(&errand->body) == 0 && errand->request.trailers_n == 0;
	struct flow *flow = calloc(1, sizeof(*flow));
	nghttp2_nv fields[NV_MAX];
	char length[24];
	size_t n;

	if (flow == NULL)
		abort();
	n = fields_make(errand, fields, length);
	flow->upstream = upstream;
	flow->errand = errand;
	flow->stream = nghttp2_submit_request(upstream->session, NULL, fields, n, empty ? NULL : &provider, flow);
	if (flow->stream < 0) {
		free(flow);
		return false;
	}
	errand->flow = flow;
	list_append(&((struct reading *)upstream->answer)->flows, &flow->link);
	upstream->streams++;
	side_touch(&upstream->side);
	return true;
}

void
h2_pump(struct errand *errand)
{
	struct flow *flow = errand->flow;

	if (flow->deferred && (bytes_length(&errand->body) > 0 || errand->body_ended)) {
		flow->deferred = false;
		nghttp2_session_resume_data(flow->upstream->session, flow->stream);
	}
	side_touch(&flow->upstream->side);
}
