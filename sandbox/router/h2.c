/* Upstream in HTTP/2: the session, many errands over one connection, framed by nghttp2. */
#include <stdlib.h>

#include "sandbox/router/h2_inside.h"

#define STREAM_BYTES	 (256 << 10) /* of an answer that the proxy has not taken */
#define CONNECTION_BYTES (4 << 20)

static struct flow *
orphan(struct upstream *upstream)
{
	struct errand *errand;

	list_each(errand, &upstream->router->errands, struct errand, link)
		if (errand->upstream == upstream)
			return errand->flow;
	return NULL;
}

/* The connection is gone, and with it all that it carried; what came whole is passed on as it is taken. */
static void
broken(struct upstream *upstream)
{
	struct flow *flow;
	struct why why = {0};

	upstream_dead(upstream);
	fail(&why, ERR_UNAVAILABLE, "the server ended the connection");
	while ((flow = orphan(upstream)) != NULL) {
		bool fresh = !flow->head_done && upstream->used;
		struct errand *errand = h2_part(flow);

		if (fresh)
			upstream_retry(errand, false, &why);
		else
			errand_fail(errand, "upstream_broken", &why);
	}
}

static void
fill(struct side *side)
{
	struct upstream *upstream = side->self;
	const uint8_t *bytes;
	ssize_t n = 0;

	while (
	    bytes_length(&side->out) < SIDE_OUT_BYTES && (n = nghttp2_session_mem_send(upstream->session, &bytes)) > 0)
		bytes_add(&side->out, span_of_bytes(bytes, (size_t)n));
	if (n < 0)
		side->broken = true;
}

void
h2_open(struct upstream *upstream)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_BYTES},
	};
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct reading *reading;
	int r;

	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		abort();
	h2_listen(callbacks);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_settings(option, 16);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
	r = nghttp2_session_client_new2(&upstream->session, callbacks, &upstream->side, option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	if (r != 0 || (reading = calloc(1, sizeof(*reading))) == NULL)
		abort();
	list_init(&reading->flows);
	upstream->answer = reading;
	upstream->side.fill = fill;
	nghttp2_submit_settings(upstream->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0]));
	nghttp2_session_set_local_window_size(upstream->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_BYTES);
}

/* A request beyond the server's own limit would wait within the session, maybe behind an answer that never ends. */
bool
h2_takes_more(const struct upstream *upstream)
{
	return upstream->streams < UPSTREAM_STREAMS_MAX &&
	       upstream->streams <
		   nghttp2_session_get_remote_settings(upstream->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void
h2_turn(void *self)
{
	struct upstream *upstream = self;
	struct side *side = &upstream->side;
	struct span bytes = bytes_span(&side->in);
	ssize_t n = 0;

	if (upstream->state != UPSTREAM_OPEN)
		return;
	if (bytes.length > 0)
		n = nghttp2_session_mem_recv(upstream->session, (const uint8_t *)bytes.at, bytes.length);
	bytes_take(&side->in, bytes.length);
	side_touch(side);
	if (upstream->state == UPSTREAM_OPEN &&
	    (n < 0 || side->ended || side->broken ||
		(!nghttp2_session_want_read(upstream->session) && !nghttp2_session_want_write(upstream->session))))
		broken(upstream);
}

static void
leave(struct errand *errand)
{
	struct flow *flow = errand->flow;

	h2_part(flow);
	nghttp2_submit_rst_stream(flow->upstream->session, NGHTTP2_FLAG_NONE, flow->stream, NGHTTP2_CANCEL);
	side_touch(&flow->upstream->side);
}

static void
drop(struct upstream *upstream)
{
	struct reading *reading = upstream->answer;
	struct flow *flow;

	nghttp2_session_del(upstream->session);
	list_each(flow, &reading->flows, struct flow, link)
		h2_flow_free(flow);
	free(reading);
}

const struct upstream_kind h2_kind = {
    .start = h2_start, .drop = drop, .errand = {.pump = h2_pump, .resume = h2_resume, .leave = leave}};
