/* The stage of the tests of router: begun and ended around each test. */
#include "tests/unit/test.h"

#include "tests/bus/router_stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "common/leg/openssl.h"
#include "common/seal/bundle_box.h"
#include "common/provider/places.h"

struct loop *loop;
struct actor supervisor, proxy;
struct child child;
const struct id own_sandbox = {{7}};

static const char *program;
static int anchors_fd;
static char *pem;
static struct secret router_secret, credentials_secret, stranger_secret;
static uint8_t router_key[32], credentials_key[32];

/* ---- secrets ---- */

static void
box(struct push *push, const struct msg_bundle *bundle, const struct secret *from)
{
	size_t room = bundle_clear_bytes(bundle), length;
	uint8_t *clear = malloc(room);
	struct why why;

	assert_true(room + BUNDLE_BOX_OVERHEAD <= sizeof(push->box));
	if (bundle_box_make(bundle, router_key, from, clear, push->box, &length, &why) != OK)
		fail_msg("%s", why.text);
	free(clear);
	push->msg.secrets_push.box = span_of_bytes(push->box, length);
}

static void
make(struct push *push, uint64_t revision, uint16_t chunk, uint16_t chunks, const struct msg_secret_entry *entries,
    size_t n, const struct secret *from)
{
	const struct msg_bundle bundle = {.sandbox = own_sandbox,
	    .epoch = OWN_EPOCH,
	    .revision = revision,
	    .chunk = chunk,
	    .chunks = chunks,
	    .entries = (struct msg_secret_entry *)(uintptr_t)entries,
	    .entries_n = n};

	push->msg = (struct msg){.id = SECRETS_PUSH,
	    .secrets_push = {
		.sandbox = own_sandbox, .epoch = OWN_EPOCH, .revision = revision, .chunk = chunk, .chunks = chunks}};
	box(push, &bundle, from);
}

void
push_make(struct push *push, uint64_t revision, uint16_t chunk, uint16_t chunks, const struct msg_secret_entry *entries,
    size_t n)
{
	make(push, revision, chunk, chunks, entries, n, &credentials_secret);
}

void
push_forge(struct push *push, uint64_t revision, const struct msg_secret_entry *entries, size_t n)
{
	make(push, revision, 0, 1, entries, n, &stranger_secret);
}

void
push_send(const struct push *push)
{
	tell(supervisor.peer, &push->msg);
}

void
secrets_send(uint64_t revision, uint16_t port)
{
	static struct span tokens[][2] = {{SPAN("v5_TOK"), SPAN("s_TOK")}, {SPAN("v5_OTHER")}, {SPAN("v5_OLD")},
	    {SPAN("v5_LINE")}, {SPAN("v5_DOTS")}, {SPAN("v5_SEEN")}};
	struct msg_binding up[] = {{SPAN("*.test"), port, SPAN("/repos/**")}},
			   other[] = {{SPAN("other.test"), port, SPAN_NONE}},
			   all[] = {{SPAN("up.test"), port, SPAN_NONE}};
	struct msg_secret_entry entries[] = {
	    {.slot = SPAN("TOK"),
		.tokens = tokens[0],
		.tokens_n = 2,
		.value = SPAN(CANARY),
		.bindings = up,
		.bindings_n = 1,
		.places = SECRET_ANYWHERE},
	    {.slot = SPAN("OTHER"),
		.tokens = tokens[1],
		.tokens_n = 1,
		.value = SPAN(OTHER),
		.bindings = other,
		.bindings_n = 1,
		.places = SECRET_ANYWHERE},
	    {.slot = SPAN("OLD"),
		.tokens = tokens[2],
		.tokens_n = 1,
		.value = SPAN("x"),
		.bindings = all,
		.bindings_n = 1,
		.expires_ms = 1,
		.places = SECRET_ANYWHERE},
	    {.slot = SPAN("LINE"),
		.tokens = tokens[3],
		.tokens_n = 1,
		.value = SPAN("a\r\nb: c"),
		.bindings = all,
		.bindings_n = 1,
		.places = SECRET_ANYWHERE},
	    {.slot = SPAN("DOTS"),
		.tokens = tokens[4],
		.tokens_n = 1,
		.value = SPAN("a/../b"),
		.bindings = all,
		.bindings_n = 1,
		.places = SECRET_ANYWHERE},
	    {.slot = SPAN("SEEN"),
		.tokens = tokens[5],
		.tokens_n = 1,
		.value = SPAN("visible-secret"),
		.bindings = all,
		.bindings_n = 1,
		.redact = true,
		.places = SECRET_ANYWHERE},
	    {.slot = SPAN("openai"),
		.value = SPAN("backend-key"),
		.bindings = all,
		.bindings_n = 1,
		.plain = true,
		.places = SECRET_IN_FIELD},
	};
	struct push push;

	push_make(&push, revision, 0, 1, entries, sizeof(entries) / sizeof(entries[0]));
	push_send(&push);
}

void
expect_applied(uint64_t revision, bool loaded, const char *words)
{
	struct heard *heard = actor_hear(&supervisor, SECRETS_APPLIED);
	const struct msg_secrets_applied *in = &heard->msg.secrets_applied;
	char text[600];

	assert_int_equal(in->revision, revision);
	span_copy(in->message, text, sizeof(text));
	if (in->loaded != loaded || (words != NULL && strstr(text, words) == NULL))
		fail_msg("loaded %d: %s", in->loaded, text);
	assert_null(strstr(text, CANARY));
	heard_free(heard);
}

/* ---- the proxy ---- */

size_t
slots_hear(uint64_t revision)
{
	size_t n = 0;

	for (bool last = false; !last;) {
		struct heard *heard = actor_hear(&proxy, SLOTS);

		assert_int_equal(heard->msg.slots.revision, revision);
		n += heard->msg.slots.tokens_n;
		last = heard->msg.slots.last;
		if (last)
			reply_send(&heard->reply, &(struct msg){.id = DONE});
		heard_free(heard);
	}
	return n;
}

void
proxy_give(void)
{
	struct msg m = {.id = CHANNEL_GIVE, .channel_give = {ROLE_PROXY}, .fds_n = 1};
	struct peer *peer;
	int ours, theirs;
	struct why why;

	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	m.fds[0] = theirs;
	tell(supervisor.peer, &m);
	close(theirs);
	assert_int_equal(channel_open(&proxy.bus, ROLE_ROUTER, "router", ours, &peer, &why), OK);
}

void
request_begin(struct request_script *s, uint64_t stream, uint16_t port)
{
	*s = (struct request_script){0};
	s->path[0].literal = SPAN("/repos/x");
	s->authorization[0].literal = SPAN("Bearer ");
	s->authorization[1] = (struct msg_piece){.slot = SPAN("v5_TOK"), .place = 1};
	s->fields[0] = (struct msg_route_field){SPAN("authorization"), s->authorization, 2};
	s->addresses[0] = SPAN("127.0.0.1");
	s->msg = (struct msg){.id = ROUTE_OPEN,
	    .route_open = {.stream = stream,
		.host = SPAN("up.test"),
		.port = port,
		.addresses = s->addresses,
		.addresses_n = 1,
		.method = SPAN("GET"),
		.path = s->path,
		.path_n = 1,
		.query = s->query,
		.fields = s->fields,
		.fields_n = 1,
		.tls = true}};
}

void
request_field(struct request_script *s, const char *name, const char *value)
{
	size_t n = s->msg.route_open.fields_n++;

	s->more[n].literal = span_of_text(value);
	s->fields[n] = (struct msg_route_field){span_of_text(name), &s->more[n], 1};
}

void
grant(uint64_t stream, uint8_t channel, uint64_t limit)
{
	const struct msg m = {.id = STREAM_GRANT, .stream_grant = {stream, channel, limit}};

	tell(proxy.peer, &m);
}

void
request_send(struct request_script *s)
{
	tell(proxy.peer, &s->msg);
	grant(s->msg.route_open.stream, 1, 256 << 10);
}

static void
expect_end(uint64_t stream, const char *code)
{
	struct heard *heard = actor_hear(&proxy, ROUTE_END);
	char text[600];

	assert_int_equal(heard->msg.route_end.stream, stream);
	span_copy(heard->msg.route_end.reason, text, sizeof(text));
	if (!span_is(heard->msg.route_end.code, code))
		fail_msg("ended with %.*s: %s", SPAN_ARGS(heard->msg.route_end.code), text);
	assert_null(strstr(text, CANARY));
	heard_free(heard);
}

void
expect_refusal(uint64_t stream, const char *code)
{
	expect_end(stream, code);
	assert_null(actor_heard(&proxy, ROUTE_HEAD));
}

void
expect_whole(uint64_t stream)
{
	expect_end(stream, "");
}

void
expect_head(uint64_t stream, unsigned status, const char *name, const char *value)
{
	struct heard *heard = actor_hear(&proxy, ROUTE_HEAD);
	const struct msg_route_head *in = &heard->msg.route_head;
	bool found = name == NULL;

	assert_int_equal(in->stream, stream);
	assert_int_equal(in->status, status);
	for (size_t i = 0; i < in->fields_n; i++)
		if (name != NULL && span_is(in->fields[i].name, name)) {
			assert_true(span_is(in->fields[i].value, value));
			found = true;
		}
	assert_true(found);
	heard_free(heard);
}

void
expect_answer(uint64_t stream, const char *text)
{
	for (size_t at = 0; at < strlen(text);) {
		struct heard *heard = actor_hear(&proxy, STREAM_DATA);
		struct span bytes = heard->msg.stream_data.bytes;

		assert_int_equal(heard->msg.stream_data.stream, stream);
		assert_int_equal(heard->msg.stream_data.channel, 1);
		if (!span_starts(span_of_text(text + at), bytes))
			fail_msg("not \"%s\" but \"%.*s\"", text + at, SPAN_ARGS(bytes));
		at += bytes.length;
		heard_free(heard);
	}
}

/* ---- the world ---- */

const char *
stage_trust(void)
{
	return pem;
}

void
until_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	for (uint64_t until = clock_ms() + PATIENCE_MS; poll(&one, 1, 0) == 0;) {
		struct why why;

		if (clock_ms() > until)
			fail_msg("nothing came on a socket");
		assert_int_equal(loop_turn(loop, 5, &why), OK);
	}
}

int
world_listen(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

void
world_accept(int listener, struct tls_client *world, const char *name)
{
	int fd;

	until_readable(listener);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fd >= 0);
	tls_server_begin(world, fd, name);
	while (tls_client_step(world) == ERR_MORE)
		until_readable(fd);
}

void
world_expect(struct tls_client *world, const char *text)
{
	tls_expect(world, text, until_readable);
}

void
world_read(struct tls_client *world, char *bytes, size_t n)
{
	for (size_t got = 0; got < n;) {
		int r = SSL_read(world->ssl, bytes + got, (int)(n - got));

		if (r > 0)
			got += (size_t)r;
		else if (SSL_get_error(world->ssl, r) == SSL_ERROR_WANT_READ)
			until_readable(world->fd);
		else
			fail_msg("TLS ended");
	}
}

void
world_say(struct tls_client *world, const char *text)
{
	tls_say(world, text);
}

/* ---- the stage ---- */

static void
router_start(void)
{
	const struct msg m = {.id = ROUTER_SETUP,
	    .fds = {anchors_fd},
	    .fds_n = 1,
	    .router_setup = {.sandbox = own_sandbox,
		.epoch = OWN_EPOCH,
		.box_key = span_of_bytes(router_secret.bytes, 32),
		.credentials_key = span_of_bytes(credentials_key, 32)}};

	supervised_start(&supervisor, &child, program, "router", ROLE_ROUTER);
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
}

int
setup_bare(void **unused)
{
	struct why why;

	(void)unused;
	assert_int_equal(loop_new(&loop, &why), OK);
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
	actor_init(&proxy, loop, ROLE_PROXY, "proxy");
	router_start();
	return 0;
}

void
router_again(void)
{
	child_done(&child);
	router_start();
}

int
setup(void **unused)
{
	setup_bare(unused);
	proxy_give();
	assert_int_equal(slots_hear(0), 0);
	return 0;
}

int
teardown(void **unused)
{
	(void)unused;
	actor_done(&supervisor);
	assert_int_equal(child_exit_code(child_wait(&child)), 0);
	child_done(&child);
	actor_done(&proxy);
	loop_free(loop);
	return 0;
}

bool
stage_begin(int argc, char **argv)
{
	if (argc < 2)
		return false;
	program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	tls_test_begin(&pem);
	anchors_fd = memfd_create("anchors", MFD_CLOEXEC);
	assert_int_equal(write(anchors_fd, pem, strlen(pem)), strlen(pem));
	crypto_box_keypair(router_key, router_secret.bytes);
	crypto_box_keypair(credentials_key, credentials_secret.bytes);
	randombytes_buf(stranger_secret.bytes, 32);
	return true;
}
