/*
 * hostile_client: an SSH client that does what no honest one does, by libssh.
 * usage: hostile_client SOCKET WHAT; prints what came of it. Ends with 0 if the server did what it should.
 */
#include <libssh/libssh.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MANY 200

static ssh_session
session_open(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	ssh_session session = ssh_new();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), no = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror(path);
		exit(2);
	}
	ssh_options_set(session, SSH_OPTIONS_HOST, "sandbox");
	ssh_options_set(session, SSH_OPTIONS_USER, "anybody");
	ssh_options_set(session, SSH_OPTIONS_FD, &fd);
	ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
	if (ssh_connect(session) != SSH_OK || ssh_userauth_none(session, NULL) != SSH_AUTH_SUCCESS) {
		fprintf(stderr, "%s\n", ssh_get_error(session));
		exit(2);
	}
	return session;
}

static int
printed(const char *what, int n)
{
	printf("%s %d\n", what, n);
	return 0;
}

/* Read to the end of a command. */
static int
code_of(ssh_channel channel)
{
	char dropped[4096];

	while (!ssh_channel_is_eof(channel) && !ssh_channel_is_closed(channel)) {
		ssh_channel_read_timeout(channel, dropped, sizeof(dropped), 1, 50);
		ssh_channel_read_nonblocking(channel, dropped, sizeof(dropped), 0);
	}
	return ssh_channel_get_exit_status(channel);
}

/* As many channels as there may be. */
static int
channels(ssh_session session)
{
	int n = 0;

	while (n < MANY && ssh_channel_open_session(ssh_channel_new(session)) == SSH_OK)
		n++;
	return printed("channels", n);
}

static int
listeners(ssh_session session)
{
	int n = 0, port = 0;

	while (n < MANY && ssh_channel_listen_forward(session, "localhost", 0, &port) == SSH_OK)
		n++;
	printed("listeners", n);
	printed("wrong one stopped", ssh_channel_cancel_forward(session, "localhost", 1) == SSH_OK);
	printed("stopped", ssh_channel_cancel_forward(session, "localhost", port) == SSH_OK);
	return printed("again", ssh_channel_listen_forward(session, "localhost", 0, &port) == SSH_OK);
}

/* A signal while the command is being started, and a name that is none. A command that a client ended has no exit code. */
static int
signals(ssh_session session)
{
	ssh_channel channel = ssh_channel_new(session);

	if (ssh_channel_open_session(channel) != SSH_OK ||
	    ssh_channel_request_exec(channel, "exec sleep 1000") != SSH_OK)
		return 1;
	ssh_channel_request_send_signal(channel, "SEGFAULT");
	ssh_channel_request_send_signal(channel, "TERM");
	return printed("code", code_of(channel));
}

/* A command, and a second one on its channel; a terminal when it is too late; a subsystem that nobody knows. */
static int
requests(ssh_session session)
{
	ssh_channel channel = ssh_channel_new(session), other = ssh_channel_new(session);
	int refused = 0;

	if (ssh_channel_open_session(channel) != SSH_OK || ssh_channel_request_exec(channel, "sleep 1000") != SSH_OK ||
	    ssh_channel_open_session(other) != SSH_OK)
		return 1;
	refused += ssh_channel_request_exec(channel, "sleep 1000") != SSH_OK;
	refused += ssh_channel_request_shell(channel) != SSH_OK;
	refused += ssh_channel_request_pty(channel) != SSH_OK;
	refused += ssh_channel_request_sftp(channel) != SSH_OK;
	refused += ssh_channel_request_subsystem(other, "nobody-knows") != SSH_OK;
	refused += ssh_channel_request_env(other, "LD_PRELOAD", "/tmp/x.so") != SSH_OK;
	refused += ssh_channel_request_x11(other, 0, NULL, NULL, 0) != SSH_OK;
	(void)ssh_channel_request_auth_agent(other); /* wants no answer */
	if (ssh_channel_request_exec(other, "exit 9") != SSH_OK)
		return 1;
	return printed("refused", refused) + printed("code", code_of(other));
}

/* Channels that are closed in the middle of everything. */
static int
haste(ssh_session session)
{
	int n = 0;

	for (int i = 0; i < MANY; i++) {
		ssh_channel channel = ssh_channel_new(session);

		if (ssh_channel_open_session(channel) == SSH_OK &&
		    ssh_channel_request_exec(channel, "cat; sleep 1000") == SSH_OK &&
		    ssh_channel_write(channel, "x", 1) == 1)
			n++;
		ssh_channel_free(channel);
	}
	return printed("in haste", n);
}

/* A command of 40,000 bytes, which is more than any may have; the connection goes on. */
static int
lengthy(ssh_session session)
{
	static char line[40000];
	ssh_channel channel = ssh_channel_new(session);

	memset(line, 'x', sizeof(line) - 1);
	if (ssh_channel_open_session(channel) != SSH_OK || ssh_channel_request_exec(channel, line) != SSH_OK)
		return 1;
	printed("code", code_of(channel));
	ssh_channel_free(channel);
	return channels(session);
}

/* Bytes for commands that read none, on as many channels as there may be: the windows close, and it is still there. */
static int
flood(ssh_session session)
{
	static char block[1 << 20];
	unsigned total = 0;

	ssh_set_blocking(session, 1);
	for (int i = 0; i < 20; i++) {
		ssh_channel channel = ssh_channel_new(session);

		if (ssh_channel_open_session(channel) != SSH_OK ||
		    ssh_channel_request_exec(channel, "sleep 1000") != SSH_OK)
			return 1;
		ssh_set_blocking(session, 0);
		for (int j = 0; j < 200; j++) {
			int n = ssh_channel_write(channel, block, sizeof(block));

			total += n > 0 ? (unsigned)n : 0;
		}
		ssh_set_blocking(session, 1);
	}
	printf("flooded with %u MB\n", total / 1000000);
	return requests(session);
}

/* More for a port than its socket holds, and gone. */
static int
hurry(ssh_session session)
{
	static char block[6 << 20];
	ssh_channel channel = ssh_channel_new(session), after = ssh_channel_new(session);
	const char *port = getenv("PORT");

	if (ssh_channel_open_forward(
		channel, "localhost", port == NULL ? 0 : (int)strtol(port, NULL, 10), "localhost", 1) != SSH_OK)
		return 1;
	printed("sent", ssh_channel_write(channel, block, sizeof(block)));
	ssh_channel_free(channel);
	if (ssh_channel_open_session(after) != SSH_OK ||
	    ssh_channel_request_exec(after, "while ! [ -e got ]; do sleep 0.02; done") != SSH_OK)
		return 1;
	return printed("code", code_of(after));
}

static const struct {
	const char *name;
	int (*run)(ssh_session session);
} attacks[] = {
    {"channels", channels},
    {"listeners", listeners},
    {"signals", signals},
    {"requests", requests},
    {"haste", haste},
    {"lengthy", lengthy},
    {"flood", flood},
    {"hurry", hurry},
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (strcmp(attacks[i].name, argv[2]) == 0)
			return attacks[i].run(session_open(argv[1]));
	return 2;
}
