/* link: the byte streams of commands, and the output of the main process. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/stream.h"
#include "common/os/file.h"
#include "tests/bus/link_stage.h"

static void
a_commands_bytes_and_end(void **unused)
{
	struct command command;
	const struct msg end = {.id = STREAM_END, .stream_end = {4, 0, 5}};
	char input[16];

	(void)unused;
	running();
	exec_run(4, &command);
	send_data(relay.peer, 4, 0, 0, SPAN("input"));
	tell(relay.peer, &end);
	assert_int_equal(read(command.fds[0], input, sizeof(input)), 5);
	assert_memory_equal(input, "input", 5);
	assert_int_equal(read(command.fds[0], input, sizeof(input)), 0);
	send_grant(relay.peer, 4, 1, 1000);
	send_grant(relay.peer, 4, 2, 1000);
	say(command.fds[1], "output");
	expect_data(&relay, 4, 1, "output");
	say(command.fds[2], "errors");
	expect_data(&relay, 4, 2, "errors");
	say(command.fds[1], "last");
	command_close(&command);
	command_exits(&command, 42);
	expect_data(&relay, 4, 1, "last");
	expect_exited(&relay, 4, 42);
	for (int i = 0; i < 2; i++) { /* both ends have come before it */
		struct heard *heard = actor_heard(&relay, STREAM_END);

		assert_non_null(heard);
		heard_free(heard);
	}
	command_exits(&command, 42); /* told twice: once is passed on */
	send_data(relay.peer, 4, 0, 5, SPAN("late"));
	exec_run(4, &command); /* and the number is free */
	assert_null(actor_heard(&relay, EXEC_EXITED));
	command_close(&command);
}

/* Without credit nothing is read: the pipe fills, and the command waits. */
static void
no_credit_no_reading(void **unused)
{
	struct command command;
	char block[4096];
	size_t written = 0;
	ssize_t n;

	(void)unused;
	memset(block, 'x', sizeof(block));
	running();
	exec_run(4, &command);
	assert_int_equal(fcntl(command.fds[1], F_SETFL, O_NONBLOCK), 0);
	send_grant(relay.peer, 4, 1, 10);
	say(command.fds[1], "0123456789abc");
	expect_data(&relay, 4, 1, "0123456789");
	assert_int_equal(ask_now(supervisor.peer, &ready), OK); /* by now it would have sent more */
	assert_null(actor_heard(&relay, STREAM_DATA));
	while ((n = write(command.fds[1], block, sizeof(block))) > 0)
		written += (size_t)n;
	assert_in_range(written, 32768, 1 << 20);
	send_grant(relay.peer, 4, 1, 13);
	expect_data(&relay, 4, 1, "abc");
	command_close(&command);
	command_exits(&command, 0);
	expect_end(&relay, 4, 2, 0);
	assert_null(actor_heard(&relay, EXEC_EXITED)); /* its output has not been taken yet */
	send_grant(relay.peer, 4, 1, 13 + written);
	expect_end(&relay, 4, 1, 13 + written);
	expect_exited(&relay, 4, 0);
}

/* A grandchild keeps the pipe: what the command itself wrote comes, and then the end, half a second later. */
static void
a_grandchild_does_not_hold_the_end(void **unused)
{
	struct command command;
	uint64_t began;

	(void)unused;
	running();
	exec_run(4, &command);
	send_grant(relay.peer, 4, 1, 1000);
	send_grant(relay.peer, 4, 2, 1000);
	say(command.fds[1], "word");
	began = clock_ms();
	command_exits(&command, 0);
	expect_data(&relay, 4, 1, "word");
	expect_exited(&relay, 4, 0);
	assert_in_range(clock_ms() - began, 490, 3000);
	command_close(&command);
}

/* Nor when its reader is slow, so that credit for what it wrote comes after that half second. */
static void
a_grandchild_does_not_hold_what_waits_for_credit(void **unused)
{
	struct command command;

	(void)unused;
	running();
	exec_run(4, &command);
	send_grant(relay.peer, 4, 2, 1000);
	say(command.fds[1], "word");
	command_exits(&command, 0);
	expect_end(&relay, 4, 2, 0); /* the half second is over */
	send_grant(relay.peer, 4, 1, 1000);
	expect_data(&relay, 4, 1, "word");
	expect_end(&relay, 4, 1, 4);
	expect_exited(&relay, 4, 0);
	command_close(&command);
}

/* The command does not read its input: the window is not opened again until it does. */
static void
input_waits_for_its_reader(void **unused)
{
	static char block[STREAM_WINDOW_BYTES];
	struct command command;
	struct heard *heard;
	size_t sent = 0, got = 0;

	(void)unused;
	running();
	exec_run(4, &command);
	for (; sent < sizeof(block); sent += 32768)
		send_data(relay.peer, 4, 0, sent, span_of_bytes(block, 32768));
	assert_int_equal(ask_now(supervisor.peer, &ready), OK);
	assert_null(actor_heard(&relay, STREAM_GRANT));
	assert_int_equal(fcntl(command.fds[0], F_SETFL, O_NONBLOCK), 0);
	while (got < sent) {
		ssize_t n = read(command.fds[0], block, sizeof(block));

		got += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			assert_int_equal(loop_turn(loop, 1, NULL), OK);
	}
	heard = actor_hear(&relay, STREAM_GRANT);
	assert_true(heard->msg.stream_grant.limit > sent);
	heard_free(heard);
	close(fd_take(&command.fds[0])); /* it reads no more: bytes are dropped, and credit goes on */
	send_data(relay.peer, 4, 0, sent, span_of_bytes(block, 32768));
	command_close(&command);
	command_exits(&command, 0);
	expect_exited(&relay, 4, 0);
}

static void
a_terminal_is_one_descriptor_with_a_size(void **unused)
{
	const struct msg m = {.id = EXEC_START,
	    .exec_start = {.stream = 4, .command = argv_true, .command_n = 1, .tty = true, .columns = 80, .rows = 24}};
	const struct msg exited = {.id = EXEC_EXITED, .exec_exited = {.exit_code = 0}};
	struct msg started = {.id = EXEC_STARTED, .exec_started = {77}, .fds_n = 1}, last = exited;
	struct winsize size = {0};
	struct outcome outcome;
	struct heard *heard;
	char input[16];
	int master, slave;

	(void)unused;
	running();
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	ask(&outcome, relay.peer, &m);
	heard = actor_hear(&supervisor, EXEC_START);
	assert_int_equal(heard->msg.fds_n, 0);
	last.exec_exited.stream = heard->msg.exec_start.stream;
	started.fds[0] = master;
	reply_send(&heard->reply, &started);
	close(master);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	expect_end(&relay, 4, 2, 0);
	send_grant(relay.peer, 4, 1, 1000);
	send_data(relay.peer, 4, 3, 0, span_of_bytes("\0\x64\0", 3));
	send_data(relay.peer, 4, 3, 3, span_of_bytes("\x1e", 1));
	while (ioctl(slave, TIOCGWINSZ, &size) < 0 || size.ws_col != 100)
		assert_int_equal(loop_turn(loop, 1, NULL), OK);
	assert_int_equal(size.ws_row, 30);
	say(slave, "hello");
	expect_data(&relay, 4, 1, "hello");
	send_data(relay.peer, 4, 0, 0, SPAN("line\n"));
	assert_int_equal(read(slave, input, sizeof(input)), 5);
	assert_memory_equal(input, "line\n", 5);
	close(slave);
	tell(supervisor.peer, &last);
	expect_end(&relay, 4, 1, 5 + 6); /* and the echo of the line */
	expect_exited(&relay, 4, 0);
}

/* The main process never blocks on us, and sees no end of its input. */
static void
the_main_processes_output_is_drained(void **unused)
{
	static char block[65536];
	struct msg m = {.id = MAIN_STDIO, .fds_n = 4};
	int in[2], out[2], err[2];

	(void)unused;
	running();
	assert_true(pipe(in) == 0 && pipe(out) == 0 && pipe(err) == 0);
	assert_int_equal(memfd_fixed("output", STREAM_OUTPUT_BYTES, &m.fds[0], NULL), OK);
	m.fds[1] = in[1];
	m.fds[2] = out[0];
	m.fds[3] = err[0];
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
	close(m.fds[0]);
	close(in[1]);
	close(out[0]);
	close(err[0]);
	for (int i = 0; i < 40; i++) /* 2.5 MiB: more than the ring */
		assert_int_equal(write(out[1], block, sizeof(block)), sizeof(block));
	assert_int_equal(fcntl(in[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(read(in[0], block, 1), -1);
	m.fds_n = 1;
	m.fds[0] = in[0];
	assert_int_equal(ask_now(supervisor.peer, &m), ERR_PROTOCOL);
	close(in[0]);
	close(out[1]);
	close(err[1]);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_commands_bytes_and_end),
	    TEST(no_credit_no_reading),
	    TEST(a_grandchild_does_not_hold_the_end),
	    TEST(a_grandchild_does_not_hold_what_waits_for_credit),
	    TEST(input_waits_for_its_reader),
	    TEST(a_terminal_is_one_descriptor_with_a_size),
	    TEST(the_main_processes_output_is_drained),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
