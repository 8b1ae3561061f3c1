/* The stage of the tests of api: begun once for a group of tests, ended after the last. */
#include "tests/bus/api_stage.h"

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/stream.h"
#include "common/wire/protobuf.h"

const char *program;
char directory[64];
struct loop *loop;
struct daemon daemon_;
struct actor state, relay;
struct rpc_client *client;
uint16_t port;
struct pki pki;
const struct id sandbox = {{1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}};

/* ---- the client's side of one call ---- */

static bool
got_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	struct got *got = self;
	struct span packed;
	struct why why;

	(void)stream;
	assert_in_range(got->n, 0, GOT_MAX - 1);
	assert_int_equal(protobuf_write(message, &got->arena, &packed, &why), OK);
	assert_int_equal(protobuf_read(message->descriptor, packed, &got->arena, &got->messages[got->n++], &why), OK);
	return !got->paused;
}

static void
got_end(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct got *got = self;

	(void)stream;
	got->ended = true;
	got->status = *status;
}

static struct got *
open_call(const char *path, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response, bool only)
{
	struct got *got = calloc(1, sizeof(*got));
	struct rpc_stream_config config = {
	    .path = path, .response = response, .self = got, .message = got_message, .ended = got_end};
	struct why why;

	assert_non_null(got);
	got->arena.max_bytes = 64u << 20;
	if (rpc_stream_open(client, &config, request, only, &got->stream, &why) != OK)
		fail_msg("open: %s", why.text);
	return got;
}

struct got *
call(const char *path, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response)
{
	return open_call(path, request, response, true);
}

struct got *
talk(const char *path, const ProtobufCMessage *first, const ProtobufCMessageDescriptor *response)
{
	return open_call(path, first, response, false);
}

void
got_free(struct got *got)
{
	arena_reset(&got->arena);
	free(got);
}

void
got_ended(struct got *got, int code, const char *words)
{
	UNTIL(loop, got->ended);
	if (got->status.code != code || (words != NULL && strstr(got->status.message, words) == NULL))
		fail_msg("status %d \"%s\" instead of %d \"%s\"", got->status.code, got->status.message, code, words);
}

void
call_fails(const char *path, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response, int code,
    const char *words)
{
	struct got *got = call(path, request, response);

	got_ended(got, code, words);
	got_free(got);
}

/* ---- the house around it ---- */

static int
listener(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	port = ntohs(at.sin_port);
	return fd;
}

static void
connect_client(void)
{
	char endpoint[64];
	struct rpc_client_config config = {.loop = loop,
	    .endpoint = endpoint,
	    .user_agent = "test",
	    .ca_pem = pki.ca,
	    .certificate_pem = pki.client,
	    .key_pem = pki.client_key};
	struct why why;

	snprintf(endpoint, sizeof(endpoint), "%s://127.0.0.1:%u", pki.ca == NULL ? "http" : "https", port);
	if (rpc_client_new(&client, &config, &why) != OK)
		fail_msg("client: %s", why.text);
}

/* Begin (again) as that process, with the key that api knows. */
static void
actor_begin(struct actor *actor, enum role role, const char *name, const struct actor *before)
{
	char endpoint[128];
	struct why why;

	actor_init(actor, loop, role, name);
	if (before != NULL) {
		actor->secret = before->secret;
		memcpy(actor->key, before->key, sizeof(actor->key));
	}
	actor_join(actor, ROLE_API, "api", daemon_.key);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/%s/bus", directory, name);
	if (curve_bind(actor->curve, endpoint, false, &why) != OK)
		fail_msg("%s", why.text);
	chmod(endpoint + 6, 0777);
}

void
actor_restart(struct actor *actor, enum role role, const char *name)
{
	struct actor before = *actor;

	actor_begin(actor, role, name, &before);
	actor_wait_up(actor, 1);
}

/* Who answers, even that it takes no such message, has heard our welcome before and counts us as there. */
static void
relay_is_known(void)
{
	const struct msg m = {.id = EXEC_STARTED, .exec_started = {.pid = 1}};

	assert_int_equal(ask_now(relay.peer, &m), ERR_UNIMPLEMENTED);
}

static void
start(const char *settings)
{
	char text[2048], of_state[256], of_relay[256];

	snprintf(text, sizeof(text), "process: api\n%sroster:\n%s%s", settings,
	    roster_yaml(&state, "state", "ipc:///state/bus", of_state),
	    roster_yaml(&relay, "relay", "ipc:///relay/bus", of_relay));
	daemon_.listen_fd = listener();
	daemon_start(&daemon_, program, directory, text);
	close(daemon_.listen_fd);
	assert_string_equal(daemon_.words, "ready\n");
	actor_wait_up(&state, 1);
	actor_wait_up(&relay, 1);
	relay_is_known();
	connect_client();
}

void
house_open(const char *settings)
{
	char path[128];
	struct why why;

	if (pki.ca == NULL)
		directory_make(directory);
	snprintf(path, sizeof(path), "%s/state", directory);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/relay", directory);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(loop_new(&loop, &why), OK);
	daemon_keys(&daemon_);
	actor_begin(&state, ROLE_STATE, "state", NULL);
	actor_begin(&relay, ROLE_RELAY, "relay", NULL);
	start(settings);
}

void
house_close(void)
{
	rpc_client_free(client);
	daemon_stop(&daemon_);
	assert_int_equal(child_exit_code(daemon_.status), 0);
	actor_done(&state);
	actor_done(&relay);
	loop_free(loop);
	directory_remove(directory);
}

void
until_healthy(void)
{
	Openshell__V1__HealthRequest health = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	uint64_t end = clock_ms() + PATIENCE_MS;
	bool well = false;

	while (!well && clock_ms() < end) {
		struct got *got = call(OPENSHELL "Health", &health.base, &openshell__v1__health_response__descriptor);

		got_ended(got, 0, NULL);
		well = ((Openshell__V1__HealthResponse *)got->messages[0])->status == 1;
		got_free(got);
	}
	assert_true(well);
}

int
setup(void **unused)
{
	(void)unused;
	house_open("tls: false\nallow_unauthenticated: true\n");
	until_healthy();
	return 0;
}

int
teardown(void **unused)
{
	(void)unused;
	house_close();
	return 0;
}

/* ---- a sandbox, its watches and its commands ---- */

static struct msg_condition conditions[] = {
    {SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE, 1700000000123},
    {SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE, 0},
};
static struct span labels[1];

struct msg
row(uint8_t phase)
{
	labels[0] = SPAN("team=red");
	conditions[0].type = SPAN("Ready");
	conditions[0].status = phase == 2 ? SPAN("True") : SPAN("False");
	conditions[0].reason = phase == 2 ? SPAN("DependenciesReady") : SPAN("DependenciesNotReady");
	conditions[0].message = SPAN("words");
	conditions[1].type = SPAN("Wall.seccomp");
	conditions[1].status = SPAN("True");
	conditions[1].reason = SPAN("Enforced");
	return (struct msg){.id = SANDBOX_ROW,
	    .sandbox_row = {.sandbox = sandbox,
		.name = SPAN("demo"),
		.workspace = SPAN("default"),
		.labels = labels,
		.labels_n = 1,
		.created_ms = 1700000000000,
		.resource_version = 7,
		.phase = phase,
		.epoch = 1,
		.exit_code = 256,
		.policy_version = 1,
		.conditions = conditions,
		.conditions_n = 2}};
}

const Openshell__V1__Sandbox *
sandbox_of(const struct got *got, size_t i)
{
	const Openshell__V1__SandboxStreamEvent *event;

	assert_in_range(i, 0, got->n - 1);
	if (got->messages[i]->descriptor == &openshell__v1__sandbox_response__descriptor)
		return ((const Openshell__V1__SandboxResponse *)got->messages[i])->sandbox;
	event = (const Openshell__V1__SandboxStreamEvent *)got->messages[i];
	assert_int_equal(event->payload_case, OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX);
	return event->sandbox;
}

struct got *
watch(Openshell__V1__WatchSandboxRequest *request, const struct msg *tail, uint64_t *number, uint8_t phase)
{
	const struct msg answer = row(phase);
	struct heard *heard;
	struct got *got;

	request->id = id_text(sandbox);
	got = call(OPENSHELL "WatchSandbox", &request->base, &openshell__v1__sandbox_stream_event__descriptor);
	if (tail != NULL)
		actor_answer(&state, LOGS_GET, tail);
	heard = actor_hear(&state, WATCH_OPEN);
	assert_int_equal(heard->msg.watch_open.logs, tail != NULL);
	assert_int_equal(heard->msg.watch_open.after, tail == NULL ? 0 : tail->logs.newest);
	*number = heard->msg.watch_open.watch;
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	return got;
}

struct got *
exec_ask(Openshell__V1__ExecSandboxRequest *request, uint8_t phase)
{
	char *command[] = {(char *)"cat", (char *)"-"};
	const struct msg answer = row(phase);
	struct got *got;

	request->sandbox_id = id_text(sandbox);
	request->command = command;
	request->n_command = 2;
	got = call(OPENSHELL "ExecSandbox", &request->base, &openshell__v1__exec_sandbox_event__descriptor);
	actor_answer(&state, SANDBOX_GET, &answer);
	return got;
}

uint64_t
exec_started(void)
{
	const struct msg answer = {.id = EXEC_STARTED, .exec_started = {42}};
	struct heard *heard = actor_hear(&relay, EXEC_START);
	uint64_t stream = heard->msg.exec_start.stream;

	reply_send(&heard->reply, &answer);
	heard_free(heard);
	return stream;
}

void
exec_exit(uint64_t stream, uint16_t code)
{
	const struct msg m = {.id = EXEC_EXITED, .exec_exited = {stream, code, SPAN("because")}};

	tell(relay.peer, &m);
}

void
stream_bytes(uint64_t stream, uint8_t channel, uint64_t offset, const char *bytes, size_t n)
{
	const struct msg m = {.id = STREAM_DATA, .stream_data = {stream, channel, offset, span_of_bytes(bytes, n)}};

	tell(relay.peer, &m);
}

void
stream_over(uint64_t stream, uint8_t channel, uint64_t offset)
{
	const struct msg m = {.id = STREAM_END, .stream_end = {stream, channel, offset}};

	tell(relay.peer, &m);
}

void
stream_credit(uint64_t stream, uint8_t channel, uint64_t limit)
{
	const struct msg m = {.id = STREAM_GRANT, .stream_grant = {stream, channel, limit}};

	tell(relay.peer, &m);
}

static void
feed_hear(struct feed *feed)
{
	struct heard *heard;

	while ((heard = actor_heard(&relay, STREAM_GRANT)) != NULL) {
		if (heard->msg.stream_grant.stream == feed->stream && heard->msg.stream_grant.channel == 1)
			feed->limit = heard->msg.stream_grant.limit;
		heard_free(heard);
	}
}

void
feed_until(struct feed *feed, uint64_t all, size_t piece, unsigned quiet_ms)
{
	static const char bytes[STREAM_CHUNK_BYTES];
	uint64_t until = clock_ms() + quiet_ms;
	struct why why;

	while (feed->sent < all && clock_ms() < until) { /* that no credit comes can only be waited out */
		uint64_t room = feed->limit > feed->sent ? feed->limit - feed->sent : 0, n = all - feed->sent;

		n = n > room ? room : n;
		n = n > piece ? piece : n;
		if (n > 0) {
			stream_bytes(feed->stream, 1, feed->sent, bytes, n);
			feed->sent += n;
			until = clock_ms() + quiet_ms;
		} else {
			assert_int_equal(loop_turn(loop, 5, &why), OK);
		}
		feed_hear(feed);
	}
}

void
health_and_user(void **unused)
{
	Openshell__V1__HealthRequest health = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	Openshell__V1__GetCurrentUserRequest user = OPENSHELL__V1__GET_CURRENT_USER_REQUEST__INIT;
	struct got *got = call(OPENSHELL "Health", &health.base, &openshell__v1__health_response__descriptor);
	const Openshell__V1__GetCurrentUserResponse *who;

	(void)unused;
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__HealthResponse *)got->messages[0])->status, 1);
	got_free(got);
	got = call(OPENSHELL "GetCurrentUser", &user.base, &openshell__v1__get_current_user_response__descriptor);
	got_ended(got, 0, NULL);
	who = (const Openshell__V1__GetCurrentUserResponse *)got->messages[0];
	assert_string_equal(who->subject, "unauthenticated-local-dev");
	assert_int_equal(who->n_roles, 2);
	got_free(got);
}
