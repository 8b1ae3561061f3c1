/* The server's door: who gets in by TLS, what strangers' bytes get, and how a client says why it did not get in. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/rpc/client.h"
#include "common/wire/http_head.h"
#include "tests/unit/rpc/pki.h"
#include "tests/unit/rpc/service.h"

static struct pki pki;
static struct loop *loop;

static int
group_setup(void **state)
{
	(void)state;
	pki_make(&pki);
	return loop_new(&loop, NULL) == OK ? 0 : -1;
}

static int
group_teardown(void **state)
{
	(void)state;
	pki_free(&pki);
	loop_free(loop);
	return 0;
}

/* What a client says that tries to come in; "" when it is in and served. */
static void
try_client(struct rpc_client_config config, unsigned port, struct why *why)
{
	Openshell__V1__HealthRequest request = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	struct rpc_client *client;
	struct rpc_status status;
	ProtobufCMessage *answer;
	char endpoint[64];

	snprintf(endpoint, sizeof(endpoint), "%s:%u", config.endpoint, port);
	config.endpoint = endpoint;
	config.loop = loop;
	*why = (struct why){0};
	if (rpc_client_new(&client, &config, why) != OK)
		return;
	assert_int_equal(rpc_unary(client, PATH("Health"), &request.base, &openshell__v1__health_response__descriptor,
			     5000, &answer, &status),
	    OK);
	protobuf_c_message_free_unpacked(answer, NULL);
	rpc_client_free(client);
}

static void
expect(struct rpc_client_config config, unsigned port, const char *words)
{
	struct why why;

	try_client(config, port, &why);
	if ((words[0] == '\0') != (why.text[0] == '\0') || strstr(why.text, words) == NULL)
		fail_msg("wanted \"%s\", got \"%s\"", words, why.text);
}

static void
test_mutual_tls(void **state)
{
	struct service service = {0};
	unsigned port = service_open(&service,
	    (struct rpc_server_config){
		.loop = loop, .certificate_pem = pki.server, .key_pem = pki.server_key, .client_ca_pem = pki.ca});
	struct rpc_client_config good = {.endpoint = "https://localhost",
	    .ca_pem = pki.ca,
	    .certificate_pem = pki.client,
	    .key_pem = pki.client_key};
	struct rpc_client_config config = good;

	(void)state;
	expect(config, port, "");
	config.endpoint = "https://127.0.0.1";
	expect(config, port, "");
	config = good;
	config.certificate_pem = config.key_pem = NULL;
	expect(config, port, "a client certificate is required");
	config.certificate_pem = pki.stranger;
	config.key_pem = pki.stranger_key;
	expect(config, port, "TLS with localhost:");
	config.key_pem = pki.client_key;
	expect(config, port, "TLS of the client: private key: key values mismatch");
	config = good;
	config.ca_pem = pki.other_ca;
	expect(config, port, "certificate verify failed (unable to get local issuer certificate)");
	config.ca_pem = "nonsense";
	expect(config, port, "CA certificate");
	config.ca_pem = NULL; /* the system's store does not know it either */
	expect(config, port, "certificate verify failed");
	config.insecure = true;
	expect(config, port, "");
	expect((struct rpc_client_config){.endpoint = "http://localhost", .connect_timeout_ms = 2000}, port,
	    "; perhaps it wants https");
	rpc_server_free(service.server);
}

static void
test_server_tls(void **state)
{
	struct service service = {0};
	unsigned port = service_open(&service, (struct rpc_server_config){.loop = loop,
						   .certificate_pem = pki.client,
						   .key_pem = pki.client_key}); /* a certificate without names */
	struct rpc_client_config config = {.endpoint = "https://localhost", .ca_pem = pki.ca};

	(void)state;
	expect(config, port, "certificate verify failed (hostname mismatch)");
	config.endpoint = "https://127.0.0.1";
	expect(config, port, "certificate verify failed (IP address mismatch)");
	config.insecure = true;
	expect(config, port, "");
	rpc_server_free(service.server);
}

static void
test_server_texts(void **state)
{
	struct rpc_server_config config = {
	    .loop = loop, .methods = service_methods, .certificate_pem = pki.server, .key_pem = pki.client_key};
	struct rpc_server *server = NULL;
	struct why why = {0};

	(void)state;
	assert_int_equal(rpc_server_new(&server, &config, &why), ERR_INVALID);
	assert_string_equal(why.text, "TLS of the server: private key: key values mismatch");
	config.key_pem = "nonsense";
	assert_int_equal(rpc_server_new(&server, &config, &why), ERR_INVALID);
	config.certificate_pem = "";
	assert_int_equal(rpc_server_new(&server, &config, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "TLS of the server: certificate: "));
	assert_null(server);
}

static unsigned
plain_port(struct service *service, struct rpc_server_config config)
{
	config.loop = loop;
	*service = (struct service){0};
	return service_open(service, config);
}

static void
test_steps(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	struct service service;
	unsigned port = plain_port(&service, (struct rpc_server_config){0});
	auto_fd int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	expect((struct rpc_client_config){.endpoint = "http://127.0.0.1"}, port, "");
	expect((struct rpc_client_config){.endpoint = "https://127.0.0.1", .insecure = true}, port,
	    "the other side does not speak TLS");
	rpc_server_free(service.server);
	expect((struct rpc_client_config){.endpoint = "http://127.0.0.1"}, port, "Connection refused");
	expect((struct rpc_client_config){.endpoint = "ftp://127.0.0.1"}, port, "is neither http://host:port nor");
	expect((struct rpc_client_config){.endpoint = "http://127.0.0.1:0"}, port, "port: ");
	expect((struct rpc_client_config){.endpoint = "http://"}, port, "the host's name is empty");
	expect((struct rpc_client_config){.endpoint = "unix:/nowhere/at/all"}, 0, "connect to /nowhere/at/all:0: ");
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0); /* and never accepts */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	expect((struct rpc_client_config){.endpoint = "http://127.0.0.1", .connect_timeout_ms = 20},
	    ntohs(address.sin_port), "HTTP/2 with 127.0.0.1:");
	expect((struct rpc_client_config){.endpoint = "https://127.0.0.1", .insecure = true, .connect_timeout_ms = 20},
	    ntohs(address.sin_port), "no answer in time");
}

/* A stranger: sends bytes as they are, keeps what comes back. */
struct stranger {
	struct watch watch;
	bool closed;
	size_t length;
	char bytes[65536];
};

static void
stranger_ready(void *self, uint32_t events)
{
	struct stranger *stranger = self;
	ssize_t n = recv(
	    stranger->watch.fd, stranger->bytes + stranger->length, sizeof(stranger->bytes) - stranger->length - 1, 0);

	(void)events;
	if (n > 0)
		stranger->length += (size_t)n;
	else
		stranger->closed = true;
	stranger->bytes[stranger->length] = '\0';
	if (stranger->closed)
		loop_remove(loop, &stranger->watch);
}

static void
stranger_open(struct stranger *stranger, unsigned port, struct span bytes)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*stranger = (struct stranger){0};
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(loop_add(loop, &stranger->watch, fd, EPOLLIN, stranger_ready, stranger, NULL), OK);
	assert_int_equal(send(fd, bytes.at, bytes.length, MSG_NOSIGNAL), bytes.length);
}

static void
stranger_close(struct stranger *stranger)
{
	loop_remove(loop, &stranger->watch);
	close(stranger->watch.fd);
}

#define UNTIL(condition)                                                                                               \
	while (!(condition))                                                                                           \
	assert_int_equal(loop_turn(loop, -1, NULL), OK)

/* Ask, wait until the server has hung up, compare the beginning and the end. */
static void
ask(unsigned port, struct span bytes, const char *begins, const char *ends)
{
	struct stranger stranger;
	size_t n = strlen(ends);

	stranger_open(&stranger, port, bytes);
	UNTIL(stranger.closed);
	if (strncmp(stranger.bytes, begins, strlen(begins)) != 0 || stranger.length < n ||
	    strcmp(stranger.bytes + stranger.length - n, ends) != 0)
		fail_msg("wanted \"%s...%s\", got \"%s\"", begins, ends, stranger.bytes);
	stranger_close(&stranger);
}

static void
test_http1(void **state)
{
	struct service service;
	unsigned port = plain_port(&service, (struct rpc_server_config){0});

	(void)state;
	ask(port, SPAN("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200 OK\r\n",
	    "connection: close\r\n\r\nfine\n");
	ask(port, SPAN("GET /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK\r\n", "\r\n\r\nfine\n");
	ask(port, SPAN("HEAD /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK\r\n", "connection: close\r\n\r\n");
	rpc_server_free(service.server);
}

static void
test_http1_kept(void **state)
{
	struct service service;
	unsigned port = plain_port(&service, (struct rpc_server_config){0});
	struct stranger stranger;

	(void)state;
	stranger_open(&stranger, port,
	    SPAN("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
		 "GET /none HTTP/1.1\r\nHost: a\r\nx-request-id: mine\r\nConnection: close\r\n\r\nGET /never"));
	UNTIL(stranger.closed);
	assert_non_null(strstr(stranger.bytes, "fine\nHTTP/1.1 404 Not Found\r\n"));
	assert_non_null(strstr(stranger.bytes, "x-request-id: mine\r\n"));
	assert_string_equal(stranger.bytes + stranger.length - 13, "no such page\n");
	stranger_close(&stranger);
	rpc_server_free(service.server);
}

static void
test_garbage(void **state)
{
	struct service service;
	unsigned port = plain_port(&service, (struct rpc_server_config){0});
	char *many = malloc(HTTP_HEAD_BYTES);

	(void)state;
	memset(many, 'a', HTTP_HEAD_BYTES);
	ask(port, SPAN("\x16\x03\x01\x02\r\n\r\n"), "HTTP/1.1 400 Bad Request\r\n", "not a request\n");
	ask(port, SPAN("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 405 ", "only GET and HEAD are served\n");
	ask(port, SPAN("GET / HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\nabc"), "HTTP/1.1 501 ", "not served\n");
	ask(port, span_of_bytes(many, HTTP_HEAD_BYTES), "HTTP/1.1 431 ", "too large\n");
	ask(port, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame"), "", "");
	ask(port,
	    SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
		 "\0\0\4\3\0\0\0\0\1\0\0\0\0"),
	    "", ""); /* no SETTINGS first */
	expect((struct rpc_client_config){.endpoint = "http://127.0.0.1"}, port, "");
	free(many);
	rpc_server_free(service.server);
}

static void
test_garbage_tls(void **state)
{
	struct service service = {0};
	unsigned port = service_open(&service,
	    (struct rpc_server_config){.loop = loop, .certificate_pem = pki.server, .key_pem = pki.server_key});

	(void)state;
	ask(port, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "", "");
	ask(port, SPAN("\x16\x03\x01\xff\xff garbage that goes on and on and on"), "", "");
	expect((struct rpc_client_config){.endpoint = "https://127.0.0.1", .ca_pem = pki.ca}, port, "");
	rpc_server_free(service.server);
}

static void
test_slow_strangers(void **state)
{
	struct service service = {0};
	unsigned port = plain_port(&service, (struct rpc_server_config){.handshake_timeout_ms = 20});

	(void)state;
	ask(port, SPAN(""), "", "");
	ask(port, SPAN("GET / HTTP/1.1\r\nHos"), "", "");
	ask(port, SPAN("PRI * HTT"), "", "");
	ask(port, SPAN("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 200", "fine\n"); /* and no second one */
	rpc_server_free(service.server);
	service = (struct service){0};
	port = service_open(&service,
	    (struct rpc_server_config){
		.loop = loop, .certificate_pem = pki.server, .key_pem = pki.server_key, .handshake_timeout_ms = 20});
	ask(port, SPAN("\x16\x03\x01"), "", "");
	rpc_server_free(service.server);
}

/* HTTP/2 that never answers a PING is taken for dead; HTTP/2 that sends hundreds of them is not refused. */
static void
test_pings(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0"; /* one NUL more: stream 0 */
	struct service service = {0};
	unsigned port = plain_port(&service, (struct rpc_server_config){.ping_interval_ms = 10, .ping_timeout_ms = 20});
	struct stranger stranger;
	char pings[500][17];

	(void)state;
	ask(port, span_of_bytes(preface, sizeof(preface)), "", "");
	rpc_server_free(service.server);
	port = plain_port(&service, (struct rpc_server_config){0});
	stranger_open(&stranger, port, span_of_bytes(preface, sizeof(preface)));
	for (size_t i = 0; i < COUNT(pings); i++)
		memcpy(pings[i],
		    "\0\0\10\6\0\0\0\0\0"
		    "12345678",
		    17);
	assert_int_equal(send(stranger.watch.fd, pings, sizeof(pings), MSG_NOSIGNAL), sizeof(pings));
	UNTIL(stranger.closed || stranger.length >= sizeof(pings) + 9);
	assert_false(stranger.closed);
	stranger_close(&stranger);
	rpc_server_free(service.server);
}

static void
test_connections_max(void **state)
{
	struct service service = {0};
	unsigned port = plain_port(&service, (struct rpc_server_config){.connections_max = 1});
	struct stranger first;

	(void)state;
	stranger_open(&first, port, SPAN("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
	UNTIL(first.length > 0); /* it is served: it stays */
	ask(port, SPAN(""), "", "");
	assert_false(first.closed);
	stranger_close(&first);
	rpc_server_free(service.server);
}

/* Who shows nothing must not keep out who does: the oldest of them makes room. */
static void
test_connections_max_of_the_silent(void **state)
{
	struct service service = {0};
	unsigned port = service_open(&service, (struct rpc_server_config){.loop = loop,
						   .certificate_pem = pki.server,
						   .key_pem = pki.server_key,
						   .client_ca_pem = pki.ca,
						   .connections_max = 3});
	struct stranger strangers[5];

	(void)state;
	for (size_t i = 0; i < COUNT(strangers); i++)
		stranger_open(&strangers[i], port, i % 2 == 0 ? SPAN("") : SPAN("\x16\x03\x01\x02"));
	UNTIL(strangers[0].closed && strangers[1].closed);
	assert_false(strangers[2].closed || strangers[3].closed || strangers[4].closed);
	expect((struct rpc_client_config){.endpoint = "https://localhost",
		   .ca_pem = pki.ca,
		   .certificate_pem = pki.client,
		   .key_pem = pki.client_key},
	    port, "");
	UNTIL(strangers[2].closed);
	assert_false(strangers[4].closed);
	for (size_t i = 0; i < COUNT(strangers); i++)
		stranger_close(&strangers[i]);
	rpc_server_free(service.server);
}

static void
stream_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	(void)stream;
	*(struct rpc_status *)self = *status;
}

static bool
no_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	(void)self, (void)stream, (void)message;
	return true;
}

/* A gateway that greets and then says nothing more. */
struct mute {
	struct watch watch;
	int fd;
};

static void
mute_ready(void *self, uint32_t events)
{
	struct mute *mute = self;

	(void)events;
	mute->fd = accept(mute->watch.fd, NULL, NULL);
	assert_int_equal(send(mute->fd, "\0\0\0\4\0\0\0\0\0", 9, MSG_NOSIGNAL), 9); /* SETTINGS */
}

static void
test_dead_gateway(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;
	struct rpc_status status = {.code = -1};
	const struct rpc_stream_config config = {.path = PATH("ForwardTcp"),
	    .self = &status,
	    .message = no_message,
	    .response = &openshell__v1__tcp_forward_frame__descriptor,
	    .ended = stream_ended};
	auto_fd int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct mute mute = {.fd = -1};
	struct rpc_client *client;
	struct rpc_stream *stream;
	char endpoint[64];

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(loop_add(loop, &mute.watch, listener, EPOLLIN, mute_ready, &mute, NULL), OK);
	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", ntohs(address.sin_port));
	assert_int_equal(rpc_client_new(&client,
			     &(struct rpc_client_config){
				 .loop = loop, .endpoint = endpoint, .ping_interval_ms = 10, .ping_timeout_ms = 15},
			     NULL),
	    OK);
	assert_int_equal(rpc_stream_open(client, &config, &frame.base, false, &stream, NULL), OK);
	UNTIL(status.code != -1);
	assert_int_equal(status.code, 14);
	assert_string_equal(status.detail, "the gateway does not answer any more");
	rpc_client_free(client);
	loop_remove(loop, &mute.watch);
	close(mute.fd);
}

static void
test_unix_socket(void **state)
{
	char directory[] = "/tmp/rpc-test-XXXXXX", endpoint[64];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct service service = {0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* it blocks: the server must not */

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/api:0", directory); /* expect adds the port */
	snprintf(endpoint, sizeof(endpoint), "unix:%s/api", directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	service_open(&service, (struct rpc_server_config){.loop = loop});
	assert_int_equal(rpc_server_listen(service.server, fd, NULL), OK);
	expect((struct rpc_client_config){.endpoint = endpoint}, 0, "");
	rpc_server_free(service.server);
	unlink(address.sun_path);
	rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mutual_tls),
	    cmocka_unit_test(test_server_tls),
	    cmocka_unit_test(test_server_texts),
	    cmocka_unit_test(test_steps),
	    cmocka_unit_test(test_http1),
	    cmocka_unit_test(test_http1_kept),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_garbage_tls),
	    cmocka_unit_test(test_slow_strangers),
	    cmocka_unit_test(test_pings),
	    cmocka_unit_test(test_connections_max),
	    cmocka_unit_test(test_connections_max_of_the_silent),
	    cmocka_unit_test(test_dead_gateway),
	    cmocka_unit_test(test_unix_socket),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
