/* proxy and router together: the decision vectors of credentials (302 to 313) over real sockets, from TLS to TLS. */
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/bus/channel.h"
#include "common/leg/openssl.h"
#include "common/provider/places.h"
#include "common/seal/bundle_box.h"
#include "common/wire/base64.h"
#include "tests/bus/proxy_stage.h"
#include "tests/bus/proxy_tls.h"

#define SECRET "the/secret of+it"
#define MARK   "openshell:resolve:env:"

static const char *router_program;
static struct actor router_supervisor;
static struct child router_child;
static struct secret router_secret, credentials_secret;
static uint8_t router_key[32], credentials_key[32];

/* ---- the router beside the proxy ---- */

static void
router_start(void)
{
	struct msg m = {.id = ROUTER_SETUP,
	    .router_setup = {.sandbox = {{7}},
		.epoch = 3,
		.box_key = span_of_bytes(router_secret.bytes, 32),
		.credentials_key = span_of_bytes(credentials_key, 32)},
	    .fds = {anchors_fd},
	    .fds_n = 1};

	actor_init(&router_supervisor, loop, ROLE_SUPERVISOR, "supervisor");
	supervised_start(&router_supervisor, &router_child, router_program, "router", ROLE_ROUTER);
	assert_int_equal(ask_now(router_supervisor.peer, &m), OK);
}

/* Each of both gets an end. */
static void
introduce(void)
{
	struct msg to_proxy = {.id = CHANNEL_GIVE, .channel_give = {ROLE_ROUTER}, .fds_n = 1};
	struct msg to_router = {.id = CHANNEL_GIVE, .channel_give = {ROLE_PROXY}, .fds_n = 1};
	struct why why;

	assert_int_equal(channel_pair(&to_proxy.fds[0], &to_router.fds[0], &why), OK);
	assert_int_equal(ask_now(supervisor.peer, &to_proxy), OK);
	assert_int_equal(ask_now(router_supervisor.peer, &to_router), OK);
	close(to_proxy.fds[0]);
	close(to_router.fds[0]);
}

static void
secrets_push(uint16_t port)
{
	static struct span tokens[][1] = {{SPAN("v1_TOK")}, {SPAN("v1_OTHER")}, {SPAN("v1_LINE")}, {SPAN("v1_DOTS")}};
	struct msg_binding up[] = {{SPAN("up.test"), port, SPAN("/repos/**")}},
			   other[] = {{SPAN("other.test"), port, SPAN_NONE}};
	struct msg_secret_entry entries[] = {
	    {.slot = SPAN("TOK"),
		.tokens = tokens[0],
		.tokens_n = 1,
		.places = SECRET_ANYWHERE,
		.value = SPAN(SECRET),
		.bindings = up,
		.bindings_n = 1},
	    {.slot = SPAN("OTHER"),
		.tokens = tokens[1],
		.tokens_n = 1,
		.places = SECRET_ANYWHERE,
		.value = SPAN("x"),
		.bindings = other,
		.bindings_n = 1},
	    {.slot = SPAN("MODEL"), /* of an inference backend: nothing an agent can write */
		.places = SECRET_ANYWHERE,
		.value = SPAN("model-key"),
		.bindings = other,
		.bindings_n = 1},
	    {.slot = SPAN("LINE"),
		.tokens = tokens[2],
		.tokens_n = 1,
		.places = SECRET_ANYWHERE,
		.value = SPAN("a\r\nb: c"),
		.bindings = up,
		.bindings_n = 1},
	    {.slot = SPAN("DOTS"),
		.tokens = tokens[3],
		.tokens_n = 1,
		.places = SECRET_ANYWHERE,
		.value = SPAN("a/../b"),
		.bindings = up,
		.bindings_n = 1},
	};
	const struct msg_bundle bundle = {
	    .sandbox = {{7}}, .epoch = 3, .revision = 1, .chunks = 1, .entries = entries, .entries_n = COUNT(entries)};
	struct msg m = {.id = SECRETS_PUSH, .secrets_push = {.sandbox = {{7}}, .epoch = 3, .revision = 1, .chunks = 1}};
	uint8_t clear[8192], box[8192];
	struct heard *heard;
	size_t length;
	struct why why;

	assert_true(bundle_clear_bytes(&bundle) <= sizeof(clear));
	assert_int_equal(bundle_box_make(&bundle, router_key, &credentials_secret, clear, box, &length, &why), OK);
	m.secrets_push.box = span_of_bytes(box, length);
	tell(router_supervisor.peer, &m);
	heard = actor_hear(&router_supervisor, SECRETS_APPLIED);
	assert_true(heard->msg.secrets_applied.loaded);
	heard_free(heard);
}

static int
begin(void **unused)
{
	setup(unused);
	crypto_box_keypair(router_key, router_secret.bytes);
	crypto_box_keypair(credentials_key, credentials_secret.bytes);
	router_start();
	introduce();
	return 0;
}

static int
end(void **unused)
{
	actor_done(&router_supervisor);
	assert_int_equal(child_exit_code(child_wait(&router_child)), 0);
	child_done(&router_child);
	return teardown(unused);
}

/* ---- one request ---- */

struct agent {
	struct tls_client tls;
	int fd, far; /* far: the way that the proxy has tried for itself */
};

static void
agent_open(struct agent *agent, int server)
{
	struct msg yes = judgement(true);

	yes.connection_judged.inspect = true;
	agent->fd = tunnel(&yes, server, &agent->far);
	tls_client_begin(&agent->tls, agent->fd, pem_bytes, "up.test", "up.test", "http/1.1");
	while (tls_client_step(&agent->tls) == ERR_MORE)
		until_readable(agent->fd);
	assert_string_equal(agent->tls.failure, "");
}

static void
agent_close(struct agent *agent)
{
	tls_client_end(&agent->tls);
	close(agent->fd);
	close(agent->far);
}

/* Policyd is asked about this path, and lets it pass. */
static void
let_pass(const char *path, const struct msg_verdict *more)
{
	struct heard *heard = actor_hear(&policyd, REQUESTS_JUDGE);
	struct msg_verdict verdict = *more;
	struct msg answer = {.id = REQUESTS_JUDGED, .requests_judged = {.verdicts = &verdict, .verdicts_n = 1}};

	verdict.request = heard->msg.requests_judge.questions[0].request;
	verdict.what = 1;
	assert_true(span_is(heard->msg.requests_judge.questions[0].path, path));
	assert_null(memmem(heard->bytes, 64, MARK, sizeof(MARK) - 1));
	reply_send(&heard->reply, &answer);
	heard_free(heard);
}

/* What the server reads up to this, and then says. */
static void
server_expect(int server, const char *want)
{
	auto_fd int fd = accepted(server);
	struct tls_client world = {0};

	tls_server_begin(&world, fd, "up.test");
	while (tls_client_step(&world) == ERR_MORE)
		until_readable(fd);
	assert_string_equal(world.failure, "");
	tls_expect(&world, want, until_readable);
	tls_say(&world, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	tls_client_end(&world);
}

static const struct {
	int number;
	const char *line, *fields, *body;
	const char *path; /* as it is judged; NULL: refused before */
	const char *want; /* of the server; NULL: refused */
	const char *answer;
} vectors[] = {
    {302, "GET /repos/o", "Authorization: Bearer " MARK "v1_TOK\r\n", "", "/repos/o", "GET /repos/o HTTP/1.1\r\n",
	"HTTP/1.1 200 "},
    {303, "GET /repos/o", NULL, "", "/repos/o", "GET /repos/o HTTP/1.1\r\n", "HTTP/1.1 200 "},
    {304, "GET /repos/o", "X-Key: prefix-" MARK "v1_TOK\r\n", "", NULL, NULL, "HTTP/1.1 403 "},
    {305, "GET /repos/o?k=" MARK "v1_TOK", "", "", "/repos/o", "GET /repos/o?k=the%2Fsecret%20of%2Bit HTTP/1.1\r\n",
	"HTTP/1.1 200 "},
    {306, "GET /repos/o?" MARK "v1_TOK=1", "", "", NULL, NULL, "HTTP/1.1 403 "},
    {307, "GET /repos/o", "Authorization: Bearer " MARK "v1_OTHER\r\n", "", "/repos/o", NULL, "HTTP/1.1 403 "},
    {307, "GET /elsewhere", "Authorization: Bearer " MARK "v1_TOK\r\n", "", "/elsewhere", NULL, "HTTP/1.1 403 "},
    {308, "GET /repos/o", "Authorization: Bearer " MARK "v1_NONE\r\n", "", NULL, NULL, "HTTP/1.1 403 "},
    {309, "GET /repos/o", "Authorization: Bearer " MARK "TOK\r\n", "", NULL, NULL, "HTTP/1.1 403 "},
    {310, "POST /repos/o", "Content-Type: application/json\r\nContent-Length: 36\r\n", "{\"a\":\"" MARK "v1_TOK\"}",
	"/repos/o", NULL, "HTTP/1.1 403 "},
    {311, "GET /repos/o", "Authorization: Bearer " MARK "v1_LINE\r\n", "", "/repos/o", NULL, "HTTP/1.1 403 "},
    {312, "GET /repos/" MARK "v1_DOTS", "", "", "/repos/[CREDENTIAL]", NULL, "HTTP/1.1 403 "},
};

static void
ask_vector(size_t i, int server)
{
	char request[1024], letters[128], basic[256];
	const char *fields = vectors[i].fields;
	const struct msg_verdict plain = {0};
	struct agent agent = {0};

	if (fields == NULL) {
		size_t n = base64_write(SPAN("u:" MARK "v1_TOK"), letters);

		snprintf(basic, sizeof(basic), "Authorization: Basic %.*s\r\n", (int)n, letters);
		fields = basic;
	}
	print_message("vector %d %s\n", vectors[i].number, vectors[i].line);
	agent_open(&agent, server);
	snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: up.test:%u\r\n%s\r\n%s", vectors[i].line,
	    port_of(server), fields, vectors[i].body);
	tls_say(&agent.tls, request);
	if (vectors[i].path != NULL)
		let_pass(vectors[i].path, &plain);
	if (vectors[i].number == 310) { /* it goes the usual way until the placeholder is met */
		struct tls_client world = {0};

		tls_server_begin(&world, agent.far, "up.test");
		while (tls_client_step(&world) == ERR_MORE)
			until_readable(agent.far);
		tls_client_end(&world);
	}
	if (vectors[i].want != NULL)
		server_expect(server, vectors[i].want);
	tls_expect(&agent.tls, vectors[i].answer, until_readable);
	agent_close(&agent);
}

static void
vectors_of_credentials(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM);

	(void)unused;
	secrets_push(port_of(server));
	for (size_t i = 0; i < COUNT(vectors); i++)
		ask_vector(i, server);
	expect_event("openshell.provider_credential.endpoint_mismatch");
}

/* What arrives is the value, and nothing that the agent wrote in its place. */
static void
the_value_arrives(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), fd = -1;
	const struct msg_verdict body = {.rewrite_body = true};
	struct tls_client world = {0};
	struct agent agent = {0};
	char request[512], bytes[1024] = "";
	size_t got = 0;

	(void)unused;
	secrets_push(port_of(server));
	agent_open(&agent, server);
	snprintf(request, sizeof(request),
	    "POST /repos/o HTTP/1.1\r\nHost: up.test:%u\r\nX-Key: " MARK "v1_TOK\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 34\r\n\r\nit is " MARK "v1_TOK",
	    port_of(server));
	tls_say(&agent.tls, request);
	let_pass("/repos/o", &body);
	fd = accepted(server);
	tls_server_begin(&world, fd, "up.test");
	while (tls_client_step(&world) == ERR_MORE)
		until_readable(fd);
	while (strstr(bytes, "it is " SECRET) == NULL) {
		int n = SSL_read(world.ssl, bytes + got, (int)(sizeof(bytes) - 1 - got));

		if (n > 0)
			got += (size_t)n;
		else if (SSL_get_error(world.ssl, n) == SSL_ERROR_WANT_READ)
			until_readable(fd);
		else
			fail_msg("TLS ended");
		bytes[got] = '\0';
	}
	assert_non_null(strstr(bytes, "x-key: " SECRET "\r\n"));
	assert_non_null(strcasestr(bytes, "\r\ncontent-length: 22\r\n"));
	assert_null(strstr(bytes, MARK));
	tls_say(&world, "HTTP/1.1 204 No Content\r\n\r\n");
	tls_expect(&agent.tls, "HTTP/1.1 204 ", until_readable);
	tls_client_end(&world);
	agent_close(&agent);
}

/* Vector 313. */
static void
nothing_passes_unread_where_credentials_may_go(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1, fd2 = -1;
	struct msg skip = judgement(true), bytes_only = judgement(true);
	char target[64], bytes[4096];

	(void)unused;
	skip.connection_judged.tls_skip = skip.connection_judged.credentials = true;
	bytes_only.connection_judged.credentials = true;
	snprintf(target, sizeof(target), "up.test:%u", port_of(server));
	fd = connect_to(target);
	judge("up.test", port_of(server), &skip);
	read_all(fd, bytes, sizeof(bytes));
	assert_memory_equal(bytes, "HTTP/1.1 403 Forbidden\r\n", 24);
	assert_non_null(strstr(bytes, "{\"error\":\"uninspected_credentials\""));
	fd2 = tunnel(&bytes_only, server, &far);
	say(fd2, "\x01\x02 nothing that is known");
	read_all(fd2, bytes, sizeof(bytes));
	assert_non_null(strstr(bytes, "{\"error\":\"uninspected_credentials\""));
	expect_event("openshell.credentials.traffic_uninspectable");
}

/* The router dies: what is under way fails, what comes then waits for nothing; the next router serves. */
static void
the_router_dies(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM);
	const struct msg_verdict plain = {0};
	struct agent agent = {0};
	char request[256];

	(void)unused;
	secrets_push(port_of(server));
	agent_open(&agent, server);
	actor_done(&router_supervisor);
	assert_int_equal(child_exit_code(child_wait(&router_child)), 0);
	child_done(&router_child);
	snprintf(request, sizeof(request), "GET /repos/o HTTP/1.1\r\nHost: up.test:%u\r\nX-Key: " MARK "v1_TOK\r\n\r\n",
	    port_of(server));
	tls_say(&agent.tls, request);
	let_pass("/repos/o", &plain);
	tls_expect(&agent.tls, "HTTP/1.1 503 ", until_readable);
	agent_close(&agent);
	router_start();
	introduce();
	secrets_push(port_of(server));
	agent_open(&agent, server);
	tls_say(&agent.tls, request);
	let_pass("/repos/o", &plain);
	server_expect(server, "GET /repos/o HTTP/1.1\r\n");
	tls_expect(&agent.tls, "HTTP/1.1 200 ", until_readable);
	agent_close(&agent);
}

/* ---- by the operator's proxy ---- */

static int company;

static int
begin_onward(void **unused)
{
	company = onward_bound();
	return begin(unused);
}

static int
end_onward(void **unused)
{
	close(company);
	stage_onward = NULL;
	return end(unused);
}

static void
backend_set(const char *host, uint16_t port)
{
	struct span protocols[] = {SPAN("openai_chat_completions")};
	struct msg_inference_backend backend = {.slot = SPAN("MODEL"),
	    .route = SPAN("inference.local"),
	    .provider = SPAN("openai"),
	    .protocols = protocols,
	    .protocols_n = 1,
	    .tls = true,
	    .host = span_of_text(host),
	    .port = port,
	    .model = SPAN("m"),
	    .auth = 1,
	    .timeout_ms = 60000};
	const struct msg m = {
	    .id = INFERENCE_SET, .inference_set = {.revision = 1, .backends = &backend, .backends_n = 1}};

	assert_int_equal(ask_now(supervisor.peer, &m), OK);
}

static void
model_ask(struct agent *agent)
{
	agent->fd = connect_to("inference.local:443");
	expect_bytes(agent->fd, "HTTP/1.1 200 Connection Established\r\n\r\n");
	tls_client_begin(&agent->tls, agent->fd, pem_bytes, "inference.local", "inference.local", "http/1.1");
	while (tls_client_step(&agent->tls) == ERR_MORE)
		until_readable(agent->fd);
	assert_string_equal(agent->tls.failure, "");
	tls_say(
	    &agent->tls, "POST /v1/chat/completions HTTP/1.1\r\nHost: inference.local\r\nContent-Length: 2\r\n\r\n{}");
}

static void
model_answers(int fd)
{
	struct tls_client world = {0};

	tls_server_begin(&world, fd, "other.test");
	while (tls_client_step(&world) == ERR_MORE)
		until_readable(fd);
	assert_string_equal(world.failure, "");
	tls_expect(&world, "POST /v1/chat/completions HTTP/1.1\r\n", until_readable);
	tls_say(&world, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	tls_client_end(&world);
}

/* Model calls go by it as other TLS does, with its login; refused there they are refused, and dialled nowhere. */
static void
model_calls_go_by_the_operators_proxy(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), asked = -1, refused = -1;
	struct agent agent = {0}, second = {0};

	(void)unused;
	secrets_push(port_of(server));
	backend_set("other.test", port_of(server));
	model_ask(&agent);
	asked = onward_accepted(company, port_of(server));
	model_answers(asked);
	tls_expect(&agent.tls, "HTTP/1.1 200 ", until_readable);
	expect_event("INFERENCE answered");
	tls_client_end(&agent.tls);
	close(agent.fd);
	close(fd_take(&asked));
	model_ask(&second);
	refused = accepted(company);
	until_readable(refused);
	say(refused, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	tls_expect(&second.tls, "HTTP/1.1 503 ", until_readable);
	expect_event("INFERENCE failed");
	tls_client_end(&second.tls);
	close(second.fd);
	assert_int_equal(accept4(server, NULL, NULL, SOCK_NONBLOCK), -1);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    TEST(vectors_of_credentials),
	    TEST(the_value_arrives),
	    TEST(nothing_passes_unread_where_credentials_may_go),
	    TEST(the_router_dies),
	    cmocka_unit_test_setup_teardown(model_calls_go_by_the_operators_proxy, begin_onward, end_onward),
	};

	if (argc < 3 || !stage_begin(2, argv))
		return 2;
	router_program = argv[2];
	if (argc > 3)
		cmocka_set_test_filter(argv[3]);
	if (sodium_init() < 0)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
