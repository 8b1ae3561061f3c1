/*
 * The stage of the tests of sshd: a process of it for each connection to a Unix socket, with a supervisor that really
 * starts commands, a link whose main process is scripted, and OpenSSH's own clients.
 */
#ifndef TESTS_BUS_SSHD_STAGE_H
#define TESTS_BUS_SSHD_STAGE_H

#include "tests/bus/script.h"

extern struct loop *loop;
extern char directory[64];	    /* of the test's own: key of the host, sockets, files */
extern struct actor link_actor;	    /* the link: its peers are each connection's sshd */
extern unsigned connections, ended; /* how many sshd were started, and have ended */
extern pid_t last_sshd;
extern bool stage_bash; /* what the next sshd is told */
extern unsigned commands_running;
extern unsigned signals_seen[65]; /* by number: what sshd asked for commands to be sent */

/* The program under test and dial, from the command line; false: none. */
bool stage_begin(int argc, char **argv);

/* Around each test. */
int setup(void **unused);
int teardown(void **unused);

/* A client that runs: its output and how it ended. */
struct client {
	struct child child;
	bool over;
	int code;
	char out[1 << 16];
	size_t out_n;
	int in, from, master; /* its standard input; its output, standard error included; -1: closed */
	struct watch watch;
};

/*
 * Run a line of the shell with $SSH (ssh and its options, without the host), $SCP, $SFTP, $D the directory, and "sandbox" as the host.
 *
 * terminal  its three descriptors are a terminal of 80 by 24, whose master is client->in and ->from
 */
void client_start(struct client *client, const char *line, bool terminal);

/* Write to it. */
void client_say(struct client *client, const char *words);

/* Turn until its output holds the words. */
void client_await(struct client *client, const char *words);

/* Turn until it has ended. Returns its exit code. */
int client_wait(struct client *client);

/* Kill it and what it started. */
void client_end(struct client *client);

/* All of it: start without a terminal, end of input, wait; fails the test unless it ends with the code. Returns its output. */
const char *client_run(const char *line, int code);

/* The neighbours of the last sshd close their channels to it. */
void link_goes(void);
void supervisor_goes(void);

/* A connection of the test's own: what a client's socket is. */
int connect_raw(void);

#endif
