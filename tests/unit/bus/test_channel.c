/* Channels: long messages, descriptors, roles, deadlines, and the other side's death. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/bus/channel.h"

struct side {
	struct bus bus;
	struct peer *peer;
	struct reply kept;
	int got_fd, downs;
	size_t length;
	enum err result;
	int done, failed;
};

static enum err
on_spawn(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct side *side = self;

	(void)why;
	side->length = m->spawn.argv_n == 0 ? 0 : m->spawn.argv[m->spawn.argv_n - 1].length;
	if (m->fds_n == 1)
		side->got_fd = fd_take(&m->fds[0]);
	if (m->spawn.tty) {
		side->kept = reply_later(m);
		return OK;
	}
	answer->id = SPAWNED;
	answer->spawned.pid = 42;
	return OK;
}

static const struct route routes[] = {{SPAWN, on_spawn, 0, 0}, {0}};
static struct loop *loop;
static struct side supervisor, spawner;

static void
went_down(void *self, struct peer *peer, const struct why *why)
{
	struct side *side = self;

	(void)peer;
	(void)why;
	side->downs++;
}

static int
pair_up(void **state)
{
	struct why why;
	int one, other;

	(void)state;
	supervisor = spawner = (struct side){.got_fd = -1};
	assert_int_equal(loop_new(&loop, &why), OK);
	supervisor.bus = (struct bus){.loop = loop,
	    .role = ROLE_SUPERVISOR,
	    .name = "supervisor",
	    .routes = routes,
	    .self = &supervisor,
	    .peer_down = went_down};
	spawner.bus = (struct bus){.loop = loop,
	    .role = ROLE_SPAWNER,
	    .name = "spawner",
	    .routes = routes,
	    .self = &spawner,
	    .peer_down = went_down};
	bus_init(&supervisor.bus);
	bus_init(&spawner.bus);
	assert_int_equal(channel_pair(&one, &other, &why), OK);
	assert_int_equal(channel_open(&supervisor.bus, ROLE_SPAWNER, "spawner", one, &supervisor.peer, &why), OK);
	assert_int_equal(channel_open(&spawner.bus, ROLE_SUPERVISOR, "supervisor", other, &spawner.peer, &why), OK);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	bus_done(&supervisor.bus);
	bus_done(&spawner.bus);
	loop_free(loop);
	return 0;
}

static void
done(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct side *side = self;

	(void)why;
	side->result = r;
	side->done++;
	side->failed += r != OK;
	if (r == OK)
		assert_int_equal(answer->spawned.pid, 42);
}

static void
turns(int n)
{
	struct why why;

	while (n-- > 0)
		assert_int_equal(loop_turn(loop, 0, &why), OK);
}

static struct msg
spawn_of(struct span *argv, size_t n)
{
	return (struct msg){.id = SPAWN,
	    .spawn = {.command_id = 1, .argv = argv, .argv_n = n, .workdir = SPAN("/"), .columns = 80, .rows = 24}};
}

static void
long_message_with_descriptor(void **state)
{
	auto_free char *big = calloc(1, 32768);
	struct span argv[40];
	struct msg m;
	int fds[2];
	char byte = 0;

	(void)state;
	memset(big, 'a', 32768);
	for (size_t i = 0; i < COUNT(argv); i++)
		argv[i] = span_of_bytes(big, 32768);
	m = spawn_of(argv, COUNT(argv)); /* 1.25 MiB: many fragments, and more than the socket takes at once */
	assert_int_equal(pipe(fds), 0);
	m.fds[0] = fds[1];
	m.fds_n = 1;
	peer_call(supervisor.peer, &m, 1000, done, &supervisor);
	close(fds[1]);
	turns(40);
	assert_int_equal(supervisor.done, 1);
	assert_int_equal(supervisor.result, OK);
	assert_int_equal(spawner.length, 32768);
	assert_int_equal(write(spawner.got_fd, "z", 1), 1);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(byte, 'z');
	close(spawner.got_fd);
	close(fds[0]);
}

/* A message that its queue has no room for is refused whole: what follows is not read as its rest. */
static void
a_full_queue_takes_whole_messages(void **state)
{
	auto_free char *big = calloc(1, 32768);
	struct span argv[50];
	struct msg m;

	(void)state;
	memset(big, 'a', 32768);
	for (size_t i = 0; i < COUNT(argv); i++)
		argv[i] = span_of_bytes(big, 32768);
	m = spawn_of(argv, COUNT(argv));
	for (int i = 0; i < 8; i++)
		peer_call(supervisor.peer, &m, 10000, done, &supervisor);
	turns(2);
	assert_in_range(supervisor.failed, 1, 7);
	assert_int_equal(supervisor.result, ERR_LIMIT);
	for (int i = 0; i < 1000 && supervisor.done < 8; i++)
		turns(1);
	assert_int_equal(supervisor.done, 8);
	peer_call(supervisor.peer, &m, 10000, done, &supervisor);
	for (int i = 0; i < 1000 && supervisor.done < 9; i++)
		turns(1);
	assert_int_equal(supervisor.result, OK);
	assert_int_equal(supervisor.downs + spawner.downs, 0);
}

/* Above its rate a sandbox is answered that it is; far above, it is cut off. Others are only answered. */
static void
a_flood_is_cut(void **state)
{
	static const struct route rated[] = {{SPAWN, on_spawn, 0, 2}, {0}};
	const enum role roles[] = {ROLE_SUPERVISOR, ROLE_SUPERVISOR | ROLE_LINK};

	for (size_t i = 0; i < COUNT(roles); i++) {
		struct msg m = spawn_of(NULL, 0);

		pair_up(state);
		spawner.bus.routes = rated;
		spawner.peer->role = roles[i];
		for (int n = 0; n < 100; n++) /* all within two seconds at most: 50 each */
			peer_call(supervisor.peer, &m, 10000, done, &supervisor);
		turns(300);
		assert_int_equal(supervisor.done, 100);
		assert_in_range(supervisor.failed, 96, i == 0 ? 98 : 100);
		assert_int_equal(spawner.downs, i);
		tear_down(state);
	}
}

static void
wrong_role_is_cut(void **state)
{
	struct msg m = {.id = SPAWNER_READY};
	struct why why;

	(void)state;
	assert_int_equal(peer_tell(supervisor.peer, &m, &why), OK); /* only a spawner may say this */
	turns(4);
	assert_int_equal(spawner.bus.refused, 1);
	assert_int_equal(spawner.downs, 1);
	assert_int_equal(supervisor.downs, 1);
}

static void
no_answer_is_a_timeout(void **state)
{
	struct span argv[] = {SPAN("true")};
	struct msg m = spawn_of(argv, 1), answer = {.id = SPAWNED, .spawned = {.pid = 42}};
	struct why why;

	(void)state;
	m.spawn.tty = true;
	peer_call(supervisor.peer, &m, 1, done, &supervisor);
	while (supervisor.done == 0)
		assert_int_equal(loop_turn(loop, 50, &why), OK);
	assert_int_equal(supervisor.result, ERR_TIMEOUT);
	reply_send(&spawner.kept, &answer); /* late: dropped */
	turns(3);
	assert_int_equal(supervisor.done, 1);
}

static void
death_ends_calls(void **state)
{
	struct span argv[] = {SPAN("true")};
	struct msg m = spawn_of(argv, 1);

	(void)state;
	m.spawn.tty = true;
	peer_call(supervisor.peer, &m, 60000, done, &supervisor);
	turns(2);
	spawner.peer->transport->cut(spawner.peer);
	turns(3);
	assert_int_equal(supervisor.done, 1);
	assert_int_equal(supervisor.result, ERR_UNAVAILABLE);
	assert_int_equal(supervisor.downs, 1);
	reply_fail(&spawner.kept, ERR_BUSY, NULL); /* to nobody */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(long_message_with_descriptor, pair_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_full_queue_takes_whole_messages, pair_up, tear_down),
	    cmocka_unit_test(a_flood_is_cut), cmocka_unit_test_setup_teardown(wrong_role_is_cut, pair_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_answer_is_a_timeout, pair_up, tear_down),
	    cmocka_unit_test_setup_teardown(death_ends_calls, pair_up, tear_down)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
