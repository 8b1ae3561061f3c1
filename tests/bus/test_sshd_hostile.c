/* sshd: clients that break the rules. What they do ends their own connection at most. */
#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/sanitized.h"
#include "tests/bus/sshd_stage.h"

static const char *
attack(const char *what)
{
	char line[64];

	snprintf(line, sizeof(line), "$HOSTILE $D/ssh %s", what);
	return client_run(line, 0);
}

static void
limits_are_kept(void **unused)
{
	(void)unused;
	assert_string_equal(attack("channels"), "channels 64\n");
	assert_string_equal(attack("listeners"), "listeners 16\nwrong one stopped 0\nstopped 1\nagain 1\n");
}

static void
signals_reach_their_command(void **unused)
{
	(void)unused;
	assert_string_equal(attack("signals"), "code -1\n");
	assert_int_equal(signals_seen[SIGTERM], 1);
	assert_int_equal(signals_seen[SIGSEGV], 0);
}

static void
requests_that_do_not_fit_are_refused(void **unused)
{
	(void)unused;
	assert_string_equal(attack("requests"), "refused 7\ncode 9\n");
	assert_string_equal(attack("lengthy"), "code 126\nchannels 64\n");
}

static void
channels_that_close_in_haste(void **unused)
{
	(void)unused;
	assert_non_null(strstr(attack("haste"), "in haste"));
	UNTIL(loop, commands_running == 0);
}

static unsigned long
memory_kb(pid_t pid)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if ((file = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmHWM: %lu", &kb) == 1)
			break;
	fclose(file);
	return kb;
}

/* Twenty commands that read nothing: what is kept for each is bounded, and others go on. */
static void
what_nobody_reads_is_bounded(void **unused)
{
	static struct client client;
	unsigned long most = 0;

	(void)unused;
	client_start(&client, "$HOSTILE $D/ssh flood", false);
	for (uint64_t until = clock_ms() + PATIENCE_MS; !client.over;) {
		unsigned long now = memory_kb(last_sshd);

		most = now > most ? now : most;
		turn(loop, until, "the flood");
	}
	assert_int_equal(client_wait(&client), 0);
	assert_non_null(strstr(client.out, "refused 7\ncode 9\n"));
	if (!SANITIZED)
		assert_in_range(most, 1, 100000);
}

/* What was sent to a port before its channel was closed arrives there, however slowly it is read. */
static void
what_was_sent_arrives(void **unused)
{
	static struct client server;

	(void)unused;
	client_start(&server,
	    "exec python3 -c \"import socket,time;s=socket.socket();s.setsockopt(socket.SOL_SOCKET,socket.SO_RCVBUF,4096);s.bind(('127.0.0.1',0));s.listen();print(s.getsockname()[1],flush=True)\n"
	    "c,_=s.accept();time.sleep(0.3);n=0\nwhile 1:\n b=c.recv(10000)\n if not b: break\n n+=len(b)\nprint('got',n);open('$D/got','w')\"",
	    false);
	client_await(&server, "\n");
	setenv("PORT", server.out, 1);
	assert_string_equal(attack("hurry"), "sent 6291456\ncode 0\n");
	assert_int_equal(client_wait(&server), 0);
	assert_non_null(strstr(server.out, "got 6291456\n"));
}

/* Bytes that are no SSH, or no more of it: the process ends by itself. */
static void
strangers_bytes(void **unused)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
	    {"", 0},
	    {"GET / HTTP/1.1\r\n\r\n", 18},
	    {"SSH-1.5-old\r\n", 13},
	    {"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff", 19},
	    {"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x14\0\0\0\0\0\0\0\0\0\0", 27},
	    {"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x01\0\0\0\0\0\0\0\0\0\0", 27},
	    {"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x1e\0\0\0\0\0\0\0\0\0\0", 27},
	    {"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x5a\0\0\0\0\0\0\0\0\0\0", 27},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned before = ended;
		int fd = connect_raw();

		assert_int_equal(write(fd, cases[i].bytes, cases[i].length), cases[i].length);
		if (i == 0)
			close(fd_take(&fd));
		for (char byte[4096]; fd >= 0;) { /* until it is closed, or has nothing more to say and we go */
			struct pollfd seen = {.fd = fd, .events = POLLIN};

			turn(loop, clock_ms() + 20, "bytes");
			if (poll(&seen, 1, 0) == 0 || read(fd, byte, sizeof(byte)) <= 0)
				clean_fd(&fd);
		}
		UNTIL(loop, ended == before + 1);
	}
	assert_string_equal(client_run("$SSH sandbox echo still there", 0), "still there\n");
}

/* The supervisor goes: so does it. Link goes: commands run on. */
static void
neighbours_that_go(void **unused)
{
	static struct client client;

	(void)unused;
	client_start(&client, "$SSH sandbox 'echo begun; read x; echo $x'", false);
	client_await(&client, "begun");
	link_goes();
	client_say(&client, "on\n");
	client_await(&client, "on\n");
	assert_int_equal(client_wait(&client), 0);
	client_start(&client, "$SSH sandbox 'echo begun; sleep 1000' 2>/dev/null", false);
	client_await(&client, "begun");
	supervisor_goes();
	assert_int_equal(client_wait(&client), 255);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(limits_are_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(signals_reach_their_command, setup, teardown),
	    cmocka_unit_test_setup_teardown(requests_that_do_not_fit_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(channels_that_close_in_haste, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_nobody_reads_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_sent_arrives, setup, teardown),
	    cmocka_unit_test_setup_teardown(strangers_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(neighbours_that_go, setup, teardown),
	};

	if (argc < 4)
		return 2;
	setenv("HOSTILE", argv[3], 1);
	argv[3] = argv[4];
	if (!stage_begin(argc - 1, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
