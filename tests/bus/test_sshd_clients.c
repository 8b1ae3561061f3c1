/* sshd: OpenSSH's own clients, with commands that really run. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/sshd_stage.h"

static void
a_command_and_its_exit(void **unused)
{
	(void)unused;
	assert_string_equal(client_run("$SSH sandbox echo hello", 0), "hello\n");
	assert_string_equal(client_run("$SSH -l nobody-at-all sandbox 'exit 42'", 42), "");
	assert_string_equal(
	    client_run("$SSH sandbox 'echo out; echo err >&2' 2>$D/err; echo; cat $D/err", 0), "out\n\nerr\n");
	assert_string_equal(client_run("$SSH sandbox pwd", 0), client_run("echo $D", 0));
	assert_string_equal(client_run("$SSH sandbox 'kill -9 $$'", 137), "");
	/* variables do not reach a command */
	assert_string_equal(client_run("X=1 LANG=C $SSH -o SendEnv=X sandbox 'echo ${X-none}'", 0), "none\n");
}

static void
where_there_is_no_bash(void **unused)
{
	(void)unused;
	stage_bash = false;
	assert_string_equal(client_run("$SSH sandbox 'echo $0'", 0), "/bin/sh\n");
	assert_string_equal(client_run("echo 'echo $0' | $SSH -T sandbox", 0), "/bin/sh\n");
}

/* Whoever asks for a shell without a terminal reads a script from it. */
static void
a_shell_reads_a_script(void **unused)
{
	(void)unused;
	assert_string_equal(client_run("printf 'echo $((6*7))\\nexit 3\\n' | $SSH -T sandbox", 3), "42\n");
}

static void
any_key_authenticates(void **unused)
{
	(void)unused;
	client_run("ssh-keygen -q -t ed25519 -N '' -f $D/key", 0);
	assert_string_equal(
	    client_run("$SSH -o PreferredAuthentications=publickey -i $D/key sandbox echo key", 0), "key\n");
}

/* Bytes of every value in both directions, more than any window. Meanwhile another is asked whether it is still there. */
static void
bytes_are_exact(void **unused)
{
	static struct client alive;

	(void)unused;
	client_start(
	    &alive, "$SSH -o ServerAliveInterval=1 -o ServerAliveCountMax=1 sandbox 'sleep 2.2; echo alive'", false);
	client_run("head -c 6000000 /dev/urandom > $D/a; sha256sum < $D/a > $D/sum", 0);
	client_run("$SSH sandbox 'tee in' < $D/a | sha256sum | cmp - $D/sum && cmp $D/a $D/in", 0);
	client_run(
	    "$SSH -o RekeyLimit=1M -c chacha20-poly1305@openssh.com sandbox cat < $D/a | sha256sum | cmp - $D/sum", 0);
	assert_int_equal(client_wait(&alive), 0);
	assert_string_equal(alive.out, "alive\n");
}

static void
files_by_scp_sftp_and_rsync(void **unused)
{
	(void)unused;
	client_run("mkdir $D/from $D/to; head -c 3000000 /dev/urandom > $D/from/a; ln -s a $D/from/link", 0);
	client_run("$SCP -q $D/from/a sandbox:$D/to/a && cmp $D/from/a $D/to/a", 0);
	client_run("$SCP -q sandbox:$D/to/a $D/to/b && cmp $D/from/a $D/to/b", 0);
	client_run("$SCP -q -O $D/from/a sandbox:$D/to/c && cmp $D/from/a $D/to/c", 0);
	client_run(
	    "printf 'put %s/from/a %s/to/d\\nget %s/to/d %s/to/e\\n' $D $D $D $D | $SFTP -q -b - sandbox >/dev/null && cmp $D/from/a $D/to/e",
	    0);
	client_run("rsync -a -e \"$SSH\" $D/from/ sandbox:$D/to/tree/ && diff -r $D/from $D/to/tree", 0);
}

/* ---- terminals ---- */

static void
a_terminal_and_its_size(void **unused)
{
	static struct client client;
	const struct winsize size = {.ws_col = 132, .ws_row = 43};

	(void)unused;
	client_start(&client,
	    "TERM=vt100 $SSH -tt sandbox 'stty size; echo $TERM; tty -s && echo a-tty; while ! stty size | grep 132; do sleep 0.02; done; read x; read x; echo got $x; exit 7'",
	    true);
	client_await(&client, "24 80");
	client_await(&client, "vt100");
	client_await(&client, "a-tty");
	assert_int_equal(ioctl(client.in, TIOCSWINSZ, &size), 0);
	client_await(&client, "43 132");
	client_say(&client, "first\rword\r");
	client_await(&client, "got word");
	assert_int_equal(client_wait(&client), 7);
}

static void
a_login_shell_in_a_terminal(void **unused)
{
	static struct client client;

	(void)unused;
	client_start(&client, "TERM=dumb $SSH sandbox", true);
	client_say(&client, "PS1='READY '\r");
	client_await(&client, "\nREADY ");
	client_say(&client, "sh -c 'echo in-$((1+1)); sleep 1000'\r");
	client_await(&client, "in-2");
	client.out[client.out_n = 0] = '\0';
	/* Ctrl-C reaches the command, not the client; bash may just be giving it the terminal, and then it is asked again */
	for (uint64_t now = clock_ms(), again = now, until = now + PATIENCE_MS; strstr(client.out, "READY ") == NULL;
	     now = clock_ms()) {
		struct why why;

		assert_true(now < until);
		if (now >= again)
			client_say(&client, "\003");
		again = now >= again ? now + 300 : again;
		assert_int_equal(loop_turn(loop, (int)(again - now), &why), OK);
	}
	client_say(&client, "echo code=$?\r");
	client_await(&client, "code=130");
	client_say(&client, "exit 5\r");
	assert_int_equal(client_wait(&client), 5);
}

/* A client that goes away is hung up on; a background process that a finished shell has left stays. */
static void
who_goes_is_hung_up_on(void **unused)
{
	static struct client client;

	(void)unused;
	client_start(&client, "$SSH -tt sandbox 'echo begun; sleep 1000'", true);
	client_await(&client, "begun");
	assert_int_equal(commands_running, 1);
	client_end(&client);
	UNTIL(loop, commands_running == 0);
	UNTIL(loop, ended == connections);
}

/* ---- several at once ---- */

static void
channels_share_a_connection(void **unused)
{
	static struct client master, stalled;

	(void)unused;
	client_start(&master, "exec $SSH -M -N -S $D/control sandbox", false);
	client_run("while ! $SSH -S $D/control -O check sandbox 2>/dev/null; do sleep 0.02; done", 0);
	/* one command's output is read by nobody, another takes no input: neither holds up a third */
	client_start(&stalled,
	    "$SSH -S $D/control sandbox 'cat /dev/zero' | sleep 1000 & $SSH -S $D/control sandbox 'echo ready; sleep 1000' </dev/zero",
	    false);
	client_await(&stalled, "ready");
	client_run(
	    "for i in 1 2 3; do $SSH -S $D/control sandbox 'head -c 3000000 /dev/zero | sha256sum' > $D/out$i & done; wait; "
	    "head -c 3000000 /dev/zero | sha256sum > $D/want; for i in 1 2 3; do cmp $D/out$i $D/want || exit 1; done",
	    0);
	assert_int_equal(connections, 1);
	client_end(&master);
	client_end(&stalled);
}

/* ---- ports ---- */

static void
ports_forwarded_to(void **unused)
{
	static struct client server, forward;

	(void)unused;
	client_start(&server,
	    "exec python3 -c \"import socket,sys;s=socket.create_server(('127.0.0.1',0));print(s.getsockname()[1],flush=True)\n"
	    "while 1:\n c,_=s.accept();b=b''\n while 1:\n  d=c.recv(65536)\n  if not d: break\n  b+=d\n c.sendall(b);c.close()\"",
	    false);
	client_await(&server, "\n");
	setenv("PORT", server.out, 1);
	client_run("head -c 1000000 /dev/urandom > $D/a; $SSH -W 127.0.0.1:$PORT sandbox < $D/a | cmp - $D/a", 0);
	client_run("$SSH -W localhost:$PORT sandbox < $D/a | cmp - $D/a", 0);
	client_run("$SSH -W 127.0.0.1:1 sandbox </dev/null 2>/dev/null", 255); /* nobody listens */
	client_run("$SSH -W 10.0.0.1:22 sandbox </dev/null 2>/dev/null", 255); /* nowhere else */
	client_start(&forward, "exec $SSH -N -L $D/unix:127.0.0.1:$PORT sandbox", false);
	assert_string_equal(client_run("python3 -c \"import socket,time\ns=socket.socket(socket.AF_UNIX)\n"
				       "while s.connect_ex('$D/unix'): time.sleep(0.02)\n"
				       "s.sendall(b'abc');s.shutdown(1);print(s.recv(9))\"",
				0),
	    "b'abc'\n");
	client_end(&forward);
	client_end(&server);
}

/* The other direction: what connects in the sandbox comes out at the client. */
static void
ports_forwarded_from(void **unused)
{
	static struct client server, forward;

	(void)unused;
	client_start(&server,
	    "exec python3 -c \"import socket\ns=socket.socket(socket.AF_UNIX);s.bind('$D/back');s.listen();print('up',flush=True)\n"
	    "while 1:\n c,_=s.accept();c.sendall(b'<'+c.recv(99)+b'>');c.close()\"",
	    false);
	client_await(&server, "up");
	client_start(&forward,
	    "$SSH -v -R 0:$D/back sandbox 'echo begun; sleep 1000' 2>&1 | grep --line-buffered -o 'Allocated port [0-9]*\\|begun'",
	    false);
	client_await(&forward, "Allocated port ");
	client_await(&forward, "begun");
	setenv("PORT", strstr(forward.out, "port ") + 5, 1);
	assert_non_null(strstr(
	    client_run(
		"P=${PORT%%[!0-9]*}; python3 -c \"import socket;s=socket.create_connection(('127.0.0.1',$P));s.sendall(b'word');print(s.recv(99))\"",
		0),
	    "<word>"));
	client_run("$SSH -R 1:$D/back -o ExitOnForwardFailure=yes -N sandbox 2>/dev/null", 255); /* without privilege */
	client_end(&forward);
	client_end(&server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_command_and_its_exit, setup, teardown),
	    cmocka_unit_test_setup_teardown(where_there_is_no_bash, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_shell_reads_a_script, setup, teardown),
	    cmocka_unit_test_setup_teardown(any_key_authenticates, setup, teardown),
	    cmocka_unit_test_setup_teardown(bytes_are_exact, setup, teardown),
	    cmocka_unit_test_setup_teardown(files_by_scp_sftp_and_rsync, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_terminal_and_its_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_login_shell_in_a_terminal, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_goes_is_hung_up_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(channels_share_a_connection, setup, teardown),
	    cmocka_unit_test_setup_teardown(ports_forwarded_to, setup, teardown),
	    cmocka_unit_test_setup_teardown(ports_forwarded_from, setup, teardown),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
