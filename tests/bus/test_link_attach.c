/* link: taking part in the main process: its output again and live, who writes its input, and its end. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "common/bus/stream.h"
#include "common/os/file.h"
#include "sandbox/link/attach.h"
#include "sandbox/link/main_io.h"
#include "tests/bus/link_stage.h"

/* The main process's ends, and the memory that the supervisor keeps. */
static int in = -1, out = -1, err = -1, memory = -1;

static struct actor ssh; /* SSH servers: each a channel of its own */

static void
close_all(void)
{
	clean_fd(&in);
	clean_fd(&out);
	clean_fd(&err);
}

static void
main_give(bool tty)
{
	struct msg m = {.id = MAIN_STDIO, .main_stdio = {.tty = tty}, .fds_n = tty ? 2 : 4};
	int ends[3][2];

	if (memory < 0)
		assert_int_equal(memfd_fixed("output", STREAM_OUTPUT_BYTES, &memory, NULL), OK);
	m.fds[0] = memory;
	if (tty) {
		assert_int_equal(openpty(&m.fds[1], &in, NULL, NULL, NULL), 0);
		out = fcntl(in, F_DUPFD_CLOEXEC, 3);
	} else {
		for (int i = 0; i < 3; i++)
			assert_int_equal(pipe2(ends[i], O_CLOEXEC), 0);
		in = ends[0][0];
		out = ends[1][1];
		err = ends[2][1];
		m.fds[1] = ends[0][1];
		m.fds[2] = ends[1][0];
		m.fds[3] = ends[2][0];
	}
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
	for (size_t i = 1; i < m.fds_n; i++)
		close(m.fds[i]);
}

static struct peer *
ssh_open(void)
{
	struct msg m = {.id = CHANNEL_GIVE, .channel_give.role = ROLE_SSHD, .fds_n = 1};
	struct peer *peer;
	struct why why;
	int ours;

	assert_int_equal(channel_pair(&ours, &m.fds[0], &why), OK);
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
	close(m.fds[0]);
	assert_int_equal(channel_open(&ssh.bus, ROLE_LINK, "link", ours, &peer, &why), OK);
	return peer;
}

static struct msg
attach_of(uint64_t stream, bool read_only)
{
	return (struct msg){.id = MAIN_ATTACH, .main_attach = {.stream = stream, .read_only = read_only}};
}

static bool
attach(struct peer *peer, const struct msg *m, bool tty)
{
	struct outcome outcome;
	bool owner;

	ask(&outcome, peer, m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, MAIN_ATTACHED);
	assert_int_equal(outcome.msg.main_attached.tty, tty);
	owner = outcome.msg.main_attached.owner;
	outcome_done(&outcome);
	return owner;
}

static bool
join(struct peer *peer, uint64_t stream, bool tty)
{
	const struct msg m = attach_of(stream, false);
	bool owner = attach(peer, &m, tty);

	if (owner) {
		expect_grant(&ssh, stream, 0, STREAM_WINDOW_BYTES);
		if (tty)
			heard_free(actor_hear(&ssh, STREAM_GRANT));
	}
	send_grant(peer, stream, 1, 4u << 20);
	send_grant(peer, stream, 2, 4u << 20);
	return owner;
}

static void
main_exits(uint16_t code)
{
	struct msg m = main_ended;

	m.main_exited.exit_code = code;
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
}

static void
expect_lost(uint64_t stream, const char *words)
{
	struct heard *heard = actor_hear(&ssh, DOOR_CLOSED);

	assert_int_equal(heard->msg.door_closed.stream, stream);
	assert_non_null(
	    memmem(heard->msg.door_closed.message.at, heard->msg.door_closed.message.length, words, strlen(words)));
	heard_free(heard);
}

static int
stage(void **unused)
{
	setup(unused);
	actor_init(&ssh, loop, ROLE_SSHD, "sshd");
	running();
	return 0;
}

static int
stage_end(void **unused)
{
	close_all();
	clean_fd(&memory);
	actor_done(&ssh);
	return teardown(unused);
}

/* ---- what they read ---- */

static void
first_what_was_then_what_comes(void **unused)
{
	struct peer *peer;

	(void)unused;
	main_give(false);
	say(out, "one");
	say(err, "two");
	peer = ssh_open();
	assert_true(join(peer, 1, false));
	expect_data(&ssh, 1, 1, "one");
	expect_data(&ssh, 1, 2, "two");
	say(out, "three");
	expect_data(&ssh, 1, 1, "three");
	assert_false(join(peer, 2, false)); /* a second one, on the same channel: all of it again */
	expect_data(&ssh, 2, 1, "one");
	expect_data(&ssh, 2, 2, "two");
	expect_data(&ssh, 2, 1, "three");
	close_all();
	main_exits(42);
	expect_end(&ssh, 1, 1, 8);
	expect_end(&ssh, 1, 2, 3);
	expect_exited(&ssh, 1, 42);
	expect_end(&ssh, 2, 1, 8);
	expect_end(&ssh, 2, 2, 3);
	expect_exited(&ssh, 2, 42);
	join(ssh_open(), 3, false); /* and who comes when it is over */
	expect_data(&ssh, 3, 1, "one");
	expect_data(&ssh, 3, 2, "two");
	expect_data(&ssh, 3, 1, "three");
	expect_exited(&ssh, 3, 42);
}

/* The end is known before the last output has been read: nothing is missing. */
static void
the_code_comes_behind_the_output(void **unused)
{
	(void)unused;
	main_give(false);
	assert_true(join(ssh_open(), 1, false));
	main_exits(7);
	assert_null(actor_heard(&ssh, EXEC_EXITED));
	say(out, "last words");
	close_all();
	expect_data(&ssh, 1, 1, "last words");
	expect_exited(&ssh, 1, 7);
}

/* Who does not read keeps neither the main process waiting nor the other readers, and hears what it missed. */
static void
a_slow_reader_misses_some_and_is_told(void **unused)
{
	static const char missed[] = "\n[2097155 bytes of output are missing here: they were not read in time]\n";
	static char block[65536];
	const struct msg slow = attach_of(1, true);
	struct peer *peer;
	uint64_t got = 0;
	struct heard *heard;

	(void)unused;
	memset(block, 'x', sizeof(block));
	main_give(false);
	peer = ssh_open();
	assert_false(attach(peer, &slow, false));
	join(peer, 2, false);
	say(out, "abc");
	expect_data(&ssh, 2, 1, "abc");
	for (int i = 0; i < 48; i++) /* 3 MiB: this would not end if anybody waited for the first */
		for (size_t n = 0; n < sizeof(block);) {
			n += (size_t)write(out, block + n, 16384);
			assert_int_equal(loop_turn(loop, 0, NULL), OK);
		}
	while (got < 48 * sizeof(block)) {
		heard = actor_hear(&ssh, STREAM_DATA);
		assert_int_equal(heard->msg.stream_data.stream, 2);
		got += heard->msg.stream_data.bytes.length;
		heard_free(heard);
	}
	send_grant(peer, 1, 1, 100); /* no room for the word about it yet: so nothing */
	assert_int_equal(ask_now(supervisor.peer, &ready), OK);
	assert_null(actor_heard(&ssh, STREAM_DATA));
	send_grant(peer, 1, 2, 1000);
	expect_data(&ssh, 1, 2, missed);
	heard = actor_hear(&ssh, STREAM_DATA);
	assert_int_equal(heard->msg.stream_data.stream, 1);
	assert_int_equal(heard->msg.stream_data.bytes.length, 100);
	heard_free(heard);
}

static void
more_than_a_ring_is_replayed_from_its_oldest(void **unused)
{
	static char block[65536];
	uint64_t got = 0;

	(void)unused;
	main_give(false);
	for (int i = 0; i < 20; i++)
		assert_int_equal(write(out, block, sizeof(block)), sizeof(block));
	for (int left = 1; left > 0;) /* until it has read it all */
		assert_true(ioctl(out, FIONREAD, &left) == 0 && loop_turn(loop, 1, NULL) == OK);
	close_all();
	main_exits(0);
	join(ssh_open(), 1, false);
	while (got < MAIN_RING_BYTES) {
		struct heard *heard = actor_hear(&ssh, STREAM_DATA);

		got += heard->msg.stream_data.bytes.length;
		heard_free(heard);
	}
	expect_end(&ssh, 1, 1, MAIN_RING_BYTES);
	expect_exited(&ssh, 1, 0);
}

/* The supervisor keeps the memory: the link that takes this one's place knows what was written before. */
static void
another_link_replays_it_too(void **unused)
{
	(void)unused;
	main_give(false);
	say(out, "before");
	join(ssh_open(), 1, false);
	expect_data(&ssh, 1, 1, "before");
	close_all();
	actor_done(&ssh);
	ended(0);
	child.pid = 0;
	setup(NULL);
	actor_init(&ssh, loop, ROLE_SSHD, "sshd");
	running();
	main_give(false);
	join(ssh_open(), 1, false);
	expect_data(&ssh, 1, 1, "before");
	say(out, "after");
	expect_data(&ssh, 1, 1, "after");
}

/* ---- what they write ---- */

static void
one_writes_and_the_others_watch(void **unused)
{
	const struct msg watch = attach_of(3, true), leave = {.id = DOOR_CLOSED, .door_closed = {.stream = 1}};
	struct peer *first, *second;
	char bytes[16];

	(void)unused;
	main_give(false);
	first = ssh_open();
	second = ssh_open();
	assert_false(attach(second, &watch, false)); /* it does not want to */
	assert_true(join(first, 1, false));
	assert_false(join(second, 2, false)); /* it may not */
	send_data(first, 1, 0, 0, SPAN("input"));
	assert_int_equal(read(in, bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "input", 5);
	send_data(second, 2, 0, 0, SPAN("no"));
	expect_lost(2, "channel 0 takes no bytes");
	send_end(first, 1, 0, 5);
	tell(first, &leave);
	attach(first, &watch, false);	     /* by now it has left */
	assert_true(join(second, 4, false)); /* the next may, and the input has not ended */
	send_data(second, 4, 0, 0, SPAN("more"));
	assert_int_equal(read(in, bytes, sizeof(bytes)), 4);
	assert_int_equal(ssh.downs, 0);
}

/* A server that dies leaves the input to the next one. */
static void
a_server_that_goes_leaves(void **unused)
{
	struct peer *first, *second;
	uint64_t stream = 0;
	char bytes[16];

	(void)unused;
	main_give(false);
	first = ssh_open();
	second = ssh_open();
	assert_true(join(first, 1, false));
	first->transport->cut(first);
	while (!join(second, ++stream, false)) /* until that is known */
		;
	send_data(second, stream, 0, 0, SPAN("on"));
	assert_int_equal(read(in, bytes, sizeof(bytes)), 2);
}

static void
a_terminal_has_one_output_and_the_owners_size(void **unused)
{
	struct msg m = attach_of(1, false);
	struct winsize size = {0};
	struct peer *peer;
	struct termios raw;
	char bytes[16];

	(void)unused;
	main_give(true);
	assert_int_equal(tcgetattr(in, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(in, TCSANOW, &raw), 0);
	peer = ssh_open();
	m.main_attach.columns = 132;
	m.main_attach.rows = 50;
	assert_true(attach(peer, &m, true));
	expect_grant(&ssh, 1, 0, STREAM_WINDOW_BYTES);
	assert_int_equal(ioctl(in, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_col, 132);
	assert_int_equal(size.ws_row, 50);
	send_grant(peer, 1, 1, 1000);
	send_data(peer, 1, 3, 0, span_of_bytes("\0\x64\0\x1e", 4));
	send_data(peer, 1, 0, 0, SPAN("key"));
	assert_int_equal(read(in, bytes, sizeof(bytes)), 3);
	assert_int_equal(ioctl(in, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_col, 100);
	assert_int_equal(size.ws_row, 30);
	m = attach_of(2, false);
	m.main_attach.columns = m.main_attach.rows = 7;
	assert_false(attach(peer, &m, true));
	assert_int_equal(ioctl(in, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_col, 100); /* a watcher has no say in it */
	say(out, "screen");
	expect_data(&ssh, 1, 1, "screen");
	close_all(); /* its side of the terminal: EIO, which is the end */
	main_exits(0);
	expect_end(&ssh, 1, 1, 6);
	expect_end(&ssh, 1, 2, 0);
	expect_exited(&ssh, 1, 0);
}

static void
signals_come_from_the_one_who_writes(void **unused)
{
	struct msg m = {.id = EXEC_SIGNAL, .exec_signal = {2, SIGTERM}};
	struct peer *peer;
	struct heard *heard;

	(void)unused;
	main_give(false);
	peer = ssh_open();
	assert_true(join(peer, 1, false));
	assert_false(join(peer, 2, false));
	tell(peer, &m);
	m.exec_signal = (struct msg_exec_signal){1, SIGINT};
	tell(peer, &m);
	heard = actor_hear(&supervisor, EXEC_SIGNAL);
	assert_true(heard->msg.exec_signal.stream == UINT64_MAX);
	assert_int_equal(heard->msg.exec_signal.signal, SIGINT);
	heard_free(heard);
}

/* ---- what a server may not do ---- */

static void
what_a_server_may_not_send(void **unused)
{
	const struct msg m = attach_of(1, false);
	static char block[65536];
	struct peer *peer, *other;

	(void)unused;
	peer = ssh_open();
	assert_int_equal(ask_now(peer, &m), ERR_STATE); /* there is no main process yet */
	main_give(false);
	other = ssh_open();
	assert_true(join(other, 9, false));
	for (int i = 0; i < 5; i++) {
		join(peer, 1, false);
		assert_int_equal(ask_now(peer, &m), ERR_EXISTS);
		if (i == 0)
			send_data(peer, 1, 1, 0, SPAN("against the direction"));
		else if (i == 1)
			send_data(peer, 1, 3, 0, SPAN("size")); /* there is no terminal */
		else if (i == 2)
			send_grant(peer, 1, 1, 1); /* back */
		else if (i == 3)
			send_end(peer, 1, 2, 0);
		else
			send_grant(peer, 1, 3, 100);
		expect_lost(1, "");
	}
	send_data(other, 1, 0, 0, SPAN("x")); /* another's number, which is nothing here */
	say(out, "still here");
	expect_data(&ssh, 9, 1, "still here");
	for (uint64_t offset = 0; offset < 2 * STREAM_WINDOW_BYTES;
	     offset += sizeof(block)) /* beyond credit and pipe */
		send_data(other, 9, 0, offset, span_of_bytes(block, sizeof(block)));
	expect_lost(9, "more than its credit");
}

static void
they_are_limited(void **unused)
{
	const struct msg m = attach_of(ATTACHED_MAX + 1, true);
	struct peer *peer;
	enum err r;

	(void)unused;
	main_give(false);
	peer = ssh_open();
	for (uint64_t i = 1; i <= ATTACHED_MAX; i++) {
		const struct msg one = attach_of(i, true);

		attach(peer, &one, false);
	}
	assert_int_equal(ask_now(peer, &m), ERR_LIMIT);
	peer->transport->cut(peer);
	for (peer = ssh_open(); (r = ask_now(peer, &m)) != OK;) /* until that is known */
		assert_int_equal(r, ERR_LIMIT);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stage, stage_end)
	const struct CMUnitTest tests[] = {
	    TEST(first_what_was_then_what_comes),
	    TEST(the_code_comes_behind_the_output),
	    TEST(a_slow_reader_misses_some_and_is_told),
	    TEST(more_than_a_ring_is_replayed_from_its_oldest),
	    TEST(another_link_replays_it_too),
	    TEST(one_writes_and_the_others_watch),
	    TEST(a_server_that_goes_leaves),
	    TEST(a_terminal_has_one_output_and_the_owners_size),
	    TEST(signals_come_from_the_one_who_writes),
	    TEST(what_a_server_may_not_send),
	    TEST(they_are_limited),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
