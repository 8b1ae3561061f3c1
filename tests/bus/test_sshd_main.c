/* sshd: the subsystem openshell-main, with a link that the test plays and OpenSSH's client. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/stream.h"
#include "tests/bus/session.h"
#include "tests/bus/sshd_stage.h"

#define ATTACH "$SSH -T -s sandbox openshell-main"

#define WINDOW_BYTES (256u << 10)

static struct client client;
static uint64_t stream;	  /* what sshd calls the attachment */
static struct peer *sshd; /* at the link */

/* A client begins, and link lets it take part. */
static struct msg_main_attach
attached(const char *line, bool terminal, bool tty, bool owner)
{
	struct msg_main_attach asked;
	struct heard *heard;

	client_start(&client, line, terminal);
	heard = actor_hear(&link_actor, MAIN_ATTACH);
	asked = heard->msg.main_attach;
	stream = asked.stream;
	sshd = heard->reply.peer;
	reply_send(&heard->reply, &(struct msg){.id = MAIN_ATTACHED, .main_attached = {.tty = tty, .owner = owner}});
	heard_free(heard);
	expect_grant(&link_actor, stream, 1, WINDOW_BYTES);
	expect_grant(&link_actor, stream, 2, WINDOW_BYTES);
	if (owner)
		send_grant(sshd, stream, 0, WINDOW_BYTES);
	if (owner && tty)
		send_grant(sshd, stream, 3, 1024);
	return asked;
}

static void
main_exits(uint16_t code)
{
	tell(sshd, &(const struct msg){.id = EXEC_EXITED, .exec_exited = {.stream = stream, .exit_code = code}});
}

static void
output_input_and_exit(void **unused)
{
	struct msg_main_attach asked =
	    attached(ATTACH " 2>$D/err; code=$?; cat $D/err; exit $code", false, false, true);

	(void)unused;
	assert_false(asked.read_only);
	assert_int_equal(asked.columns, 0);
	send_data(sshd, stream, 1, 0, SPAN("what it said before\n"));
	client_await(&client, "before\n");
	client_say(&client, "input");
	expect_data(&link_actor, stream, 0, "input");
	send_data(sshd, stream, 2, 0, SPAN("an error\n"));
	send_data(sshd, stream, 1, 20, SPAN("the last\n"));
	send_end(sshd, stream, 1, 29);
	send_end(sshd, stream, 2, 9);
	main_exits(143);
	assert_int_equal(client_wait(&client), 143);
	assert_string_equal(client.out, "what it said before\nthe last\nan error\n");
}

static void
a_pipe_ends_with_its_owner(void **unused)
{
	(void)unused;
	attached(ATTACH " </dev/null", false, false, true);
	expect_end(&link_actor, stream, 0, 0);
	main_exits(0);
	assert_int_equal(client_wait(&client), 0);
}

static void
who_comes_second_watches(void **unused)
{
	(void)unused;
	attached("(echo typed; sleep 1000) | " ATTACH, false, false, false);
	client_await(&client, "already has an input owner");
	client_await(&client, "read-only");
	send_data(sshd, stream, 1, 0, SPAN("seen\n"));
	client_await(&client, "seen\n");
	assert_null(actor_heard(&link_actor, STREAM_DATA));
	client_end(&client);
	heard_free(actor_hear(&link_actor, DOOR_CLOSED));
}

static void
who_wants_to_watch_watches(void **unused)
{
	struct msg_main_attach asked = attached(
	    "$SSH -o SetEnv=OPENSHELL_MAIN_READ_ONLY=1 -T -s sandbox openshell-main </dev/null", false, true, false);

	(void)unused;
	assert_true(asked.read_only);
	client_await(&client, "read-only");
	assert_null(strstr(client.out, "already"));
	main_exits(3);
	assert_int_equal(client_wait(&client), 3);
}

static void
a_terminals_size_and_detach_keys(void **unused)
{
	struct msg_main_attach asked = attached(
	    "$SSH -o 'SetEnv=OPENSHELL_MAIN_HINT=\"openshell sandbox connect box\"' -tt -s sandbox openshell-main",
	    true, true, true);
	const struct winsize size = {.ws_col = 132, .ws_row = 43};
	struct heard *heard;

	(void)unused;
	assert_int_equal(asked.columns, 80);
	assert_int_equal(asked.rows, 24);
	send_data(sshd, stream, 1, 0, SPAN("prompt"));
	client_await(&client, "prompt");
	assert_int_equal(ioctl(client.in, TIOCSWINSZ, &size), 0);
	heard = actor_hear(&link_actor, STREAM_DATA);
	assert_int_equal(heard->msg.stream_data.channel, 3);
	assert_memory_equal(heard->msg.stream_data.bytes.at, "\0\204\0\053", 4);
	heard_free(heard);
	client_say(&client, "\020x"); /* a Ctrl-P that is none of ours */
	expect_data(&link_actor, stream, 0, "\020x");
	client_say(&client, "y\020");
	expect_data(&link_actor, stream, 0, "y");
	client_say(&client, "\021");
	heard_free(actor_hear(&link_actor, DOOR_CLOSED));
	client_await(&client, "Detached");
	client_await(&client, "Come back with: openshell sandbox connect box\r\n");
	assert_int_equal(client_wait(&client), 0);
}

/* A client that does not read stops its stream, and no more than a window of it is kept. */
static void
no_credit_without_reading(void **unused)
{
	static char block[STREAM_CHUNK_BYTES];
	uint64_t sent = 0, limit = WINDOW_BYTES;
	struct heard *heard;

	(void)unused;
	attached(ATTACH " | (read x; cat >/dev/null)", false, false, true);
	for (uint64_t quiet = clock_ms() + 500; clock_ms() < quiet;) { /* until it grants nothing any more */
		if (sent < limit) {
			send_data(sshd, stream, 1, sent, span_of_bytes(block, sizeof(block)));
			sent += sizeof(block);
			quiet = clock_ms() + 500;
		}
		turn(loop, clock_ms() + 10, "grants");
		while ((heard = actor_heard(&link_actor, STREAM_GRANT)) != NULL) {
			limit = heard->msg.stream_grant.limit;
			heard_free(heard);
		}
		assert_in_range(sent, 1, 64u << 20);
	}
	assert_int_equal(client_run("$SSH sandbox true; echo $?", 0)[0], '0');
	client_end(&client);
}

static void
link_that_refuses_breaks_or_goes(void **unused)
{
	struct why why;
	struct heard *heard;

	(void)unused;
	client_start(&client, ATTACH, false);
	heard = actor_hear(&link_actor, MAIN_ATTACH);
	(void)fail(&why, ERR_STATE, "no main process yet");
	reply_fail(&heard->reply, ERR_STATE, &why);
	heard_free(heard);
	assert_int_equal(client_wait(&client), 255);
	assert_non_null(strstr(client.out, "no main process yet"));
	heard_free(actor_hear(&link_actor, DOOR_CLOSED));

	attached(ATTACH, false, false, true);
	tell(sshd, &(const struct msg){.id = DOOR_CLOSED, .door_closed = {stream, SPAN("too slow\033[2J")}});
	assert_int_equal(client_wait(&client), 255);
	assert_non_null(strstr(client.out, "too slow\\x1b[2J"));
	heard_free(actor_hear(&link_actor, DOOR_CLOSED));

	attached(ATTACH, false, false, true);
	send_data(sshd, stream, 1, 5, SPAN("out of order"));
	assert_int_equal(client_wait(&client), 255);

	attached(ATTACH, false, false, true);
	link_goes();
	assert_int_equal(client_wait(&client), 255);
	assert_non_null(strstr(client.out, "lost"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(output_input_and_exit, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_pipe_ends_with_its_owner, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_comes_second_watches, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_wants_to_watch_watches, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_terminals_size_and_detach_keys, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_credit_without_reading, setup, teardown),
	    cmocka_unit_test_setup_teardown(link_that_refuses_breaks_or_goes, setup, teardown),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
