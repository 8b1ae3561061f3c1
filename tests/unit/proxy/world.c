/* The world of the relay's tests: everything around http.c, in one thread. */
#include "tests/unit/test.h"

#include "tests/unit/proxy/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct world world;
bool world_raw;

static struct leg *h2_legs[PEERS_MAX + 1];
const char *__real_leg_alpn(const struct leg *leg);
const char *__wrap_leg_alpn(const struct leg *leg);

const char *
__wrap_leg_alpn(const struct leg *leg)
{
	for (size_t i = 0; i < COUNT(h2_legs); i++)
		if (h2_legs[i] == leg)
			return "h2";
	return "";
}

uint8_t
pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static uint64_t jumped_ms;
uint64_t __wrap_clock_ms(void);

uint64_t
__wrap_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + jumped_ms;
}

void
world_later(uint64_t ms)
{
	jumped_ms += ms;
	world_rest();
}

/* ---- ends ---- */

static void end_arm(struct peer_end *end);

static void
count(struct peer_end *end, struct span bytes)
{
	if (!end->counting) {
		bytes_add(&end->in, bytes);
		return;
	}
	end->sink += bytes.length;
	for (size_t i = 0; i < bytes.length; i++)
		end->sum = end->sum * 33 + (uint8_t)bytes.at[i];
}

static void
end_ready(void *self, uint32_t events)
{
	struct peer_end *end = self;
	char bytes[65536];
	ssize_t n = 0;

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !end->paused) {
		n = recv(end->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0 && end->session != NULL)
			assert_true(nghttp2_session_mem_recv(end->session, (uint8_t *)bytes, (size_t)n) >= 0 ||
				    world.ended || true);
		else if (n > 0)
			count(end, span_of_bytes(bytes, (size_t)n));
		else if (n == 0 || (n < 0 && (events & (EPOLLHUP | EPOLLERR)) != 0))
			end->closed = true;
	}
	if (end->session != NULL)
		h2_flush(end);
	if (bytes_length(&end->out) > 0) {
		n = send(end->fd, end->out.at + end->out.begin, bytes_length(&end->out), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			bytes_take(&end->out, (size_t)n);
		else if (n < 0 && (events & (EPOLLHUP | EPOLLERR)) != 0)
			bytes_free(&end->out);
	}
	if (end->session != NULL)
		h2_flush(end);
	end_arm(end);
}

static void
end_arm(struct peer_end *end)
{
	uint32_t events = (end->paused || end->closed ? 0 : EPOLLIN) | (bytes_length(&end->out) > 0 ? EPOLLOUT : 0);
	struct why why;

	if (end->fd < 0)
		return;
	if (end->closed && bytes_length(&end->out) == 0) {
		loop_remove(world.proxy.loop, &end->watch);
		return;
	}
	if (end->watch.active)
		loop_change(world.proxy.loop, &end->watch, events);
	else
		assert_int_equal(loop_add(world.proxy.loop, &end->watch, end->fd, events, end_ready, end, &why), OK);
}

static void h2_open(struct peer_end *end, bool server);

static struct leg *
end_open(struct peer_end *end, bool h2, bool server)
{
	int fds[2];
	struct leg *leg;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	leg = leg_new(world.proxy.loop, fds[0]);
	*end = (struct peer_end){.fd = fds[1]};
	end->text = TEXT_OF(end->log);
	if (h2) {
		for (size_t i = 0; i < COUNT(h2_legs); i++)
			if (h2_legs[i] == NULL) {
				h2_legs[i] = leg;
				break;
			}
		if (!world_raw)
			h2_open(end, server);
	}
	end_arm(end);
	return leg;
}

void
end_close(struct peer_end *end)
{
	if (end->fd < 0)
		return;
	loop_remove(world.proxy.loop, &end->watch);
	close(end->fd);
	end->fd = -1;
	end->closed = true;
	bytes_free(&end->in);
	bytes_free(&end->out);
	nghttp2_session_del(end->session);
	end->session = NULL;
	for (size_t i = 0; i < end->streams_n; i++)
		bytes_free(&end->streams[i].out);
}

void
end_send_span(struct peer_end *end, struct span bytes)
{
	bytes_add(&end->out, bytes);
	end_arm(end);
}

void
end_send(struct peer_end *end, const char *text)
{
	end_send_span(end, span_of_text(text));
}

const char *
seen(struct peer_end *end)
{
	if (end->session != NULL)
		return end->log;
	if (end->fd < 0)
		return "(closed)";
	*bytes_room(&end->in, 1) = '\0';
	return end->in.at + end->in.begin;
}

bool
has(struct peer_end *end, const char *text)
{
	return strstr(seen(end), text) != NULL;
}

void
forget(struct peer_end *end)
{
	bytes_free(&end->in);
	if (end->session != NULL) {
		end->text = TEXT_OF(end->log);
		end->log[0] = '\0';
	}
}

/* ---- HTTP/2 ends ---- */

static int
stream_of(struct peer_end *end, int32_t id, bool make)
{
	for (size_t i = 0; i < end->streams_n; i++)
		if (end->streams[i].id == id)
			return (int)i;
	if (!make)
		return -1;
	assert_true(end->streams_n < COUNT(end->streams));
	end->streams[end->streams_n].id = id;
	return (int)end->streams_n++;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
    const uint8_t *value, size_t value_n, uint8_t flags, void *self)
{
	struct peer_end *end = self;

	(void)session, (void)flags;
	text_add(&end->text, "[%d] %.*s: %.*s\n", frame->hd.stream_id, (int)name_n, name, (int)value_n, value);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *self)
{
	struct peer_end *end = self;
	int i = stream_of(end, id, true);

	(void)flags;
	end->streams[i].got += n;
	for (size_t k = 0; end->counting && k < n; k++)
		end->streams[i].sum = end->streams[i].sum * 33 + data[k];
	if (!end->counting)
		text_add(&end->text, "[%d] data %.*s\n", id, (int)n, data);
	if (!end->keep_window)
		nghttp2_session_consume(session, id, n);
	else
		nghttp2_session_consume_connection(session, n);
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct peer_end *end = self;

	(void)session;
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		text_add(&end->text, "[%d] end\n", frame->hd.stream_id);
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		text_add(&end->text, "[%d] reset %u\n", frame->hd.stream_id, frame->rst_stream.error_code);
	if (frame->hd.type == NGHTTP2_GOAWAY)
		text_add(&end->text, "goaway %u\n", frame->goaway.error_code);
	return 0;
}

static void
h2_open(struct peer_end *end, bool server)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_option_new(&option);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_http_messaging(option, 1); /* it may misbehave */
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	if (server)
		nghttp2_session_server_new2(&end->session, callbacks, end, option);
	else
		nghttp2_session_client_new2(&end->session, callbacks, end, option);
	nghttp2_submit_settings(end->session, NGHTTP2_FLAG_NONE, NULL, 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	h2_flush(end);
}

void
h2_flush(struct peer_end *end)
{
	const uint8_t *bytes;
	ssize_t n;

	while (bytes_length(&end->out) < 65536 && (n = nghttp2_session_mem_send(end->session, &bytes)) > 0)
		bytes_add(&end->out, span_of_bytes(bytes, (size_t)n));
	end_arm(end);
}

static size_t
fields(const char *headers, nghttp2_nv *nv)
{
	struct span rest = span_of_text(headers);
	size_t n = 0;

	while (rest.length > 0) {
		struct span line = span_cut(&rest, '\n');
		size_t at = line.at[0] == ':' ? 1 : 0;

		while (line.at[at] != ':')
			at++;
		nv[n++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)line.at,
		    .namelen = at,
		    .value = (uint8_t *)(uintptr_t)(line.at + at + 2),
		    .valuelen = line.length - at - 2};
	}
	return n;
}

static ssize_t
read_out(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags, nghttp2_data_source *source,
    void *self)
{
	struct peer_end *end = self;
	int i = stream_of(end, id, true);
	struct span bytes = span_head(bytes_span(&end->streams[i].out), room);

	(void)session;
	if (end->streams[i].generate > 0) {
		uint64_t total = (uint64_t)(uintptr_t)source->ptr, left = end->streams[i].generate;

		if (room > left)
			room = (size_t)left;
		for (size_t k = 0; k < room; k++)
			to[k] = pattern(total - left + k);
		if ((end->streams[i].generate -= room) == 0)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
		return (ssize_t)room;
	}
	if (bytes.length == 0 && !end->streams[i].end) {
		end->streams[i].deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	memcpy(to, bytes.at == NULL ? "" : bytes.at, bytes.length);
	bytes_take(&end->streams[i].out, bytes.length);
	if (end->streams[i].end && bytes_length(&end->streams[i].out) == 0) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (end->streams[i].trailers)
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	}
	return (ssize_t)bytes.length;
}

int32_t
h2_request(struct peer_end *end, const char *headers, bool has_body)
{
	nghttp2_data_provider provider = {.read_callback = read_out};
	nghttp2_nv nv[128];
	int32_t id =
	    nghttp2_submit_request(end->session, NULL, nv, fields(headers, nv), has_body ? &provider : NULL, NULL);

	assert_true(id > 0);
	h2_flush(end);
	return id;
}

void
h2_respond(struct peer_end *end, int32_t stream, const char *headers, bool has_body)
{
	nghttp2_data_provider provider = {.read_callback = read_out};
	nghttp2_nv nv[128];
	size_t n = fields(headers, nv);

	if (strncmp(headers, ":status: 1", 10) == 0)
		assert_int_equal(nghttp2_submit_headers(end->session, 0, stream, NULL, nv, n, NULL), 0);
	else
		assert_int_equal(nghttp2_submit_response(end->session, stream, nv, n, has_body ? &provider : NULL), 0);
	h2_flush(end);
}

void
h2_data(struct peer_end *end, int32_t stream, const char *text, bool last)
{
	int i = stream_of(end, stream, true);

	bytes_add(&end->streams[i].out, span_of_text(text));
	end->streams[i].end = last;
	if (end->streams[i].deferred) {
		end->streams[i].deferred = false;
		nghttp2_session_resume_data(end->session, stream);
	}
	h2_flush(end);
}

void
h2_generate(struct peer_end *end, int32_t stream, uint64_t bytes)
{
	nghttp2_data_provider provider = {.read_callback = read_out, .source = {.ptr = (void *)(uintptr_t)bytes}};
	int i = stream_of(end, stream, true);

	end->streams[i].generate = bytes;
	assert_int_equal(nghttp2_submit_data(end->session, NGHTTP2_FLAG_END_STREAM, stream, &provider), 0);
	h2_flush(end);
}

void
h2_trailers(struct peer_end *end, int32_t stream, const char *headers)
{
	nghttp2_nv nv[16];
	int i = stream_of(end, stream, true);

	end->streams[i].trailers = true;
	h2_data(end, stream, "", true);
	assert_int_equal(nghttp2_submit_trailer(end->session, stream, nv, fields(headers, nv)), 0);
	h2_flush(end);
}

/* ---- what http.c calls ---- */

struct dial {
	struct timer timer;
	void (*done)(void *self, enum err r, struct leg *leg, const struct why *why);
	void *self;
	bool tls, plain;
	uint64_t number;
	struct list link;
};
static struct list dials;
static uint64_t numbers;

static void
dial_fired(void *self)
{
	struct dial *dial = self;
	struct why why = {"the place is not there"};
	struct leg *leg = NULL;

	list_remove(&dial->link);
	if (world.only_h2 && dial->tls && dial->plain && world.dial_fails == OK) {
		dial->done(dial->self, ERR_PROTOCOL, NULL, &why);
		free(dial);
		return;
	}
	if (world.dial_fails == OK) {
		assert_true(world.ups_n < PEERS_MAX);
		leg = end_open(&world.ups[world.ups_n++], world.upstream_h2 && !dial->plain, true);
	}
	dial->done(dial->self, world.dial_fails, leg, &why);
	free(dial);
}

uint64_t
upstream_open(struct connection *connection, bool tls, const char *alpn,
    void (*done)(void *self, enum err r, struct leg *leg, const struct why *why), void *self)
{
	struct dial *dial = calloc(1, sizeof(*dial));

	assert_ptr_equal(connection, world.connection);
	assert_true(tls == (alpn != NULL));
	world.dials++;
	*dial = (struct dial){.done = done,
	    .self = self,
	    .tls = tls,
	    .plain = alpn == NULL || strstr(alpn, "h2") == NULL,
	    .number = ++numbers};
	list_append(&dials, &dial->link);
	loop_timer_set(world.proxy.loop, &dial->timer, 0, dial_fired, dial);
	return dial->number;
}

/* Its address, one turn later. */
static void
pin_fired(void *self)
{
	struct dial *dial = self;
	static struct address address = {.length = 4, .bytes = {192, 0, 2, 7}};
	struct why why = {"the place is not there"};

	list_remove(&dial->link);
	world.connection->pinned = &address;
	world.connection->pinned_n = world.dial_fails == OK;
	dial->done(dial->self, world.dial_fails, NULL, &why);
	free(dial);
}

uint64_t
upstream_pin(struct connection *connection,
    void (*done)(void *self, enum err r, struct leg *leg, const struct why *why), void *self)
{
	struct dial *dial = calloc(1, sizeof(*dial));

	assert_ptr_equal(connection, world.connection);
	*dial = (struct dial){.done = done, .self = self, .number = ++numbers};
	list_append(&dials, &dial->link);
	loop_timer_set(world.proxy.loop, &dial->timer, 0, pin_fired, dial);
	return dial->number;
}

void
upstream_cancel(struct proxy *proxy, uint64_t number)
{
	struct dial *dial;

	list_each(dial, &dials, struct dial, link)
		if (dial->number == number) {
			list_remove(&dial->link);
			loop_timer_stop(proxy->loop, &dial->timer);
			free(dial);
		}
}

struct asked {
	void (*done)(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why);
	void *self;
	struct msg_verdict verdict;
	uint64_t number;
	struct list link;
};
static struct list asks;
static struct timer judge_timer;

static void
judge_fired(void *self)
{
	struct asked *asked;
	struct why why = {"no judge"};

	(void)self;
	if (world.judge_holds) {
		loop_timer_set(world.proxy.loop, &judge_timer, 1, judge_fired, NULL);
		return;
	}
	while (!list_empty(&asks)) {
		asked = list_item(asks.next, struct asked, link);
		list_remove(&asked->link);
		asked->done(asked->self, asked->verdict.what == 0 ? ERR_UNAVAILABLE : OK, &asked->verdict, &why);
		free(asked);
	}
}

uint64_t
judge_request(struct connection *connection, const struct msg_question *question,
    void (*done)(void *self, enum err r, const struct msg_verdict *verdict, const struct why *why), void *self)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	assert_ptr_equal(connection, world.connection);
	*asked = (struct asked){.done = done, .self = self, .number = ++numbers, .verdict = {.what = 1}};
	for (size_t i = 0; i < world.rows_n; i++)
		if (span_starts(question->path, span_of_text(world.rows[i].path))) {
			asked->verdict = world.rows[i].verdict;
			break;
		}
	if (question->body > 0 && asked->verdict.what == 4)
		asked->verdict.what = question->refusal.length > 0 ? 3 : 1;
	if (question->kind != 1)
		asked->verdict.what = span_is(question->method, "WEBSOCKET_TEXT") ? 1 : 3;
	text_add(&world.asked, SPAN_FORMAT " " SPAN_FORMAT, SPAN_ARGS(question->method), SPAN_ARGS(question->path));
	if (question->query.length > 0)
		text_add(&world.asked, "?" SPAN_FORMAT, SPAN_ARGS(question->query));
	text_add(&world.asked, "%s%s", question->upgrade ? " upgrade" : "", question->event_stream ? " events" : "");
	for (size_t i = 0; i < question->overrides_n; i++)
		text_add(&world.asked, " over=" SPAN_FORMAT, SPAN_ARGS(question->overrides[i]));
	for (size_t i = 0; i < question->operations_n; i++)
		text_add(&world.asked, " op%u=" SPAN_FORMAT, question->operations[i].type,
		    SPAN_ARGS(question->operations[i].fields[0]));
	for (size_t i = 0; i < question->calls_n; i++)
		text_add(&world.asked, " call=" SPAN_FORMAT, SPAN_ARGS(question->calls[i].method));
	if (question->refusal.length > 0)
		text_add(&world.asked, " refusal=" SPAN_FORMAT, SPAN_ARGS(question->refusal));
	text_add(&world.asked, ";");
	list_append(&asks, &asked->link);
	loop_timer_set(world.proxy.loop, &judge_timer, 0, judge_fired, NULL);
	return asked->number;
}

void
judge_cancel(struct proxy *proxy, uint64_t number)
{
	struct asked *asked;

	(void)proxy;
	list_each(asked, &asks, struct asked, link)
		if (asked->number == number) {
			list_remove(&asked->link);
			free(asked);
		}
}

void
connection_event(struct connection *connection, const struct event *event)
{
	(void)connection;
	text_add(&world.told, "%s " SPAN_FORMAT " " SPAN_FORMAT " code=" SPAN_FORMAT ";", event->head,
	    SPAN_ARGS(event->method), SPAN_ARGS(event->path), SPAN_ARGS(event->code));
}

void
connection_end(struct connection *connection)
{
	assert_ptr_equal(connection, world.connection);
	assert_false(world.ended);
	leg_close(connection->agent);
	free(connection);
	world.ended = true;
	world.connection = NULL;
}

/* ---- the world ---- */

void
world_open(enum how how, bool agent_h2, bool upstream_h2)
{
	struct why why;

	memset(&world, 0, sizeof(world));
	memset(h2_legs, 0, sizeof(h2_legs));
	list_init(&dials);
	list_init(&asks);
	list_init(&world.proxy.routed);
	judge_timer = (struct timer){0};
	for (size_t i = 0; i < PEERS_MAX; i++)
		world.ups[i].fd = -1;
	assert_int_equal(loop_new(&world.proxy.loop, &why), OK);
	world.asked = TEXT_OF(world.questions);
	world.told = TEXT_OF(world.events);
	world.upstream_h2 = upstream_h2;
	world.connection = calloc(1, sizeof(*world.connection));
	world.connection->proxy = &world.proxy;
	world.connection->how = how;
	world.connection->tls = how != HOW_FORWARD;
	world.connection->port = how != HOW_FORWARD ? 443 : 80;
	world.connection->judged.inspect = true;
	world.connection->judged.allowed = true;
	world.connection->judged.policy = SPAN("pol");
	snprintf(world.connection->host, sizeof(world.connection->host), "api.test");
	world.connection->agent = end_open(&world.agent, agent_h2, false);
	if (how == HOW_FORWARD)
		http_forward(world.connection);
	else
		http_serve(world.connection);
}

void
world_turn(void)
{
	struct why why;

	assert_int_equal(loop_turn(world.proxy.loop, 20, &why), OK);
}

void
world_turn_now(void)
{
	struct why why;

	assert_int_equal(loop_turn(world.proxy.loop, 0, &why), OK);
}

void
world_rest(void)
{
	for (int i = 0; i < 50; i++)
		world_turn_now();
}

void
world_close(void)
{
	if (!world.ended)
		world.connection->relay_end(world.connection, "the test is over");
	assert_true(world.ended);
	end_close(&world.agent);
	for (size_t i = 0; i < world.ups_n; i++)
		end_close(&world.ups[i]);
	assert_true(list_empty(&dials) && list_empty(&asks) && world.proxy.idle_n == 0);
	loop_timer_stop(world.proxy.loop, &judge_timer);
	for (void *next; world.proxy.spares != NULL; world.proxy.spares = next) {
		memcpy(&next, world.proxy.spares, sizeof(next)); /* its first word */
		free(world.proxy.spares);
	}
	loop_free(world.proxy.loop);
}
