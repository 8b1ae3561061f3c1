/* The ways into a sandbox that carry bytes, against a gateway that sends them back: nothing lost, ends told, the terminal
 * given back; and what ssh is asked for, by a stand-in that writes it down. */
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/test.h"

#include "clients/cli/listener.h"
#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/unit/cli/fake.h"
#include "tests/unit/cli/run.h"
#include "tests/unit/run.h"

#define BIG (5u << 20)

static struct fake fake;
static struct run run;
static const char *program;

/* Run it with standard input from one of our pipes and output into another; the caller closes both. */
static pid_t
piped(const char *const *words, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		abort();
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], 0);
		dup2(from[1], 1);
		execv(program, (char *const *)(uintptr_t)words);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = from[0];
	return pid;
}

/* A child that writes bytes made of their own number, and ends: whoever reads them sees one that is missing. */
static pid_t
writer(int fd, size_t length)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t at = 0; at < length;) {
		unsigned char piece[7777];
		size_t n = length - at < sizeof(piece) ? length - at : sizeof(piece);

		for (size_t i = 0; i < n; i++)
			piece[i] = (unsigned char)((at + i) * 2654435761u >> 24);
		if (write(fd, piece, n) != (ssize_t)n)
			_exit(1);
		at += n;
	}
	_exit(0);
}

/* Read to the end; how many bytes were right before the first that was not, and what came behind them. */
static size_t
checked(int fd, size_t length, char *rest, size_t rest_size)
{
	unsigned char piece[10000];
	size_t right = 0, more = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (more == 0 && right < length && piece[i] == (unsigned char)(right * 2654435761u >> 24))
				right++;
			else if (more < rest_size - 1)
				rest[more++] = (char)piece[i];
		}
	rest[more] = '\0';
	return right;
}

/* Much goes in, all of it comes back, byte for byte. */
static void
round_trip(const char *const *words, const char *behind)
{
	char rest[16];
	pid_t pid, writing;
	int in, out;

	pid = piped(words, &in, &out);
	writing = writer(in, BIG);
	close(in);
	assert_int_equal(checked(out, BIG, rest, sizeof(rest)), BIG);
	assert_string_equal(rest, behind);
	assert_int_equal(run_wait(writing), 0);
	assert_int_equal(run_wait(pid), 0);
	close(out);
}

static void
test_exec_much(void **state)
{
	static const char *const words[] = {"openshell", "sandbox", "exec", "-n", "demo", "--", "cat", NULL};

	(void)state;
	round_trip(words, "");
}

/* A command that ends does not wait for the end of its input, and what is in it already does not matter. */
static void
test_exec_endless(void **state)
{
	static const char *const words[] = {"openshell", "sandbox", "exec", "-n", "demo", "--", "exit", "3", NULL};
	pid_t pid;
	int in, out;

	(void)state;
	pid = piped(words, &in, &out);
	assert_int_equal(run_wait(pid), 3);
	close(in);
	close(out);
	run_cli(&run, "sandbox exec -n demo -- cat", "12345", 5); /* all of it there at once: one message */
	assert_int_equal(run.code, 0);
	assert_string_equal(run.out, "12345");
	assert_non_null(strstr(fake.log->text, "ExecSandbox {"));
}

static void
test_proxy(void **state)
{
	static const char *const by_name[] = {"openshell", "ssh-proxy", "--name", "demo", NULL};
	static const char *const by_id[] = {"openshell", "ssh-proxy", "--sandbox-id", "x", NULL};

	(void)state;
	fake_clear(&fake);
	round_trip(by_name, "bye"); /* behind our end: it was a half close */
	assert_non_null(strstr(fake.log->text, "\"ssh\":{}"));
	assert_non_null(strstr(fake.log->text, "RevokeSshSession"));
	setenv("OPENSHELL_SSH_TOKEN", "tok.en-1", 1);
	round_trip(by_id, "bye");
	setenv("OPENSHELL_SSH_TOKEN", "old", 1);
	run_cli(&run, "ssh-proxy --sandbox-id x", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "Error: SSH session token is not valid"));
	assert_int_equal(run.out_length, 0);
	unsetenv("OPENSHELL_SSH_TOKEN");
}

/* What is wrong is said, before anything happens: command line, exit code, standard error, calls. */
static const struct {
	const char *command;
	int code;
	const char *err, *calls;
} refused[] = {
    {"ssh-proxy", 2, "wants --name, or --sandbox-id with --token", ""},
    {"ssh-proxy --sandbox-id x", 2, "OPENSHELL_SSH_TOKEN", ""},
    {"ssh-proxy --name demo --sandbox-id x", 2, "cannot be used together", ""},
    {"ssh-proxy --name demo --gateway nowhere", 2, "--gateway \"nowhere\"", ""},
    {"ssh-proxy --name missing", 1, "sandbox missing: sandbox not found", "GetSandbox"},
    {"ssh-proxy --name starting", 1, "sandbox is not ready", "GetSandbox"},
    {"sandbox connect missing", 1, "sandbox missing: sandbox not found", "GetSandbox"},
    {"sandbox connect starting", 1, "sandbox is not ready: it is in phase Provisioning", "GetSandbox"},
    {"sandbox connect demo --editor emacs", 2, "--editor \"emacs\"", ""},
    {"sandbox connect demo --editor cursor", 1, "the editor's command line is missing", "GetSandbox"},
    {"sandbox connect demo --editor vscode --read-only", 2, "cannot be used together", ""},
    {"sandbox create --no-keep --forward 8080", 2, "cannot be used together", ""},
    {"sandbox create --forward 8080 -o json", 2, "cannot be used together", ""},
    {"sandbox create --forward h:8080", 2, "--forward \"h:8080\"", ""},
    {"forward start", 2, "wants [ADDRESS:]PORT", ""},
    {"forward start 0", 2, "\"0\": [ADDRESS:]PORT is wanted", ""},
    {"forward stop x", 2, "a port from 1 to 65535", ""},
    {"forward stop 4242", 0, "No forward of port 4242\n", ""},
    {"forward stop 4242 demo", 0, "No forward of port 4242 to sandbox demo\n", ""},
    {"forward list", 0, "No active forwards.\n", ""},
    {"forward service demo", 2, "wants --target-port", ""},
    {"forward service demo --target-port 0", 2, "--target-port \"0\"", ""},
    {"forward service demo --target-port 80 --target-host example.org", 2, "--target-host \"example.org\"", ""},
    {"forward service demo --target-port 80 --local 70000", 2, "--local \"70000\"", ""},
    {"forward service missing --target-port 80", 1, "sandbox missing: sandbox not found", "GetSandbox"},
    {"forward service starting --target-port 80", 1, "sandbox is not ready", "GetSandbox"},
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		fake_clear(&fake);
		run_cli(&run, refused[i].command, NULL, 0);
		if (run.code != refused[i].code || strstr(run.err, refused[i].err) == NULL ||
		    strncmp(fake.log->text, refused[i].calls, strlen(refused[i].calls)) != 0 ||
		    (refused[i].calls[0] == '\0' && fake.log->length > 0))
			fail_msg("%s\ncode %d, not %d\nerr: %s\ncalls: %s", refused[i].command, run.code,
			    refused[i].code, run.err, fake.log->text);
	}
}

/* A port that somebody has. */
static void
test_port_busy(void **state)
{
	struct listener_address address = {.host = "127.0.0.1"};
	char command[128];
	int fd;

	(void)state;
	assert_int_equal(listener_open(&address, &fd, NULL), OK);
	snprintf(command, sizeof(command), "forward start %u demo", address.port);
	run_cli(&run, command, NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "is in use on this machine"));
	snprintf(command, sizeof(command), "forward service demo --target-port 80 --local %u", address.port);
	run_cli(&run, command, NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "is in use on this machine"));
	close(fd);
}

/* One connection through forward service; what came back. */
static size_t
through(uint16_t port, const char *text, char *to, size_t size)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	shutdown(fd, SHUT_WR);
	while ((n = read(fd, to + length, size - 1 - length)) > 0)
		length += (size_t)n;
	close(fd);
	to[length] = '\0';
	return length;
}

/* Start it and read from its first line where it listens. */
static pid_t
service_start(const char *target, uint16_t *port, int *err)
{
	const char *const words[] = {
	    "openshell", "forward", "service", "demo", "--target-port", target, "--local", "0", NULL};
	int pipes[2];
	char line[256] = "";
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		abort();
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipes[1], 2);
		execv(program, (char *const *)(uintptr_t)words);
		_exit(127);
	}
	close(pipes[1]);
	for (size_t n = 0; n < sizeof(line) - 1 && (n == 0 || line[n - 1] != '\n'); n++)
		assert_int_equal(read(pipes[0], line + n, 1), 1);
	*port = (uint16_t)strtoul(strstr(line, "port ") + 5, NULL, 10);
	*err = pipes[0];
	return pid;
}

static void
test_service(void **state)
{
	char back[256];
	uint16_t port;
	pid_t pid;
	int err;

	(void)state;
	fake_clear(&fake);
	pid = service_start("8000", &port, &err);
	for (int i = 0; i < 5; i++) {
		through(port, "hello", back, sizeof(back));
		assert_string_equal(back, "hellobye");
	}
	assert_non_null(strstr(fake.log->text, "\"tcp\":{\"host\":\"127.0.0.1\",\"port\":8000}"));
	kill(pid, SIGINT);
	assert_int_equal(run_wait(pid), 128 + SIGINT);
	close(err);
	pid = service_start("9", &port, &err); /* nobody listens there: the connection ends, the forward goes on */
	assert_int_equal(through(port, "hello", back, sizeof(back)), 0);
	assert_int_equal(read(err, back, sizeof(back) - 1) > 0, 1);
	assert_non_null(strstr(back, "A connection to sandbox demo failed: connection refused"));
	assert_int_equal(through(port, "hello", back, sizeof(back)), 0);
	kill(pid, SIGTERM);
	assert_int_equal(run_wait(pid), 128 + SIGTERM);
	close(err);
}

/* A program on a terminal of ours. */
static pid_t
on_terminal(const char *const *words, int *master)
{
	struct winsize size = {.ws_col = 91, .ws_row = 33};
	pid_t pid = forkpty(master, NULL, NULL, &size);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(program, (char *const *)(uintptr_t)words);
		_exit(127);
	}
	return pid;
}

/* Read from a terminal until text came; false after ten seconds without it. */
static bool
until_shown(int master, const char *text)
{
	char seen[4096] = "";
	size_t length = 0;
	uint64_t end_ms = clock_ms() + 10000;

	while (strstr(seen, text) == NULL && length < sizeof(seen) - 1 && clock_ms() < end_ms) {
		ssize_t n = read(master, seen + length, sizeof(seen) - 1 - length);

		if (n <= 0)
			return false;
		length += (size_t)n;
		seen[length] = '\0';
	}
	return strstr(seen, text) != NULL;
}

/* The terminal is raw while the command runs; its changes of size are passed on; Ctrl-C is a byte. */
static void
test_terminal(void **state)
{
	static const char *const words[] = {"openshell", "sandbox", "exec", "--tty", "-n", "demo", "size", NULL};
	static const int ends[] = {SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV};
	struct winsize other = {.ws_col = 120, .ws_row = 40};
	struct termios before, during, after;
	int master;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		int slave, status;

		pid = on_terminal(words, &master);
		slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
		tcgetattr(slave, &before);
		before.c_lflag |= ICANON | ECHO | ISIG; /* as a new terminal is; it may be raw by now */
		assert_true(until_shown(master, "91x33\n"));
		assert_int_equal(ioctl(master, TIOCSWINSZ, &other), 0);
		assert_true(until_shown(master, "120x40\n"));
		tcgetattr(slave, &during);
		assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), 0);
		assert_int_equal(write(master, "\x03", 1), 1); /* does not end it */
		kill(pid, ends[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), 128 + ends[i]);
		tcgetattr(slave, &after);
		assert_int_equal(after.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
		assert_int_equal(after.c_oflag & OPOST, OPOST);
		close(slave);
		close(master);
	}
}

static bool
ssh_was_told(const char *line)
{
	char words[256];

	snprintf(words, sizeof(words), "%s/words", run_directory());
	return program_run((const char *const[]){"/bin/grep", "-qxF", "-e", line, words, NULL}) == 0;
}

static void
test_connect(void **state)
{
	auto_free char *kept = strdup(getenv("PATH"));

	(void)state;
	run_ssh("exit 7");
	fake_clear(&fake);
	run_cli(&run, "sandbox connect demo --read-only", NULL, 0);
	assert_int_equal(run.code, 7);
	assert_true(ssh_was_told("-T"));
	assert_true(ssh_was_told("-s"));
	assert_true(ssh_was_told("openshell-main"));
	assert_true(ssh_was_told("token=tok.en-1"));
	assert_true(ssh_was_told("SetEnv=TERM=xterm-256color OPENSHELL_MAIN_READ_ONLY=1 "
				 "\"OPENSHELL_MAIN_HINT=openshell sandbox connect demo\""));
	assert_non_null(strstr(fake.log->text, "RevokeSshSession"));
	run_ssh("exit 255");
	run_cli(&run, "sandbox connect demo", NULL, 0);
	assert_int_equal(run.code, 255);
	assert_non_null(strstr(run.err, "The connection was lost; the main process goes on.\nCome back with: "
					"openshell sandbox connect demo"));
	run_ssh("echo 'no route' >&2; exit 1");
	run_cli(&run, "forward start 45678 demo -d", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "the forward did not come about: no route\n"));
	assert_true(ssh_was_told("127.0.0.1:45678:127.0.0.1:45678"));
	setenv("PATH", "/nonexistent:", 1);
	run_cli(&run, "sandbox connect demo", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "ssh is not installed on this machine"));
	fake_clear(&fake);
	run_cli(&run, "sandbox create --name demo --no-keep -- true", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "ssh is not installed"));
	assert_int_equal(fake.log->length, 0); /* nothing was created */
	setenv("PATH", kept, 1);
}

/* With --no-keep: attached, waited for, deleted; the exit code is the main process's. */
static void
test_create(void **state)
{
	(void)state;
	run_ssh("echo output; exit 3");
	fake_clear(&fake);
	run_cli(&run, "sandbox create --name ended --no-keep -- false", NULL, 0);
	assert_int_equal(run.code, 3);
	assert_string_equal(run.out, "Created sandbox: ended\noutput\nDeleted sandbox ended\n");
	run_ssh("exit 1");
	fake_clear(&fake);
	run_cli(&run, "sandbox create --name demo", NULL, 0); /* no terminal: not attached */
	assert_int_equal(run.code, 0);
	assert_null(strstr(fake.log->text, "CreateSshSession"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exec_much),
	    cmocka_unit_test(test_exec_endless),
	    cmocka_unit_test(test_proxy),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_port_busy),
	    cmocka_unit_test(test_service),
	    cmocka_unit_test(test_terminal),
	    cmocka_unit_test(test_connect),
	    cmocka_unit_test(test_create),
	};
	int failed;

	if (argc != 2)
		return 2;
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	fake_start(&fake);
	run_setup(program, fake.endpoint);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fake_stop(&fake);
	run_teardown();
	return failed;
}
