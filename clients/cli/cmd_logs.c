/* logs: kept lines of a sandbox, and with --tail new ones as they come. */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/check.h"
#include "clients/cli/sandbox.h"
#include "clients/sdk/watch.h"
#include "common/base/clock.h"

#define AGAIN_MS  100
#define AWAY_MS	  60000 /* a gateway that is away for longer is not waited for */
#define LINES_MAX 10000 /* that can be missed meanwhile */

static int
by_key(const void *a, const void *b)
{
	const Openshell__V1__SandboxLogLine__FieldsEntry *const *left = a, *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

/* One object a line; what an event is made of is in its fields. */
static void
line_print_json(const Openshell__V1__SandboxLogLine *line)
{
	json_t *object = json_object(), *fields = json_object();

	for (size_t i = 0; i < line->n_fields; i++)
		json_object_set_new(fields, line->fields[i]->key, json_text(line->fields[i]->value));
	json_object_set_new(object, "timestamp_ms", json_integer(line->timestamp_ms));
	json_object_set_new(object, "source", json_text(line->source));
	json_object_set_new(object, "level", json_text(line->level));
	json_object_set_new(object, "target", json_text(line->target));
	json_object_set_new(object, "message", json_text(line->message));
	json_object_set_new(object, "fields", fields);
	json_line(stdout, object);
}

/* [secs.mmm] [source] [LEVEL] [target] message k=v, fields sorted by key; an event's message has them already. */
static void
line_print_words(const Openshell__V1__SandboxLogLine *line)
{
	bool event = line->level != NULL && strcmp(line->level, "OCSF") == 0;
	size_t n = event ? 0 : line->n_fields;
	auto_arena struct arena arena = {0};
	const Openshell__V1__SandboxLogLine__FieldsEntry **fields;

	printf("[%lld.%03lld] [%-7s] [%-5s] [%s] %s", (long long)(line->timestamp_ms / 1000),
	    (long long)(line->timestamp_ms % 1000),
	    line->source == NULL || line->source[0] == '\0' ? "gateway" : shown(&arena, line->source),
	    shown(&arena, line->level), shown(&arena, line->target), shown(&arena, line->message));
	fields = arena_array(&arena, n + 1, sizeof(*fields));
	for (size_t i = 0; fields != NULL && i < n; i++)
		fields[i] = line->fields[i];
	if (fields != NULL && n > 0)
		qsort(fields, n, sizeof(*fields), by_key);
	for (size_t i = 0; fields != NULL && i < n; i++)
		printf(" %s=%s", shown(&arena, fields[i]->key), shown(&arena, fields[i]->value));
	putchar('\n');
}

static void
line_print(const struct cli *cli, const Openshell__V1__SandboxLogLine *line)
{
	if (cli_format(cli) == FORMAT_JSON)
		line_print_json(line);
	else
		line_print_words(line);
}

/* What was asked of both calls alike. */
struct selection {
	uint32_t lines;
	int64_t since_ms;
	char **sources;
	size_t sources_count;
	char *level;
};

static enum err
selection_make(struct cli *cli, struct selection *out, struct why *why)
{
	const struct value *source = &cli->args.values[FLAG_SOURCE];
	const char *level = cli_text(cli, FLAG_LEVEL), *since = cli_text(cli, FLAG_SINCE);
	uint64_t span_ms;
	enum err r;

	*out = (struct selection){.lines = (uint32_t)cli->args.values[FLAG_LINES].number};
	if (since != NULL) {
		if ((r = since_parse(span_of_text(since), &span_ms, why)) != OK)
			return r;
		out->since_ms = clock_wall_ms() - (int64_t)span_ms;
	}
	if ((out->sources = arena_array(&cli->arena, source->count + 1, sizeof(*out->sources))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; i < source->count; i++)
		if (strcmp(source->list[i], "all") != 0)
			out->sources[out->sources_count++] = (char *)(uintptr_t)source->list[i];
	if (level != NULL && (out->level = arena_text(&cli->arena, span_of_text(level))) != NULL)
		for (char *p = out->level; *p != '\0'; p++)
			*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	return OK;
}

static enum err
logs_once(struct cli *cli, char *id, const struct selection *selection, struct why *why)
{
	Openshell__V1__GetSandboxLogsRequest request = OPENSHELL__V1__GET_SANDBOX_LOGS_REQUEST__INIT;
	Openshell__V1__GetSandboxLogsResponse *answer;
	enum err r;

	request.sandbox_id = id;
	request.workspace = cli_workspace(cli);
	request.has_lines = true;
	request.lines = selection->lines;
	request.has_since_ms = selection->since_ms > 0;
	request.since_ms = selection->since_ms;
	request.sources = selection->sources;
	request.n_sources = selection->sources_count;
	request.min_level = selection->level;
	if ((r = call_GetSandboxLogs(&cli->connection, &request, &answer, why)) != OK)
		return r;
	for (size_t i = 0; i < answer->n_logs; i++)
		line_print(cli, answer->logs[i]);
	call_free(answer);
	return OK;
}

/* Following: how far, so that it can go on behind that when the gateway was away. */
struct tail {
	struct cli *cli;
	bool begun;	   /* the gateway has said something since it was asked last */
	bool plain;	   /* its lines bear no numbers: it cannot go on */
	uint64_t number;   /* of the last line shown */
	uint64_t seen;	   /* how many lines the sandbox had with it */
	uint64_t until_ms; /* how long it is waited for */
};

static enum watch_next
tail_event(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	struct tail *tail = self;
	struct cli *cli = tail->cli;

	tail->begun = true;
	if (event->payload_case == OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_WARNING)
		cli_note(cli, "Warning: %s", shown(&cli->arena, event->warning->message));
	if (event->payload_case != OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_LOG)
		return WATCH_ON;
	line_print(cli, event->log);
	if (event->log->has_number) {
		tail->number = event->log->number;
		tail->seen = event->log->count;
	}
	tail->plain = tail->number == 0;
	if (fflush(stdout) == 0)
		return WATCH_ON;
	fail(why, ERR_SYSTEM, "standard output is closed");
	return WATCH_DONE; /* the end of the program says so */
}

/* The gateway went away after it had begun, or would not wait for us: connect again, until that is of no use any more. */
static bool
tail_again(struct tail *tail, enum err r, struct why *why)
{
	struct why again = {0};

	if ((r != ERR_UNAVAILABLE && r != ERR_LIMIT) || tail->plain || (!tail->begun && tail->until_ms == 0))
		return false;
	if (tail->begun) {
		if (r == ERR_UNAVAILABLE)
			cli_note(tail->cli, "The gateway went away (%s); the log goes on when it is back.", why->text);
		tail->until_ms = clock_ms() + AWAY_MS;
	}
	tail->begun = false;
	while (clock_ms() < tail->until_ms && cli_pause(tail->cli, AGAIN_MS, &again) == OK)
		if (cli_reconnect(tail->cli, &again) == OK)
			return true;
	return false;
}

static enum err
logs_tail(struct cli *cli, char *id, const struct selection *selection, struct why *why)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct tail tail = {.cli = cli};
	const struct watching watching = {.request = &request, .event = tail_event, .self = &tail};
	enum err r;

	request.id = id;
	request.has_follow_logs = request.follow_logs = true;
	request.has_log_tail_lines = true;
	request.log_tail_lines = selection->lines;
	request.has_log_since_ms = selection->since_ms > 0;
	request.log_since_ms = selection->since_ms;
	request.log_sources = selection->sources;
	request.n_log_sources = selection->sources_count;
	request.log_min_level = selection->level;
	while (tail_again(&tail, r = watch_sandbox(&cli->connection, &watching, why), why)) {
		request.has_log_after = tail.number > 0;
		request.log_after = tail.number;
		request.has_log_seen = tail.seen > 0;
		request.log_seen = tail.seen;
		request.log_tail_lines = tail.number > 0 ? LINES_MAX : selection->lines;
	}
	return r == ERR_NOT_FOUND && cli->connection.status.code == 0 ? OK : r; /* it was deleted: that is the end */
}

enum err
run_logs(struct cli *cli, struct why *why)
{
	Openshell__V1__SandboxResponse *answer;
	struct selection selection;
	char *name;
	enum err r;

	if ((r = selection_make(cli, &selection, why)) != OK || (r = cli_connect(cli, why)) != OK ||
	    (r = sandbox_choose(cli, cli->args.operands_count > 0 ? cli->args.operands[0] : NULL, &name, why)) != OK ||
	    (r = sandbox_fetch(cli, name, &answer, why)) != OK)
		return r;
	r = cli_on(cli, FLAG_TAIL) ? logs_tail(cli, answer->sandbox->metadata->id, &selection, why)
				   : logs_once(cli, answer->sandbox->metadata->id, &selection, why);
	call_free(answer);
	return r;
}
