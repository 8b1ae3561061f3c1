/* The server in HTTP/2: nghttp2 over the stand-in's TLS. */
#include "tests/unit/test.h"

#include "tests/bus/router_h2_world.h"

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/leg/openssl.h"

static struct h2_asked *
asked_of(struct h2_world *world, int32_t stream)
{
	for (size_t i = 0; i < world->asked_n; i++)
		if (world->asked[i].stream == stream)
			return &world->asked[i];
	return NULL;
}

static int
on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct h2_world *world = self;

	(void)session;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	assert_true(world->asked_n < H2_ASKED_MAX);
	world->asked[world->asked_n++] = (struct h2_asked){.stream = frame->hd.stream_id};
	return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *self)
{
	struct h2_asked *asked = asked_of(self, frame->hd.stream_id);
	struct span key = span_of_bytes(name, name_length), word = span_of_bytes(value, value_length);

	(void)session;
	if (span_is(key, ":method"))
		span_copy(word, asked->method, sizeof(asked->method));
	if (span_is(key, ":path"))
		span_copy(word, asked->path, sizeof(asked->path));
	if (span_is(key, "te"))
		span_copy(word, asked->te, sizeof(asked->te));
	if (span_is(key, "x-sum")) {
		span_copy(word, asked->sum, sizeof(asked->sum));
		asked->sum_behind = asked->head;
	}
	if (span_is(key, "authorization")) {
		span_copy(word, asked->authorization, sizeof(asked->authorization));
		assert_true((flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0); /* in no table */
	}
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t length, void *self)
{
	struct h2_asked *asked = asked_of(self, stream);

	(void)session, (void)flags;
	assert_true(asked->body_n + length < sizeof(asked->body));
	memcpy(asked->body + asked->body_n, data, length);
	asked->body_n += length;
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
	struct h2_asked *asked = asked_of(self, frame->hd.stream_id);

	(void)session;
	if (asked != NULL && frame->hd.type == NGHTTP2_HEADERS)
		asked->head = true;
	if (asked != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		asked->whole = true;
	return 0;
}

static ssize_t
text_read(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *self)
{
	struct h2_world *world = self;
	size_t n = world->text_n - world->text_at < room ? world->text_n - world->text_at : room;
	nghttp2_nv nv = {(uint8_t *)(uintptr_t) "grpc-status", (uint8_t *)(uintptr_t) "0", 11, 1, 0};

	(void)source;
	memcpy(to, world->text + world->text_at, n);
	if ((world->text_at += n) == world->text_n) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (world->trailer) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(session, stream, &nv, 1);
		}
	}
	return (ssize_t)n;
}

static int
alpn_h2(
    SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in, unsigned in_length, void *self)
{
	unsigned char *chosen;

	(void)ssl, (void)self;
	if (SSL_select_next_proto(&chosen, length, (const unsigned char *)"\x02h2", 3, in, in_length) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

void
h2_world_accept(int listener, struct h2_world *world)
{
	nghttp2_session_callbacks *callbacks;
	int fd;

	memset(world, 0, sizeof(*world));
	until_readable(listener);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fd >= 0);
	tls_server_begin(&world->tls, fd, "up.test");
	SSL_CTX_set_alpn_select_cb(world->tls.context, alpn_h2, NULL);
	while (tls_client_step(&world->tls) == ERR_MORE)
		until_readable(fd);
	assert_string_equal(world->tls.alpn, "h2");
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	assert_int_equal(nghttp2_session_server_new(&world->session, callbacks, world), 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(world->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

void
h2_world_turn(struct h2_world *world)
{
	uint8_t bytes[16384];
	const uint8_t *out;
	struct why why;
	ssize_t n;
	int got;

	assert_int_equal(loop_turn(loop, 2, &why), OK);
	while ((got = SSL_read(world->tls.ssl, bytes, sizeof(bytes))) > 0)
		assert_int_equal(nghttp2_session_mem_recv(world->session, bytes, (size_t)got), got);
	while ((n = nghttp2_session_mem_send(world->session, &out)) > 0)
		assert_int_equal(SSL_write(world->tls.ssl, out, (int)n), n);
}

void
h2_world_wait(struct h2_world *world, size_t requests)
{
	size_t whole = 0;

	for (uint64_t until = clock_ms() + PATIENCE_MS; whole < requests;) {
		if (clock_ms() > until)
			fail_msg("%zu requests came", whole);
		h2_world_turn(world);
		whole = 0;
		for (size_t i = 0; i < world->asked_n; i++)
			whole += world->asked[i].whole;
	}
}

void
h2_world_answer(struct h2_world *world, size_t request, const char *text, bool trailer)
{
	nghttp2_nv nv = {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "200", 7, 3, 0};
	nghttp2_data_provider provider = {.read_callback = text_read};

	world->text_n = strlen(text);
	assert_true(world->text_n < sizeof(world->text));
	memcpy(world->text, text, world->text_n);
	world->text_at = 0;
	world->trailer = trailer;
	assert_int_equal(nghttp2_submit_response(world->session, world->asked[request].stream, &nv, 1, &provider), 0);
	h2_world_turn(world);
}

void
h2_world_reset(struct h2_world *world, size_t request, uint32_t code)
{
	nghttp2_submit_rst_stream(world->session, NGHTTP2_FLAG_NONE, world->asked[request].stream, code);
	h2_world_turn(world);
}

void
h2_world_goaway(struct h2_world *world)
{
	nghttp2_submit_goaway(
	    world->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(world->session), 0, NULL, 0);
	h2_world_turn(world);
}

void
h2_world_end(struct h2_world *world)
{
	nghttp2_session_del(world->session);
	close(world->tls.fd);
	tls_client_end(&world->tls);
}
