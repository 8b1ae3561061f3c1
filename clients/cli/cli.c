/* One run of the program: parse, run, say what went wrong, exit code. */
#include "clients/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/help.h"
#include "clients/sdk/shown.h"
#include "common/base/clean.h"
#include "common/base/log.h"

#define SECONDS_MAX 86400
#define GROUP_DEPTH 2 /* openshell and its groups alone are asked what they hold; a group of a group wants a command */

enum err
cli_gateway(struct cli *cli, struct why *why)
{
	const struct gateway_choice choice = {cli_text(cli, FLAG_ENDPOINT), cli_text(cli, FLAG_GATEWAY)};

	return gateway_resolve(&cli->places, &choice, &cli->arena, &cli->gateway, why);
}

enum err
cli_connect(struct cli *cli, struct why *why)
{
	enum err r;

	if ((r = cli_gateway(cli, why)) != OK)
		return r;
	if (cli->loop == NULL && (r = loop_new(&cli->loop, why)) != OK)
		return r;
	return connection_open(
	    &cli->connection, cli->loop, &cli->places, &cli->gateway, cli_on(cli, FLAG_INSECURE), why);
}

enum err
cli_reconnect(struct cli *cli, struct why *why)
{
	connection_close(&cli->connection);
	return connection_open(
	    &cli->connection, cli->loop, &cli->places, &cli->gateway, cli_on(cli, FLAG_INSECURE), why);
}

static void
got_signal(void *self, int number)
{
	struct cli *cli = self;

	cli->signal = number;
}

enum err
cli_signals(struct cli *cli, struct why *why)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	enum err r = OK;

	for (size_t i = 0; i < COUNT(signals) && r == OK; i++)
		r = loop_signal(cli->loop, signals[i], got_signal, cli, why);
	return r;
}

enum err
cli_usage(struct cli *cli, struct why *why, const char *format, ...)
{
	char reason[WHY_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	cli->exit_code = EXIT_USAGE;
	return fail(why, ERR_SYNTAX, "%s", reason);
}

void
cli_note(struct cli *cli, const char *format, ...)
{
	va_list args;

	progress_stop(&cli->progress);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void
cli_error(struct cli *cli, const struct why *why)
{
	progress_stop(&cli->progress);
	/* It may repeat what a stranger wrote. */
	fprintf(stderr, cli->color_err ? "\x1b[31mError:\x1b[0m %s\n" : "Error: %s\n", shown(&cli->arena, why->text));
}

const char *
cli_text(const struct cli *cli, enum flag_id flag)
{
	return cli->args.values[flag].text;
}

bool
cli_on(const struct cli *cli, enum flag_id flag)
{
	return cli->args.values[flag].on;
}

char *
cli_workspace(const struct cli *cli)
{
	return (char *)(uintptr_t)cli_text(cli, FLAG_WORKSPACE);
}

enum format
cli_format(const struct cli *cli)
{
	const char *text = cli_text(cli, FLAG_OUTPUT);

	if (text == NULL || strcmp(text, "table") == 0)
		return FORMAT_TABLE;
	return strcmp(text, "yaml") == 0 ? FORMAT_YAML : FORMAT_JSON;
}

void
cli_print(const struct cli *cli, json_t *value)
{
	if (cli_format(cli) == FORMAT_YAML)
		yaml_print(stdout, value);
	else
		json_print(stdout, value);
}

enum err
cli_seconds(struct cli *cli, const char *variable, uint64_t fallback, uint64_t *out, struct why *why)
{
	const char *text = getenv(variable);

	*out = fallback;
	if (text == NULL || text[0] == '\0' || number_parse(span_of_text(text), 1, SECONDS_MAX, out, NULL) == OK)
		return OK;
	return cli_usage(cli, why, "%s \"%.40s\": it is a number of seconds from 1 to %d", variable,
	    shown(&cli->arena, text), SECONDS_MAX);
}

const char *
cli_colored(struct cli *cli, const char *code, const char *text)
{
	const char *colored = cli->color_out ? arena_format(&cli->arena, "\x1b[%sm%s\x1b[0m", code, text) : NULL;

	return colored == NULL ? text : colored;
}

static void
woken(void *self)
{
	*(bool *)self = true;
}

enum err
cli_pause(struct cli *cli, uint64_t ms, struct why *why)
{
	struct timer timer = {0};
	bool over = false;
	enum err r = OK;

	loop_timer_set(cli->loop, &timer, ms, woken, &over);
	while (!over && cli->signal == 0 && r == OK)
		r = loop_turn(cli->loop, -1, why);
	loop_timer_stop(cli->loop, &timer);
	return r;
}

enum err
cli_confirm(struct cli *cli, const char *question, struct why *why)
{
	char line[16] = "";

	if (cli_on(cli, FLAG_YES))
		return OK;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail(why, ERR_INVALID, "this concerns every sandbox of the gateway: confirm it with --yes");
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'))
		return OK;
	return fail(why, ERR_CANCELLED, "nothing was changed");
}

/* Run the command that was found; its exit code. */
static int
run(struct cli *cli, struct why *why)
{
	const struct command *command = cli->args.command;
	enum err r;

	if (cli->args.version) {
		printf("openshell " OPENSHELL_VERSION "\n");
		return EXIT_SUCCESS;
	}
	if (cli->args.help || (command->run == NULL && cli->args.depth <= GROUP_DEPTH)) {
		help_print(stdout, &cli->args, cli->color_out);
		return EXIT_SUCCESS;
	}
	if (command->run == NULL) {
		help_print(stderr, &cli->args, cli->color_err);
		return EXIT_USAGE;
	}
	r = places_find(&cli->places, why);
	if (r == OK)
		r = command->run(cli, why);
	progress_stop(&cli->progress);
	if (r == OK)
		return cli->exit_code;
	if (r == ERR_CANCELLED && cli->signal != 0)
		return EXIT_INTERRUPTED + cli->signal;
	cli_error(cli, why);
	return cli->exit_code != 0 ? cli->exit_code : EXIT_FAILURE;
}

/* Did all of standard output arrive? A reader that went away is no error of ours, but the exit code says so.
 */
static int
finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno == EPIPE)
		return code != 0 ? code : EXIT_INTERRUPTED + SIGPIPE;
	fprintf(stderr, "Error: standard output: %s\n", strerror(errno));
	return code != 0 ? code : EXIT_FAILURE;
}

/* With every descriptor 0 to 2 open, no socket of ours is taken for one of them. */
static void
streams_open(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			abort();
}

int
cli_main(int argc, char **argv)
{
	struct cli cli = {0};
	struct why why = {0};
	const char *no_color = getenv("NO_COLOR");
	int code;

	streams_open();
	signal(SIGPIPE, SIG_IGN);
	cli.color_out = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0');
	cli.color_err = isatty(STDERR_FILENO) && (no_color == NULL || no_color[0] == '\0');
	cli.arena.max_bytes = 64u << 20;
	if (args_parse(&command_root, argc, argv, getenv, &cli.arena, &cli.args, &why) == OK) {
		uint64_t verbose = cli.args.values[FLAG_VERBOSE].number;

		log_open("openshell", verbose == 0   ? LOG_LEVEL_WARNING
				      : verbose == 1 ? LOG_LEVEL_INFO
						     : LOG_LEVEL_DEBUG);
		code = run(&cli, &why);
	} else {
		cli_error(&cli, &why);
		code = EXIT_USAGE;
	}
	connection_close(&cli.connection);
	loop_free(cli.loop);
	arena_reset(&cli.arena);
	return finish(code);
}
