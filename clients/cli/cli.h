/* One run of the program: what was asked, the gateway it is about, and how to print. */
#ifndef CLIENTS_CLI_CLI_H
#define CLIENTS_CLI_CLI_H

#include <jansson.h>

#include "clients/cli/output.h"
#include "clients/cli/parse.h"
#include "clients/cli/progress.h"
#include "clients/sdk/calls.h"

enum {
	EXIT_USAGE = 2,
	EXIT_INTERRUPTED = 128, /* + the signal */
};

enum format { FORMAT_TABLE, FORMAT_YAML, FORMAT_JSON };

struct cli {
	struct args args;
	struct arena arena;
	struct places places;
	struct gateway gateway;
	struct loop *loop;
	struct connection connection;
	struct progress progress;
	bool color_out, color_err;
	int exit_code; /* when the command returns OK */
	int signal;    /* that asked to stop, once cli_signals was called */
};

/* The whole program; returns the exit code. */
int cli_main(int argc, char **argv);

/* Resolve the gateway, from files alone: cli->gateway. */
enum err cli_gateway(struct cli *cli, struct why *why) must_check;

/* Resolve the gateway and connect to it; used at the first call of each command that talks. */
enum err cli_connect(struct cli *cli, struct why *why) must_check;

/* Drop the connection and make a new one. */
enum err cli_reconnect(struct cli *cli, struct why *why) must_check;

/* Take SIGINT, SIGTERM and SIGHUP through the loop from now on: they set cli->signal. */
enum err cli_signals(struct cli *cli, struct why *why) must_check;

/* A wrong use that the tables could not see: ERR_SYNTAX, exit code 2. */
enum err cli_usage(struct cli *cli, struct why *why, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A line on standard error, after the progress line is gone. */
void cli_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "Error: why" on standard error; commands return their error instead, but for one of several. */
void cli_error(struct cli *cli, const struct why *why);

/* What the command line says. */
const char *cli_text(const struct cli *cli, enum flag_id flag); /* NULL: nothing */
bool cli_on(const struct cli *cli, enum flag_id flag);
char *cli_workspace(const struct cli *cli); /* for requests, which take no const */
enum format cli_format(const struct cli *cli);

/* Print a value in the format that is asked for (yaml or json); takes it over. */
void cli_print(const struct cli *cli, json_t *value);

/* A setting of seconds from the environment, 1 to a day; exit code 2 when it is wrong. */
enum err cli_seconds(
    struct cli *cli, const char *variable, uint64_t fallback, uint64_t *out, struct why *why) must_check;

/* Wait so long, or until a signal asks to stop (after cli_signals). */
enum err cli_pause(struct cli *cli, uint64_t ms, struct why *why) must_check;

/* With --yes OK; on a terminal the user's answer; elsewhere, or no: an error. */
enum err cli_confirm(struct cli *cli, const char *question, struct why *why) must_check;

/* "code" escapes around text where standard output is coloured, in the arena. */
const char *cli_colored(struct cli *cli, const char *code, const char *text);

#endif
