/* Streams: credit is never exceeded in either direction, and what breaks it is refused. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "common/bus/channel.h"
#include "common/bus/stream.h"

struct side {
	struct bus bus;
	struct peer *peer;
	struct stream_out out;
	struct stream_in in;
	uint64_t bytes;
	bool eager; /* done with bytes at once */
	enum err last;
};

static enum err
on_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct side *side = self;

	(void)answer;
	if ((side->last = stream_take(&side->in, &m->stream_data, why)) != OK)
		return side->last;
	side->bytes += m->stream_data.bytes.length;
	return side->eager ? stream_used(&side->in, m->stream_data.bytes.length, why) : OK;
}

static enum err
on_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct side *side = self;

	(void)answer;
	return side->last = stream_granted(&side->out, &m->stream_grant, why);
}

static enum err
on_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct side *side = self;

	(void)answer;
	return side->last = stream_ended(&side->in, &m->stream_end, why);
}

static const struct route routes[] = {
    {STREAM_DATA, on_data, 0, 0}, {STREAM_GRANT, on_grant, 0, 0}, {STREAM_END, on_end, 0, 0}, {0}};

static struct loop *loop;
static struct side a, b;

static int
pair_up(void **state)
{
	int one, other;
	struct why why;

	(void)state;
	a = b = (struct side){.eager = true};
	assert_int_equal(loop_new(&loop, &why), OK);
	a.bus = (struct bus){.loop = loop, .role = ROLE_API, .name = "a", .routes = routes, .self = &a};
	b.bus = (struct bus){.loop = loop, .role = ROLE_LINK, .name = "b", .routes = routes, .self = &b};
	bus_init(&a.bus);
	bus_init(&b.bus);
	assert_int_equal(channel_pair(&one, &other, &why), OK);
	assert_int_equal(channel_open(&a.bus, ROLE_LINK, "b", one, &a.peer, &why), OK);
	assert_int_equal(channel_open(&b.bus, ROLE_API, "a", other, &b.peer, &why), OK);
	stream_out_init(&b.out, b.peer, 7, 1);
	assert_int_equal(stream_in_open(&a.in, a.peer, 7, 1, 1000, &why), OK);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	bus_done(&a.bus);
	bus_done(&b.bus);
	loop_free(loop);
	return 0;
}

static void
turns(int n)
{
	struct why why;

	while (n-- > 0)
		assert_int_equal(loop_turn(loop, 0, &why), OK);
}

static void
flows_and_ends(void **state)
{
	char block[700] = {0};
	struct why why;

	(void)state;
	assert_int_equal(stream_room(&b.out), 0);
	turns(2);
	for (int i = 0; i < 100; i++) {
		size_t n = stream_room(&b.out);

		assert_true(n > 0);
		n = n < sizeof(block) ? n : sizeof(block);
		assert_int_equal(stream_send(&b.out, block, n, &why), OK);
		turns(3);
	}
	assert_int_equal(a.bytes, b.out.sent);
	assert_int_equal(stream_finish(&b.out, &why), OK);
	turns(2);
	assert_true(a.in.ended);
	assert_int_equal(stream_room(&b.out), 0);
}

static void
slow_reader_stops_writer(void **state)
{
	char block[1000] = {0};
	struct why why;

	(void)state;
	a.eager = false;
	turns(2);
	assert_int_equal(stream_send(&b.out, block, 1000, &why), OK);
	turns(3);
	assert_int_equal(stream_room(&b.out), 0);
	assert_int_equal(stream_used(&a.in, 600, &why), OK);
	turns(3);
	assert_int_equal(stream_room(&b.out), 600);
}

static void
breaches_are_refused(void **state)
{
	struct msg_stream_data over = {.stream = 7, .channel = 1, .offset = 0, .bytes = {"", 0}};
	char big[1001] = {0};
	struct msg_stream_data gap = {.stream = 7, .channel = 1, .offset = 5, .bytes = SPAN("x")};
	struct msg_stream_end end = {.stream = 7, .channel = 1, .offset = 3};
	struct msg_stream_grant back = {.stream = 7, .channel = 1, .limit = 10};
	struct why why;

	(void)state;
	turns(2);
	over.bytes = span_of_bytes(big, sizeof(big));
	assert_int_equal(stream_take(&a.in, &over, &why), ERR_PROTOCOL);
	assert_int_equal(stream_take(&a.in, &gap, &why), ERR_PROTOCOL);
	assert_int_equal(stream_ended(&a.in, &end, &why), ERR_PROTOCOL);
	assert_int_equal(stream_granted(&b.out, &back, &why), ERR_PROTOCOL);
	end.offset = 0;
	assert_int_equal(stream_ended(&a.in, &end, &why), OK);
	gap.offset = 0;
	assert_int_equal(stream_take(&a.in, &gap, &why), ERR_PROTOCOL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(flows_and_ends, pair_up, tear_down),
	    cmocka_unit_test_setup_teardown(slow_reader_stops_writer, pair_up, tear_down),
	    cmocka_unit_test_setup_teardown(breaches_are_refused, pair_up, tear_down)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
