/* Lines that a process hands to its link: what a link did not take is counted, and told to the next one. */
#include "tests/unit/test.h"

#include "common/bus/channel.h"
#include "common/bus/lines.h"

struct side {
	struct bus bus;
	struct peer *peer;
	unsigned lines;
	uint32_t dropped;
	bool deaf; /* it takes nothing, and says nothing */
	struct reply kept;
};

static struct loop *loop;
static struct side ours, link_;
static struct lines lines;
static const struct msg_log_line line = {.source = SPAN("sandbox"), .level = SPAN("INFO"), .message = SPAN("a line")};

static enum err
on_lines(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct side *side = self;

	(void)why;
	if (side->deaf) {
		side->kept = reply_later(m);
		return OK;
	}
	side->lines += (unsigned)m->logs_add.lines_n;
	side->dropped += m->logs_add.dropped;
	answer->id = DONE;
	return OK;
}

static void
down(void *self, struct peer *peer, const struct why *why)
{
	struct side *side = self;

	(void)peer;
	(void)why;
	side->peer = NULL;
}

static void
link_up(bool deaf)
{
	static const struct route taken[] = {{LOGS_ADD, on_lines, 0, 0}, {0}};
	int one, other;
	struct why why;

	assert_int_equal(channel_pair(&one, &other, &why), OK);
	link_ = (struct side){.deaf = deaf};
	link_.bus = (struct bus){.loop = loop, .role = ROLE_LINK, .name = "link", .routes = taken, .self = &link_};
	bus_init(&link_.bus);
	assert_int_equal(channel_open(&link_.bus, ROLE_SUPERVISOR, "supervisor", one, &link_.peer, &why), OK);
	assert_int_equal(channel_open(&ours.bus, ROLE_LINK, "link", other, &ours.peer, &why), OK);
}

static void
link_dies(void)
{
	struct why why;

	peer_unref(link_.kept.peer);
	bus_done(&link_.bus);
	while (ours.peer != NULL)
		assert_int_equal(loop_turn(loop, 1000, &why), OK);
}

static void
turn_until(unsigned wanted)
{
	struct why why;

	while (link_.lines + link_.dropped < wanted)
		assert_int_equal(loop_turn(loop, 1000, &why), OK);
}

static void
what_a_link_did_not_take_is_told(void **unused)
{
	static const struct route none[] = {{0}};
	struct why why;

	(void)unused;
	assert_int_equal(loop_new(&loop, &why), OK);
	ours.bus = (struct bus){.loop = loop,
	    .role = ROLE_SUPERVISOR,
	    .name = "supervisor",
	    .routes = none,
	    .self = &ours,
	    .peer_down = down};
	bus_init(&ours.bus);
	assert_false(lines_tell(&lines, NULL, (struct id){{1}}, &line)); /* there is none yet */
	assert_int_equal(lines.lost, 1);

	link_up(true); /* it dies with two, and with the count of the first */
	assert_true(lines_tell(&lines, ours.peer, (struct id){{1}}, &line));
	assert_true(lines_tell(&lines, ours.peer, (struct id){{1}}, &line));
	assert_int_equal(lines.lost, 0);
	link_dies();
	while (lines.lost < 3)
		assert_int_equal(loop_turn(loop, 1000, &why), OK);
	assert_int_equal(lines.lost, 3);

	link_up(false); /* the next is told without a line, and once */
	assert_true(lines_tell(&lines, ours.peer, (struct id){{1}}, NULL));
	turn_until(3);
	assert_int_equal(link_.dropped, 3);
	assert_true(lines_tell(&lines, ours.peer, (struct id){{1}}, NULL));
	assert_true(lines_tell(&lines, ours.peer, (struct id){{1}}, &line));
	turn_until(4);
	assert_int_equal(link_.lines, 1);
	assert_int_equal(link_.dropped, 3);
	link_dies();
	assert_int_equal(lines.lost, 0);
	bus_done(&ours.bus);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_link_did_not_take_is_told)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
