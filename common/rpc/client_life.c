/* The gRPC client's connection: connecting, working once a turn, asking whether the server lives, being lost. */
#include "common/rpc/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/rpc/frames.h"
#include "common/rpc/client_link.h"
#include "common/rpc/tls.h"

#define CONNECT_TIMEOUT_MS 10000
#define PING_INTERVAL_MS   10000
#define PING_TIMEOUT_MS	   20000

static void
client_work(void *self)
{
	struct rpc_client *client = self;
	struct list waiting;

	list_init(&waiting);
	while (!list_empty(&client->ready)) {
		struct list *first = client->ready.next;

		list_remove(first);
		list_append(&waiting, first);
	}
	while (!list_empty(&waiting)) {
		struct rpc_stream *stream = list_item(waiting.next, struct rpc_stream, ready);

		list_remove(&stream->ready);
		stream_advance(stream);
	}
	if (!client->lost && client->session != NULL) {
		if (!frames_send(client->session, &client->pump))
			client_lose(client, &(struct why){"HTTP/2: the connection broke"});
		else if (!nghttp2_session_want_read(client->session) && !nghttp2_session_want_write(client->session))
			client_lose(
			    client, client->leaving ? &client->why : &(struct why){"HTTP/2: the connection ended"});
	}
	if (!list_empty(&client->ready))
		client_wake(client);
}

void
client_wake(struct rpc_client *client)
{
	if (client->work.place == 0)
		loop_timer_set(client->loop, &client->work, 0, client_work, client);
}

void
client_lose(struct rpc_client *client, const struct why *why)
{
	struct rpc_stream *stream;

	if (client->lost)
		return;
	client->lost = true;
	client->why = *why;
	loop_timer_stop(client->loop, &client->ping);
	list_each(stream, &client->streams, struct rpc_stream, link)
		if (!stream->closed)
			stream_end(stream, GRPC_UNAVAILABLE, "the connection to the gateway was lost", why->text);
}

static void
ping_due(void *self)
{
	struct rpc_client *client = self;

	if (client->lost || list_empty(&client->streams)) {
		client->ping_at_ms = 0;
		return;
	}
	if (client->ping_at_ms != 0 && clock_ms() - client->ping_at_ms >= client->ping_timeout_ms) {
		client_lose(client, &(struct why){"the gateway does not answer any more"});
		return;
	}
	if (client->ping_at_ms == 0) {
		client->ping_at_ms = clock_ms();
		nghttp2_submit_ping(client->session, NGHTTP2_FLAG_NONE, NULL);
		client_wake(client);
	}
	loop_timer_set(client->loop, &client->ping, client->ping_interval_ms, ping_due, client);
}

enum err
stream_start(struct rpc_stream *stream, uint32_t timeout_ms, struct why *why)
{
	struct rpc_client *client = stream->client;

	if (client->ping.place == 0)
		loop_timer_set(client->loop, &client->ping, client->ping_interval_ms, ping_due, client);
	return streams_submit(stream, timeout_ms, why);
}

void
client_bytes(void *self, struct span bytes)
{
	struct rpc_client *client = self;
	struct why why = {0};
	ssize_t n;

	client_wake(client);
	if (client->lost || client->session == NULL)
		return;
	client->ping_at_ms = 0; /* whatever it says, it lives */
	n = nghttp2_session_mem_recv(client->session, (const uint8_t *)bytes.at, bytes.length);
	if (n < 0 && !client->settled)
		(void)fail(
		    &why, ERR_UNAVAILABLE, "HTTP/2 with %s: the other side does not speak it", client->authority);
	else if (n < 0)
		(void)fail(&why, ERR_UNAVAILABLE, "HTTP/2 with %s: %s", client->authority, nghttp2_strerror((int)n));
	if (n < 0)
		client_lose(client, &why);
}

/* Put the step in front of the reason. */
static void
connection_why(struct rpc_client *client, struct why *why)
{
	struct why reason = client->pump.why;

	if (client->settled)
		(void)fail(why, ERR_UNAVAILABLE, "connection with %s: %.300s", client->authority, reason.text);
	else if (client->tls)
		(void)fail(why, ERR_UNAVAILABLE, "TLS with %s: %.300s", client->authority, reason.text);
	else
		(void)fail(why, ERR_UNAVAILABLE, "HTTP/2 with %s: %.300s; perhaps it wants https", client->authority,
		    reason.text);
}

void
client_changed(void *self)
{
	struct rpc_client *client = self;
	struct why why = {0};

	client_wake(client);
	if (client->pump.state == PUMP_CLOSED && !client->lost) {
		connection_why(client, &why);
		client_lose(client, &why);
	}
	if (client->pump.state == PUMP_OPEN && client->session == NULL && !streams_open(client))
		client_lose(client, &(struct why){"HTTP/2: no session"});
}

static char *
copy(const char *text)
{
	char *to = text == NULL ? NULL : strdup(text);

	if (text != NULL && to == NULL)
		abort();
	return to;
}

enum err
rpc_client_new(struct rpc_client **out, const struct rpc_client_config *config, struct why *why)
{
	struct rpc_client *client = calloc(1, sizeof(*client));
	enum err r;

	if (client == NULL)
		abort();
	client->loop = config->loop;
	client->ping_interval_ms = config->ping_interval_ms == 0 ? PING_INTERVAL_MS : config->ping_interval_ms;
	client->ping_timeout_ms = config->ping_timeout_ms == 0 ? PING_TIMEOUT_MS : config->ping_timeout_ms;
	client->bearer = copy(config->bearer);
	client->field = config->field;
	client->field_value = config->field_value;
	client->user_agent = copy(config->user_agent == NULL ? "openshell/" OPENSHELL_VERSION : config->user_agent);
	list_init(&client->streams);
	list_init(&client->ready);
	r = client_endpoint(client, config->endpoint, why);
	if (r == OK && client->tls)
		r = tls_client_context(
		    &client->context, config->ca_pem, config->certificate_pem, config->key_pem, config->insecure, why);
	if (r == OK)
		r = client_connect(
		    client, config->connect_timeout_ms == 0 ? CONNECT_TIMEOUT_MS : config->connect_timeout_ms, why);
	if (r != OK) {
		rpc_client_free(client);
		return r;
	}
	*out = client;
	return OK;
}

void
rpc_client_free(struct rpc_client *client)
{
	struct rpc_stream *stream;

	if (client == NULL)
		return;
	list_each(stream, &client->streams, struct rpc_stream, link)
		rpc_stream_cancel(stream);
	if (client->session != NULL && !client->lost) {
		nghttp2_session_terminate_session(client->session, NGHTTP2_NO_ERROR);
		if (frames_send(client->session, &client->pump))
			pump_shutdown(&client->pump);
	}
	nghttp2_session_del(client->session);
	loop_timer_stop(client->loop, &client->work);
	loop_timer_stop(client->loop, &client->ping);
	pump_close(&client->pump);
	SSL_CTX_free(client->context);
	wiped_free(client->bearer);
	free(client->user_agent);
	free(client);
}

bool
rpc_client_usable(const struct rpc_client *client)
{
	return !client->lost && !client->leaving;
}
