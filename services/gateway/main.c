/* openshell-gateway: its commands, and the help that names them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "services/gateway/config.h"
#include "services/gateway/gateway.h"
#include "services/gateway/reset.h"
#include "services/gateway/rotate.h"
#include "services/gateway/start.h"
#include "services/gateway/status.h"

enum {
	EXIT_NOT_RUNNING = 3, /* of status, as init scripts have it (LSB) */
	EXIT_USAGE = 2,
};

#define HELP_COLUMN 20
#define HELP_WIDTH  110

/* What a command is called with. */
struct call {
	struct config config;
	struct invocation invocation;
	char from[CONFIG_PATH_BYTES];
	int argc;
	char **argv;
};

static int
complain(const struct why *why)
{
	fprintf(stderr, "openshell-gateway: %s\n", why->text);
	return EXIT_FAILURE;
}

static int
run_start(struct call *call)
{
	int progress_fd = call->invocation.progress_fd == 0 ? -1 : (int)call->invocation.progress_fd;
	struct why why = {""};
	enum err r;

	if (!call->invocation.foreground)
		return start_daemon(&call->config, call->argc, call->argv, &why) == OK ? EXIT_SUCCESS : complain(&why);
	log_open("gateway", call->config.log_level);
	if ((r = gateway_run(&call->config, progress_fd, &why)) == OK)
		return EXIT_SUCCESS;
	log_failure("gateway.stopped", r, &why);
	return progress_fd >= 0 ? EXIT_FAILURE : complain(&why);
}

static int
run_stop(struct call *call)
{
	struct why why = {""};

	return status_stop(&call->config, call->invocation.sandboxes, &why) == OK ? EXIT_SUCCESS : complain(&why);
}

static int
run_status(struct call *call)
{
	struct why why = {""};
	bool running;

	if (status_print(&call->config, call->invocation.json, &running, &why) != OK)
		return complain(&why);
	return running ? EXIT_SUCCESS : EXIT_NOT_RUNNING;
}

/* Getting here means that all of it was read and fits together. */
static int
run_check(struct call *call)
{
	char endpoint[96];

	config_endpoint(&call->config, endpoint, sizeof(endpoint));
	printf("%s: good. The gateway would serve at %s with its data in %s.\n",
	    call->from[0] == '\0' ? "No configuration file" : call->from, endpoint, call->config.data_dir);
	return EXIT_SUCCESS;
}

static int
run_reset(struct call *call)
{
	struct why why = {""};

	return reset_run(&call->config, call->invocation.yes, &why) == OK ? EXIT_SUCCESS : complain(&why);
}

static int
run_rotate(struct call *call)
{
	struct why why = {""};

	return rotate_run(&call->config, &why) == OK ? EXIT_SUCCESS : complain(&why);
}

static const struct {
	const char *name, *words;
	int (*run)(struct call *call);
} commands[] = {
    {"start", "start the gateway in the background and wait until it serves", run_start},
    {"stop", "stop it; sandboxes go on running (--sandboxes stops them too)", run_stop},
    {"status", "show whether it runs, and its processes (-o json)", run_status},
    {"check-config", "read the configuration and say what is wrong with it", run_check},
    {"rotate-key", "seal the stored secrets of a running gateway under a new key", run_rotate},
    {"reset", "remove all it made: sandboxes, database, keys, the client's entry (--yes)", run_reset},
};

/* A flag, and behind it or below it what it is, in lines of HELP_WIDTH. */
static void
print_row(FILE *to, const char *flag, const char *words)
{
	size_t at = strlen(flag) + 4;
	struct span rest = span_of_text(words);

	fprintf(to, at < HELP_COLUMN ? "  --%s%*s" : "  --%s\n%*s", flag,
	    (int)(at < HELP_COLUMN ? HELP_COLUMN - at : HELP_COLUMN), "");
	at = HELP_COLUMN;
	while (rest.length > 0) {
		struct span word = span_cut(&rest, ' ');

		if (at > HELP_COLUMN && at + 1 + word.length > HELP_WIDTH) {
			fprintf(to, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		}
		fprintf(to, at > HELP_COLUMN ? " " SPAN_FORMAT : SPAN_FORMAT, SPAN_ARGS(word));
		at += word.length + (at > HELP_COLUMN);
	}
	fputc('\n', to);
}

static void
print_setting(FILE *to, const struct setting *row)
{
	char allowed[128], words[1024];
	struct text text = TEXT_OF(words);

	text_add(&text, "%s", row->help);
	if (row->kind != SETTING_TEXT && row->kind != SETTING_TEXTS)
		text_add(&text, " (%s)", setting_allowed(row, allowed, sizeof(allowed)));
	if (row->initial != NULL && row->initial[0] != '\0')
		text_add(&text, " [default: %s]", row->initial);
	print_row(to, row->flag, words);
}

static void
print_help(FILE *to)
{

	fprintf(to, "openshell-gateway: starts and watches the processes of an OpenShell gateway\n\n"
		    "usage: openshell-gateway COMMAND [flags]\n\n"
		    "Begin with \"openshell-gateway start\": it needs no configuration, makes its own database and "
		    "certificates, and\n"
		    "puts what the client needs where \"openshell\" looks for it.\n\ncommands:\n");
	for (size_t i = 0; i < COUNT(commands); i++)
		fprintf(to, "  %-16s %s\n", commands[i].name, commands[i].words);
	fprintf(to,
	    "\nflags:\n"
	    "  --config FILE    settings as YAML; else $OPENSHELL_GATEWAY_CONFIG, else\n"
	    "                   ~/.config/openshell/gateway.yaml, and for root /etc/openshell/gateway.yaml\n"
	    "  --foreground     start: stay here and log to standard error (for systemd)\n"
	    "  --sandboxes      stop: stop the sandboxes too\n"
	    "  -o, --output     status: table or json\n"
	    "  --yes            reset: do not ask\n"
	    "  --help, --version\n"
	    "\nsettings, each also a line \"key: value\" of the file (--data-dir is data_dir; a flag goes above a\n"
	    "variable, a variable above the file):\n");
	for (const struct setting *row = config_settings; row->key != NULL; row++)
		print_setting(to, row);
	fprintf(to, "\nexit codes: 0 done; 1 it could not be done, one sentence says why; 2 no such command; 3 status: "
		    "not running\n"
		    "docs/configuration.md describes every setting.\n");
}

static int
run(struct call *call, size_t command)
{
	struct why why = {""};

	if (config_load(&call->config, &call->invocation, call->from, call->argc - 2, call->argv + 2, &why) != OK)
		return complain(&why);
	if (call->invocation.file != NULL && commands[command].run != run_check) {
		fprintf(stderr, "openshell-gateway: %s takes no word \"%s\"\n", commands[command].name,
		    log_quote(span_of_text(call->invocation.file)));
		return EXIT_USAGE;
	}
	return commands[command].run(call);
}

static bool
asks(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	auto_free struct call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		abort();
	call->argc = argc;
	call->argv = argv;
	if (asks(argc, argv, "--help") || asks(argc, argv, "-h")) {
		print_help(stdout);
		return EXIT_SUCCESS;
	}
	if (asks(argc, argv, "--version")) {
		printf("openshell-gateway " OPENSHELL_VERSION "\n");
		return EXIT_SUCCESS;
	}
	if (asks(argc, argv, "--settings-doc")) {
		config_doc(stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < COUNT(commands) && argc > 1; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(call, i);
	if (argc > 1)
		fprintf(stderr,
		    "openshell-gateway: there is no command \"%s\"; start, stop, status, check-config, rotate-key and reset are; "
		    "see "
		    "--help\n",
		    log_quote(span_of_text(argv[1])));
	else
		print_help(stderr);
	return EXIT_USAGE;
}
