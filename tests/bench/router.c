/*
 * What filling in a secret costs: a request through the router over a kept TLS connection, beside the same exchange by a
 * TLS client of this process with the same server.
 *
 * usage: bench-router ROUTER [ROUNDS]
 * Prints one line for each: name, median and 99th percentile in nanoseconds, rounds. The difference is what is added.
 */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/leg/openssl.h"
#include "tests/bus/router_stage.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static int listener;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
show(const char *name, uint64_t *times, int rounds)
{
	qsort(times, (size_t)rounds, sizeof(*times), ascending);
	printf("%s %llu %llu %d\n", name, (unsigned long long)times[rounds / 2],
	    (unsigned long long)times[rounds * 99 / 100], rounds);
	fflush(stdout);
}

/* One connection after the other, until the program ends: whatever is read as one record is one request. */
static void *
serve(void *unused)
{
	char bytes[4096];

	(void)unused;
	for (;;) {
		struct tls_client world;
		int on = 1, fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return NULL;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		tls_server_begin(&world, fd, "up.test");
		while (SSL_read(world.ssl, bytes, sizeof(bytes)) > 0)
			SSL_write(world.ssl, ANSWER, sizeof(ANSWER) - 1);
		tls_client_end(&world);
		close(fd);
	}
}

static void
direct(uint16_t port, const char *trust, uint64_t *times, int rounds)
{
	static const char request[] =
	    "GET /repos/x HTTP/1.1\r\nhost: up.test\r\nauthorization: Bearer " CANARY "\r\n\r\n";
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	struct tls_client client;
	char bytes[4096];

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	tls_client_begin(&client, fd, trust, "up.test", "up.test", "http/1.1");
	for (int i = 0; i < rounds; i++) {
		uint64_t start = now_ns();

		SSL_write(client.ssl, request, sizeof(request) - 1);
		assert_true(SSL_read(client.ssl, bytes, sizeof(bytes)) > 0);
		times[i] = now_ns() - start;
	}
	tls_client_end(&client);
	close(fd);
}

static void
routed(uint16_t port, uint64_t *times, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		struct request_script s;
		uint64_t start = now_ns();

		request_begin(&s, (uint64_t)i + 1, port);
		request_send(&s);
		heard_free(actor_hear(&proxy, ROUTE_END));
		times[i] = now_ns() - start;
		heard_free(actor_hear(&proxy, ROUTE_HEAD));
		heard_free(actor_hear(&proxy, STREAM_DATA));
		heard_free(actor_hear(&proxy, STREAM_END));
	}
}

int
main(int argc, char **argv)
{
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2000;
	uint64_t *times = calloc((size_t)rounds, sizeof(*times));
	char *arguments[] = {argv[0], argc > 1 ? argv[1] : NULL, NULL};
	pthread_t server;
	uint16_t port;

	if (!stage_begin(argc > 1 ? 2 : 1, arguments) || times == NULL)
		return 2;
	setup(NULL);
	listener = world_listen(&port);
	assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
	secrets_send(5, port);
	slots_hear(5);
	expect_applied(5, true, NULL);
	direct(port, stage_trust(), times, rounds);
	show("direct", times, rounds);
	routed(port, times, rounds);
	show("routed", times, rounds);
	teardown(NULL);
	free(times);
	return 0;
}
