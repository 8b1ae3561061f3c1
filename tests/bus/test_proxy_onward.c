/* proxy where a company has one of its own: which way is taken when the client, or the server, lets wait for itself. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "tests/bus/proxy_stage.h"
#include "tests/bus/proxy_tls.h"

static int company; /* plays the company's proxy */

static int
begin(void **unused)
{
	company = onward_bound();
	return setup(unused);
}

static int
end(void **unused)
{
	close(company);
	return teardown(unused);
}

/* A tunnel is open towards the agent; where to is not decided yet. */
static int
open_tunnel(int server, bool skip)
{
	struct msg yes = judgement(true);
	char target[64];
	int fd;

	yes.connection_judged.tls_skip = skip;
	snprintf(target, sizeof(target), "up.test:%u", port_of(server));
	fd = connect_to(target);
	judge("up.test", port_of(server), &yes);
	expect_bytes(fd, ESTABLISHED);
	return fd;
}

static void
handshake(struct tls_client *client, struct tls_client *world)
{
	enum err r = ERR_MORE, s = ERR_MORE;

	while (r == ERR_MORE || s == ERR_MORE) {
		if (r == ERR_MORE)
			r = tls_client_step(client);
		if (s == ERR_MORE) {
			until_readable(world->fd);
			s = tls_client_step(world);
		}
		if (r == ERR_MORE)
			until_readable(client->fd);
	}
	assert_string_equal(client->failure, "");
	assert_string_equal(world->failure, "");
}

/* A client of TLS that does not begin at once: the server was listened to in vain, and no byte of the client's goes there. */
static void
who_begins_late_goes_by_the_proxy_yet(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), fd = open_tunnel(server, true), direct = accepted(server),
		    asked = -1;
	struct tls_client client = {0}, world = {0};

	(void)unused;
	tls_client_begin(&client, fd, world_pem, "up.test", "up.test", "http/1.1");
	assert_int_equal(tls_client_step(&client), ERR_MORE);
	asked = onward_accepted(company, port_of(server));
	expect_end(direct);
	tls_server_begin(&world, asked, "up.test");
	handshake(&client, &world);
	tls_say(&client, "ping");
	tls_expect(&world, "ping", until_readable);
	tls_client_end(&client);
	tls_client_end(&world);
}

/* The same where TLS is opened here: a request comes by the proxy. */
static void
also_where_its_tls_is_opened(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), fd = open_tunnel(server, false), direct = accepted(server),
		    asked = -1;
	struct tls_client client = {0}, world = {0};

	(void)unused;
	tls_client_begin(&client, fd, pem_bytes, "up.test", "up.test", NULL);
	while (tls_client_step(&client) == ERR_MORE)
		until_readable(fd);
	assert_string_equal(client.failure, "");
	expect_end(direct);
	asked = onward_accepted(company, port_of(server));
	tls_server_begin(&world, asked, "up.test");
	while (tls_client_step(&world) == ERR_MORE)
		until_readable(asked);
	assert_string_equal(world.failure, "");
	tls_say(&client, "neither TLS nor HTTP");
	tls_expect(&world, "neither TLS nor HTTP", until_readable);
	tls_client_end(&client);
	tls_client_end(&world);
}

/* A server that speaks first is heard, and what is not TLS is never told to the company's proxy. */
static void
who_waits_for_the_server_hears_it(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), fd = open_tunnel(server, true), direct = accepted(server);

	(void)unused;
	say(direct, "SSH-2.0-standin\r\n");
	expect_bytes(fd, "SSH-2.0-standin\r\n");
	say(fd, "SSH-2.0-client\r\n");
	expect_bytes(direct, "SSH-2.0-client\r\n");
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    TEST(who_begins_late_goes_by_the_proxy_yet),
	    TEST(also_where_its_tls_is_opened),
	    TEST(who_waits_for_the_server_hears_it),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
